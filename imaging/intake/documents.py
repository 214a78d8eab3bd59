"""What is sent beside images: letters, films taken by phone, clips. Kept as they are, shown with the question they belong to."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake.models import FileVerdict, Upload, UploadFile
from telehealth.core.db import fetch
from telehealth.core.errors import NotFound

KIND = "document"
"""The blobs' kind, and the name of the fact that says which media type it is."""


def media_type_of(file: UploadFile) -> str:
    """Empty for what is no document."""
    return str(file.facts.get(KIND, ""))


async def of_question(session: AsyncSession, referral_id: UUID) -> list[UploadFile]:
    """Oldest first, the same content once. The caller has checked the question."""
    rows: Sequence[UploadFile] = (
        await session.exec(
            select(UploadFile)
            .join(Upload, col(UploadFile.upload_id) == Upload.id)
            .where(
                Upload.referral_id == referral_id, UploadFile.verdict == FileVerdict.STORED, col(UploadFile.study_id).is_(None)
            )
            .order_by(col(UploadFile.at))
        )
    ).all()
    return list({file.sha256: file for file in reversed(rows) if media_type_of(file)}.values())[::-1]


async def see(session: AsyncSession, referral_id: UUID, file_id: UUID) -> UploadFile:
    """One document of a question. The caller has checked the question. Raises NotFound."""
    file = await fetch(session, UploadFile, file_id)
    upload = await fetch(session, Upload, file.upload_id)
    if upload.referral_id != referral_id or not media_type_of(file):
        raise NotFound()
    return file
