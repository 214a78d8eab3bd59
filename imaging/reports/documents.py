"""What is made of a signed version: PDF and DICOM SR, each once, after the signature or when first asked for."""

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Exists, and_, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import sandbox
from imaging.dicom.errors import Undecodable
from imaging.dicom.refusals import Refusal
from imaging.reports import pdf, queries
from imaging.reports.models import Report, ReportDocument, ReportVersion
from imaging.store.models import Instance, Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core import clock, jobs
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import Blobs, put_bytes
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import Conflict, NotFound
from telehealth.core.jobs import Job

log = structlog.get_logger()
PICTURES = 6
PICTURE_PX = 640
SWEPT_FOR = timedelta(days=7)


@dataclass(frozen=True)
class _Facts:
    """What both documents need, read in one short transaction."""

    version: ReportVersion
    report: Report
    study: Study | None
    instances: dict[str, Instance]
    """By SOP Instance UID: the marked ones, and one of the study at least."""
    done: dict[str, ReportDocument]


async def pdf_of(engine: AsyncEngine, blobs: Blobs, version_id: UUID) -> bytes:
    """The PDF's bytes; made at once where the job did not come to it yet."""
    facts = await _read(engine, version_id)
    row = facts.done.get("pdf") or await _make_pdf(engine, blobs, facts)
    return await blobs.read(row.blob_key)


async def render(engine: AsyncEngine, blobs: Blobs, version_id: UUID) -> None:
    """Make what is missing. Long work stands between two short transactions; doing it twice changes nothing."""
    facts = await _read(engine, version_id)
    if "pdf" not in facts.done:
        await _make_pdf(engine, blobs, facts)
    if "sr" not in facts.done and facts.study is not None and facts.instances:
        await _make_sr(engine, blobs, facts)


async def ask_for_missing(session: AsyncSession, limit: int = 20) -> None:
    """The sweep: a signed version of the last week whose PDF, or SR beside its images, was never made, is asked for again."""
    jobs_for = select(ReportVersion.id).join(Report, col(Report.id) == col(ReportVersion.report_id))
    has_images = select(Study.id).where(Study.referral_id == Report.referral_id, Study.instance_count > 0).exists()
    lacking = or_(~_made("pdf"), and_(has_images, ~_made("sr")))
    recent = col(ReportVersion.signed_at) > clock.now() - SWEPT_FOR
    for version_id in await session.exec(jobs_for.where(lacking, recent).limit(limit)):
        jobs.enqueue(session, Job.RENDER_REPORT, version_id=version_id)


def _made(kind: str) -> Exists:
    return select(ReportDocument.id).where(ReportDocument.version_id == ReportVersion.id, ReportDocument.kind == kind).exists()


async def _read(engine: AsyncEngine, version_id: UUID) -> _Facts:
    async with session_scope(engine) as session:
        version = await fetch(session, ReportVersion, version_id)
        report = await fetch(session, Report, version.report_id)
        studies = await queries.studies_of_referral(session, report.referral_id)
        content = json.loads(version.content)
        marked = {mark["sop_uid"] for mark in [*content["key_images"], *content["measurements"]]}
        rows = await session.exec(select(Instance).where(col(Instance.sop_uid).in_(marked)))
        instances = {row.sop_uid: row for row in rows}
        study = studies[0] if studies else None
        if instances:
            study = await fetch(session, Study, next(iter(instances.values())).study_id)
            instances = {uid: row for uid, row in instances.items() if row.study_id == study.id}
        elif study is not None:
            first = select(Instance).where(Instance.study_id == study.id).order_by(col(Instance.id)).limit(1)
            instances = {row.sop_uid: row for row in await session.exec(first)}
        found = await session.exec(select(ReportDocument).where(ReportDocument.version_id == version_id))
        return _Facts(version, report, study, instances, {row.kind: row for row in found})


async def _make_pdf(engine: AsyncEngine, blobs: Blobs, facts: _Facts) -> ReportDocument:
    key_images = json.loads(facts.version.content)["key_images"][:PICTURES]
    pictures = [picture for mark in key_images if (picture := await _picture(blobs, facts, mark))]
    made = await asyncio.to_thread(pdf.make_pdf, facts.version.content, facts.version.content_hash, pictures)
    key, digest = await put_bytes(blobs, "report", made)
    return await _keep(engine, facts.version.id, "pdf", key, digest, len(made))


async def _picture(blobs: Blobs, facts: _Facts, mark: dict[str, Any]) -> pdf.Picture | None:
    """A key image as a small JPEG; None where its pixels cannot be shown, so that the report is made all the same."""
    instance = facts.instances.get(mark["sop_uid"])
    if instance is None or instance.undecodable or not instance.frames:
        return None
    try:
        jpeg = await sandbox.thumbnail(await blobs.local(instance.blob_key), int(mark["frame"]), PICTURE_PX)
    except Undecodable as error:
        log.warning("key_image_left_out", instance_id=str(instance.id), reason=str(error))
        return None
    where = f"Series {mark['series_uid'][-6:]}, {instance.number or '?'}" if not mark["label"] else mark["label"]
    return pdf.Picture("data:image/jpeg;base64," + b64encode(jpeg).decode(), where)


async def _make_sr(engine: AsyncEngine, blobs: Blobs, facts: _Facts) -> None:
    from imaging.reports import sr  # heavy, and needed only where one is made

    assert facts.study is not None
    evidence = []
    for instance in facts.instances.values():
        evidence.append(await asyncio.to_thread(sr.read_header, await blobs.local(instance.blob_key)))
    content, version_id = facts.version.content, str(facts.version.id)
    made, uid = await asyncio.to_thread(sr.make_sr, content, version_id, sr.identity_of(evidence[0]), evidence)
    filing = Filing(
        organisation_id=facts.study.organisation_id, patient_id=facts.study.patient_id, referral_id=facts.study.referral_id
    )
    answer = await receive(engine, blobs, SYSTEM, _whole(made), filing)
    if isinstance(answer, Refusal):
        raise Conflict(f"our own SR was refused: {answer.code}")
    key, digest = await put_bytes(blobs, "report", made)
    await _keep(engine, facts.version.id, "sr", key, digest, len(made), uid)


async def _whole(content: bytes) -> Any:
    yield content


async def _keep(
    engine: AsyncEngine, version_id: UUID, kind: str, key: str, digest: str, size: int, sop_uid: str = ""
) -> ReportDocument:
    """The document's row; of two that were made at once the first stays."""
    row = ReportDocument(version_id=version_id, kind=kind, blob_key=key, sha256=digest, size=size, sop_uid=sop_uid)
    try:
        async with session_scope(engine) as session:
            session.add(row)
            await session.flush()
        return row
    except IntegrityError:
        async with session_scope(engine) as session:
            kept = await queries.document(session, version_id, kind)
            if kept is None:
                raise NotFound() from None
            return kept
