"""Who is told what about a referral. Texts live with notifications; facts here are codes, never findings."""

from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.actor import Role
from telehealth.identity.models import Account
from telehealth.notifications.models import Channel
from telehealth.notifications.service import notify
from telehealth.referrals import queries
from telehealth.referrals.models import Priority, Referral


def clinic_page(referral: Referral) -> str:
    return f"/clinic/referrals/{referral.id}"


async def tell(session: AsyncSession, account_id: UUID, template: str, referral: Referral, link: str, mark: str = "") -> None:
    """One person, in the application and by e-mail where there is one. mark: tells repeated notices apart."""
    account = await session.get(Account, account_id)
    if account is None:
        return
    facts = {"code": referral.code, "priority": referral.priority}
    for channel, address in ((Channel.IN_APP, ""), (Channel.EMAIL, account.email or "")):
        if channel is Channel.EMAIL and not address:
            continue
        await notify(
            session,
            template=template,
            channel=channel,
            address=address,
            account_id=account_id,
            language=account.language,
            facts=facts,
            link=link,
            subject_id=referral.id,
            dedupe_key=f"{template}:{referral.id}:{account_id}:{channel}:{mark}",
        )


async def to_readers(session: AsyncSession, referral: Referral) -> None:
    """STAT and urgent questions ring every reader of the unit; routine ones wait on the worklist."""
    if referral.priority == Priority.ROUTINE:
        return
    for reader in await queries.readers_of(session, referral.to_organisation_id):
        await tell(session, reader.id, "referral_submitted", referral, "/worklist")


async def info_requested(session: AsyncSession, referral: Referral) -> None:
    for account_id in _askers(referral):
        await tell(session, account_id, "referral_info_requested", referral, clinic_page(referral), _time(referral))


async def info_given(session: AsyncSession, referral: Referral) -> None:
    if referral.reader_id:
        await tell(session, referral.reader_id, "info_given", referral, f"/reading/{referral.id}", _time(referral))


async def declined(session: AsyncSession, referral: Referral) -> None:
    """The clinic is told once, however often the question is passed on."""
    if referral.submitted_by:
        await tell(session, referral.submitted_by, "referral_declined", referral, clinic_page(referral))


async def answered(session: AsyncSession, referral: Referral, version: int) -> None:
    """The signed answer; a critical one also rings the phone that the clinic gave."""
    template = "report_critical" if referral.critical else "report_signed"
    for account_id in _askers(referral):
        await tell(session, account_id, template, referral, clinic_page(referral), str(version))
    if referral.critical and referral.callback_phone:
        await notify(
            session,
            template=template,
            channel=Channel.SMS,
            address=referral.callback_phone,
            facts={"code": referral.code, "priority": referral.priority},
            link=clinic_page(referral),
            subject_id=referral.id,
            dedupe_key=f"{template}:{referral.id}:phone:{version}",
        )


async def unread(session: AsyncSession, referral: Referral, level: int) -> list[str]:
    """Ring the next named people. Returns their ids. 1: every doctor of the clinic. 2 and above: the province's desk."""
    doctors = await queries.people(session, Role.REFERRING_DOCTOR, referral.from_organisation_id)
    desk = await queries.people(session, Role.COORDINATOR)
    called = doctors if level == 1 and doctors else desk
    link = clinic_page(referral) if called is doctors else "/operations"
    for account in called:
        await tell(session, account.id, "report_unread_escalated", referral, link, str(level))
    return [str(account.id) for account in called]


def _askers(referral: Referral) -> list[UUID]:
    """Who answers for the question, and who wrote it."""
    return list(dict.fromkeys(filter(None, (referral.submitted_by, referral.created_by))))


def _time(referral: Referral) -> str:
    """Tells the first question back from the second."""
    return str(len(referral.due_because)) + (referral.due_at.isoformat() if referral.due_at else "")
