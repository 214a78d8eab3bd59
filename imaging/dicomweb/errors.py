"""Refusals that only DICOMweb knows. 406 and 415 stand outside the five kinds, so the routes name the status."""

from fastapi import HTTPException

from telehealth.core.i18n import gettext


class NotAcceptable(HTTPException):
    def __init__(self) -> None:
        super().__init__(406, gettext("None of the offered formats can be given"))


class NotMultipart(HTTPException):
    def __init__(self) -> None:
        super().__init__(415, gettext("The message is not multipart/related with application/dicom parts"))


class TooSlow(HTTPException):
    def __init__(self) -> None:
        super().__init__(408, gettext("The message came too slowly and was given up; please send it again"))
