"""Notices leave here. The row knows whether it left; a doubled message sends once, a lost one is found by the sweep."""

from datetime import timedelta
from uuid import UUID

import structlog
from celery import shared_task
from sqlalchemy.ext.asyncio import AsyncEngine

from telehealth.core import portal
from telehealth.core.db import session_scope
from telehealth.core.errors import Unavailable
from telehealth.core.jobs import Job
from telehealth.core.settings import Settings, settings
from telehealth.notifications import channels, service

log = structlog.get_logger()


@shared_task(name=Job.SEND_CODE)
def send_code(code_id: str) -> None:
    """Turn a one-time code into a text message."""
    portal.run_async(pass_on, portal.engine(), settings(), UUID(code_id))


@shared_task(name=Job.DELIVER_NOTICE)
def deliver_notice(notice_id: str) -> None:
    """Send one notice, if nobody else has."""
    portal.run_async(deliver, portal.engine(), settings(), UUID(notice_id))


@shared_task(name=Job.SWEEP_NOTICES)
def sweep_notices() -> None:
    """Send what is due: reminders whose time has come, back-offs, and notices whose message was lost."""
    portal.run_async(sweep, portal.engine(), settings())


async def pass_on(engine: AsyncEngine, config: Settings, code_id: UUID) -> None:
    async with session_scope(engine) as session:
        notice = await service.pass_on_code(session, code_id)
        session.info["jobs"] = []  # delivered right here, without a second trip through the queue
    if notice:
        await deliver(engine, config, notice.id)


async def deliver(engine: AsyncEngine, config: Settings, notice_id: UUID) -> None:
    """Claim, send outside any transaction, record."""
    async with session_scope(engine) as session:
        parcel = await service.claim(session, notice_id, config.address)
    if parcel is None:
        return
    try:
        if not config.demo:
            await channels.send(config, parcel.channel, parcel.address, parcel.message)
    except channels.Rejected as error:
        async with session_scope(engine) as session:
            await service.record_failed(session, notice_id, str(error))
    except Unavailable as error:
        await _put_off(engine, parcel, error)
    else:
        async with session_scope(engine) as session:
            await service.record_sent(session, notice_id, keep_secret=config.demo)


async def _put_off(engine: AsyncEngine, parcel: service.Parcel, error: Unavailable) -> None:
    """Back off; a gateway that is not configured is no failure of the message and waits without an end."""
    waits_for_gateway = isinstance(error, channels.NoGateway)
    pause: timedelta = service.NO_GATEWAY_PAUSE if waits_for_gateway else service.pause_after(parcel.attempts)
    log.warning("notice_put_off", notice=str(parcel.notice_id), channel=parcel.channel.value, reason=error.detail)
    async with session_scope(engine) as session:
        await service.record_delay(session, parcel.notice_id, error.detail, pause, counts=not waits_for_gateway)


async def sweep(engine: AsyncEngine, config: Settings) -> None:
    async with session_scope(engine) as session:
        codes, due = await service.sealed_codes(session), await service.due(session)
    for code_id in codes:
        await pass_on(engine, config, code_id)
    for notice_id in due:
        await deliver(engine, config, notice_id)
