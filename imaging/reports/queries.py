"""Reads that reports, pages and documents share."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports.models import Annotation, AnnotationKind, Report, ReportDocument, ReportVersion
from imaging.store.models import Study


async def report_of_referral(session: AsyncSession, referral_id: UUID) -> Report | None:
    return (await session.exec(select(Report).where(Report.referral_id == referral_id))).first()


async def versions(session: AsyncSession, report_id: UUID) -> Sequence[ReportVersion]:
    """Signed versions, the newest first."""
    found = select(ReportVersion).where(ReportVersion.report_id == report_id).order_by(col(ReportVersion.version).desc())
    return (await session.exec(found)).all()


async def document(session: AsyncSession, version_id: UUID, kind: str) -> ReportDocument | None:
    """kind: pdf or sr."""
    found = select(ReportDocument).where(ReportDocument.version_id == version_id, ReportDocument.kind == kind)
    return (await session.exec(found)).first()


async def studies_of_referral(session: AsyncSession, referral_id: UUID) -> Sequence[Study]:
    """Oldest first."""
    return (await session.exec(select(Study).where(Study.referral_id == referral_id).order_by(col(Study.id)))).all()


async def marks_of_referral(session: AsyncSession, referral_id: UUID) -> list[dict[str, Any]]:
    """The present marks on every image of the question, in the order they were made."""
    rows = await session.exec(
        select(Annotation, Study.uid)
        .join(Study, col(Study.id) == col(Annotation.study_id))
        .where(Study.referral_id == referral_id, col(Annotation.current).is_(True), col(Annotation.removed).is_(False))
        .order_by(col(Annotation.at), col(Annotation.mark_id))
    )
    return [_plain(mark, study_uid) for mark, study_uid in rows]


def _plain(mark: Annotation, study_uid: str) -> dict[str, Any]:
    return {
        "mark_id": str(mark.mark_id),
        "version": mark.version,
        "kind": mark.kind,
        "study_uid": study_uid,
        "series_uid": mark.series_uid,
        "sop_uid": mark.sop_uid,
        "frame": mark.frame,
        "points": mark.points,
        "label": mark.label,
        "measurements": mark.measurements,
        "author": mark.author_name,
    }


def split_marks(marks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(key images, everything drawn)."""
    key = [mark for mark in marks if mark["kind"] == AnnotationKind.KEY_IMAGE]
    return key, [mark for mark in marks if mark["kind"] != AnnotationKind.KEY_IMAGE]
