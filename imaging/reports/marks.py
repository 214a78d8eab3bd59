"""Marks on images. Every change is a version with its author; numbers are ours, from points and the image's own calibration."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import geometry, measurement, sandbox
from imaging.dicom.errors import Uncalibrated, Undecodable
from imaging.reports.mark_errors import MarkChanged, NotOnImage
from imaging.reports.mark_schemas import MarkIn, MarkOut
from imaging.reports.models import Annotation, AnnotationKind
from imaging.store import access
from imaging.store.models import Instance, Series, Study
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs
from telehealth.core.errors import NotFound
from telehealth.identity.access import Action

REGIONS = (AnnotationKind.RECTANGLE, AnnotationKind.ELLIPSE)
NUMBERS = {"mean": "mean", "std": "standard_deviation", "min": "minimum", "max": "maximum"}
SQUARE = (1.0, 1.0)
"""Without calibration: lengths and areas in pixels, and said so."""


@dataclass(frozen=True)
class Marked:
    """The image that a mark lies on. metadata: DICOM JSON of the instance."""

    study: Study
    instance: Instance
    metadata: dict[str, Any]


async def study_of(session: AsyncSession, actor: Actor, study_uid: str, action: Action = Action.SEE_IMAGES) -> Study:
    """Raises NotFound for a foreign study as for none, Forbidden where only the action is foreign."""
    study = (await session.exec(select(Study).where(Study.uid == study_uid))).first()
    if study is None:
        raise NotFound()
    access.ensure(actor, study, action)
    return study


async def list_marks(session: AsyncSession, actor: Actor, study_uid: str) -> list[MarkOut]:
    """The present marks of a study, oldest first. One read in the audit log, however many there are."""
    study = await study_of(session, actor, study_uid)
    rows = await session.exec(
        select(Annotation)
        .where(Annotation.study_id == study.id, col(Annotation.current), ~col(Annotation.removed))
        .order_by(col(Annotation.at), col(Annotation.mark_id))
    )
    audit.record(session, actor, "marks.read", study.id, patient_id=study.patient_id, purpose=study.referral_id or "")
    return [out(row, actor) for row in rows]


async def image_of(session: AsyncSession, actor: Actor, study_uid: str, mark: MarkIn) -> Marked:
    """The image to be marked. Raises NotFound, Forbidden, NotOnImage."""
    study = await study_of(session, actor, study_uid, Action.ANNOTATE)
    found = await session.exec(
        select(Instance)
        .join(Series, col(Series.id) == col(Instance.series_id))
        .where(Instance.study_id == study.id, Instance.sop_uid == mark.sop_uid, Series.uid == mark.series_uid)
    )
    instance = found.first()
    if instance is None:
        raise NotFound()
    if mark.frame > max(1, instance.frames):
        raise NotOnImage()
    return Marked(study, instance, json.loads(instance.metadata_json or "{}"))


async def measure(blobs: Blobs, image: Marked, mark: MarkIn) -> dict[str, Any]:
    """What the mark measures, units in the names; reads pixels for regions, so call it outside any transaction."""
    spacing = measurement.spacing_of(image.metadata)
    points = np.asarray(mark.points, dtype=np.float64)
    if mark.kind in REGIONS:
        return _area(points, spacing, mark.kind) | await _values(blobs, image, mark)
    if mark.kind == AnnotationKind.LENGTH:
        name = "length_mm" if spacing else "length_px"
        return {name: round(geometry.length_mm(points, spacing or SQUARE), 3), "calibrated": spacing is not None}
    if mark.kind == AnnotationKind.ANGLE:
        return _angle(points, spacing)
    return {}


def _angle(points: geometry.Points, spacing: geometry.Spacing | None) -> dict[str, Any]:
    """Nothing for arms without a length: that is no angle."""
    try:
        return {"angle_deg": round(geometry.angle_deg(points, spacing or SQUARE), 2)}
    except Uncalibrated:
        return {}


def _area(corners: geometry.Points, spacing: geometry.Spacing | None, kind: AnnotationKind) -> dict[str, Any]:
    width, height = np.abs(corners[1] - corners[0])
    between_rows, between_columns = spacing or SQUARE
    share = np.pi / 4 if kind == AnnotationKind.ELLIPSE else 1.0
    area = float(width * between_columns * height * between_rows * share)
    return {"area_mm2" if spacing else "area_px": round(area, 3), "calibrated": spacing is not None}


async def _values(blobs: Blobs, image: Marked, mark: MarkIn) -> dict[str, Any]:
    """Of grey values after the modality transform; colours, and pixels that cannot be read, have none."""
    if image.metadata.get("00280002", {}).get("Value", [1]) != [1]:
        return {"no_statistics": "no-grey-values"}
    path = await blobs.local(image.instance.blob_key)
    try:
        found = await sandbox.statistics(path, mark.frame, str(mark.kind), [list(point) for point in mark.points])
    except Undecodable:
        return {"no_statistics": "undecodable"}
    if not found["count"]:
        return {"no_statistics": "outside"}
    numbers = {name: round(found[long], 3) for name, long in NUMBERS.items()}
    return numbers | {"unit": found["unit"]}


async def save(
    session: AsyncSession, actor: Actor, mark_id: UUID, mark: MarkIn, image: Marked, measured: dict[str, Any]
) -> Annotation:
    """Write the next version. The same save twice is one version. Raises MarkChanged."""
    access.ensure(actor, image.study, Action.ANNOTATE)
    newest = await _newest(session, mark_id)
    if newest is not None and newest.study_id != image.study.id:
        raise NotFound()  # an id of another study is none of this one's business
    if newest is not None and _is_repeat(newest, mark, actor):
        return newest
    _expect(newest, mark.expected_version)
    row = Annotation(
        mark_id=mark_id,
        version=mark.expected_version + 1,
        study_id=image.study.id,
        series_uid=mark.series_uid,
        sop_uid=mark.sop_uid,
        frame=mark.frame,
        kind=mark.kind,
        points=[list(point) for point in mark.points],
        points_mm=measurement.in_patient(mark.points, image.metadata),
        label=mark.label,
        measurements=measured,
        author_id=_person(actor),
        author_name=actor.name,
    )
    await _append(session, newest, row)
    _record(session, actor, "mark.saved", image.study, row)
    return row


async def remove(session: AsyncSession, actor: Actor, study_uid: str, mark_id: UUID, expected_version: int) -> None:
    """Write a last version that says removed. Removing twice is one removal. Raises NotFound, MarkChanged."""
    study = await study_of(session, actor, study_uid, Action.ANNOTATE)
    newest = await _newest(session, mark_id)
    if newest is None or newest.study_id != study.id:
        raise NotFound()
    if newest.removed:
        return
    _expect(newest, expected_version)
    kept = newest.model_dump(exclude={"id", "at", "version", "removed", "author_id", "author_name"})
    row = Annotation(**kept, version=newest.version + 1, removed=True, author_id=_person(actor), author_name=actor.name)
    await _append(session, newest, row)
    _record(session, actor, "mark.removed", study, row)


async def _newest(session: AsyncSession, mark_id: UUID) -> Annotation | None:
    found = select(Annotation).where(Annotation.mark_id == mark_id, col(Annotation.current)).with_for_update()
    return (await session.exec(found)).first()


def _is_repeat(newest: Annotation, mark: MarkIn, actor: Actor) -> bool:
    same = (newest.version, newest.removed, newest.author_id) == (mark.expected_version + 1, False, actor.account_id)
    return same and (newest.sop_uid, newest.frame, newest.kind, newest.points, newest.label) == (
        mark.sop_uid,
        mark.frame,
        mark.kind,
        [list(point) for point in mark.points],
        mark.label,
    )


def _expect(newest: Annotation | None, version: int) -> None:
    held = newest.version if newest else 0
    if held != version or (newest is not None and newest.removed):
        raise MarkChanged(version=held)


async def _append(session: AsyncSession, newest: Annotation | None, row: Annotation) -> None:
    if newest is not None:
        newest.current = False
        session.add(newest)
    session.add(row)
    try:
        await session.flush()  # the unique index on (mark_id, version) decides between two savers
    except IntegrityError:
        raise MarkChanged() from None


def _person(actor: Actor) -> UUID:
    assert actor.account_id is not None
    return actor.account_id


def _record(session: AsyncSession, actor: Actor, act: str, study: Study, row: Annotation) -> None:
    facts: dict[str, Any] = {"version": row.version, "kind": str(row.kind), "study_id": str(study.id)}
    audit.record(session, actor, act, row.mark_id, patient_id=study.patient_id, purpose=study.referral_id or "", **facts)


def out(row: Annotation, actor: Actor) -> MarkOut:
    return MarkOut.model_validate(row.model_dump() | {"mine": row.author_id == actor.account_id})
