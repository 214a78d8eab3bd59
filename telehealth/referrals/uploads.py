"""Images for a question: who may send them, and under whose name they are filed."""

from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake import documents
from imaging.intake import service as intake
from imaging.intake.models import Upload, UploadFile, UploadState
from imaging.store.service import Filing
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import NotFound
from telehealth.core.lifecycle import NotPossible
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Referral
from telehealth.referrals.queries import scope_of

CLOSED = (ReferralStatus.CANCELLED, ReferralStatus.CLOSED)


async def find(session: AsyncSession, text: str) -> Referral:
    """A question by its id or its code, for commands. Raises NotFound."""
    try:
        named = or_(Referral.code == text, Referral.id == UUID(text))
    except ValueError:
        named = Referral.code == text.strip().upper()  # type: ignore[assignment]
    referral = (await session.exec(select(Referral).where(named))).first()
    if referral is None:
        raise NotFound()
    return referral


async def to_receive(session: AsyncSession, actor: Actor, referral_id: UUID | str) -> Referral:
    """The question, if this person may add images to it. Raises NotFound to strangers."""
    referral = await fetch(session, Referral, referral_id)
    access.ensure(actor, Action.UPLOAD_IMAGES, scope_of(referral), hidden=True)
    return referral


async def going_on(session: AsyncSession, actor: Actor, referral_id: UUID | str) -> Upload:
    """This person's open upload for the question, or a new one: for clients that know files but no uploads."""
    referral = await to_receive(session, actor, referral_id)
    own = select(Upload).where(Upload.referral_id == referral.id, Upload.account_id == actor.account_id)
    own = own.where(Upload.state == UploadState.OPEN).order_by(col(Upload.created_at).desc())
    if found := (await session.exec(own.limit(1))).first():
        return await intake.opened(session, actor, found.id)
    return await open_upload(session, actor, referral_id)


async def open_upload(session: AsyncSession, actor: Actor, referral_id: UUID | str, expected_files: int | None = None) -> Upload:
    """Begin an upload that is filed under the question and its patient."""
    referral = await to_receive(session, actor, referral_id)
    if referral.status in CLOSED:
        raise NotPossible(state=referral.status, event="upload")
    filing = Filing(referral.from_organisation_id, referral.patient_id, referral.id, referral.expected_instances)
    return await intake.begin(session, actor, filing, expected_files)


async def see_document(session: AsyncSession, actor: Actor, referral_id: UUID, file_id: UUID) -> UploadFile:
    """A document of the question, for whoever may see its images. Raises NotFound to strangers."""
    referral = await fetch(session, Referral, referral_id)
    access.ensure(actor, Action.SEE_IMAGES, scope_of(referral), hidden=True)
    file = await documents.see(session, referral.id, file_id)
    audit.record(session, actor, "document.opened", file.id, patient_id=referral.patient_id, purpose=referral.id)
    return file
