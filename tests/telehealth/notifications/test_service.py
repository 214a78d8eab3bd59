"""A notice is written with what it tells of, leaves once, and says why when it cannot leave."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import time_machine
from pydantic import SecretStr
from sqlmodel import select

from telehealth.core import clock
from telehealth.core.crypto import decrypt
from telehealth.core.db import session_scope
from telehealth.core.ids import new_id
from telehealth.core.settings import Settings, Sms, Smtp
from telehealth.identity import service as identity
from telehealth.identity.models import OneTimeCode
from telehealth.notifications import service, tasks
from telehealth.notifications.models import Channel, Notice, NoticeState
from telehealth.notifications.texts import TEXTS, compose

PHONE = "+84912345678"


@asynccontextmanager
async def listening(handle):
    """A real server on loopback; gives its port."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class Gateway:
    """An SMS gateway over HTTP that answers with the given statuses in turn, then with the last."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(size))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


class MailServer:
    """Just enough of RFC 5321 to take one message, or to refuse its recipient."""

    def __init__(self, recipient_answer: str = "250 ok") -> None:
        self.recipient_answer = recipient_answer
        self.mail = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.mail = await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(self.recipient_answer.encode() + b"\r\n" if verb == b"RCPT" else b"250 ok\r\n")
        await writer.drain()
        writer.close()


def real(port: int = 0) -> Settings:
    """Outside demo mode, with a text message gateway if there is a port."""
    return Settings(demo=False, sms=Sms(url=f"http://127.0.0.1:{port}/send", token=SecretStr("t0ken")) if port else Sms())


async def written(engine, **facts) -> Notice:
    async with session_scope(engine) as session:
        return await service.notify(session, **({"template": "generic", "channel": Channel.SMS, "address": PHONE} | facts))


async def state_of(engine, notice) -> Notice:
    async with session_scope(engine) as session:
        return await session.get(Notice, notice.id)


async def test_a_text_message_leaves_once_and_its_secret_is_gone(engine):
    notice = await written(engine, template="sign_in_code", secret="482915")
    async with listening(gateway := Gateway(200)) as port:
        await asyncio.gather(*[tasks.deliver(engine, real(port), notice.id) for _ in range(5)])
    assert len(gateway.requests) == 1
    assert b"482915" in gateway.requests[0]
    assert b"Bearer t0ken" in gateway.requests[0]
    after = await state_of(engine, notice)
    assert (after.state, after.secret) == (NoticeState.SENT, None)


async def test_a_gateway_in_trouble_is_tried_again_later(engine):
    notice = await written(engine)
    async with listening(gateway := Gateway(503, 200)) as port:
        await tasks.deliver(engine, real(port), notice.id)
        waiting = await state_of(engine, notice)
        assert (waiting.state, waiting.last_error) == (NoticeState.QUEUED, "the gateway answered 503")
        await tasks.sweep(engine, real(port))
        assert len(gateway.requests) == 1
        with time_machine.travel(clock.now() + timedelta(seconds=11), tick=False):
            await tasks.sweep(engine, real(port))
    assert (await state_of(engine, notice)).state == NoticeState.SENT


async def test_a_message_that_is_refused_for_good_is_not_repeated(engine):
    notice = await written(engine, secret="482915")
    async with listening(Gateway(400)) as port:
        await tasks.deliver(engine, real(port), notice.id)
    after = await state_of(engine, notice)
    assert (after.state, after.secret, after.last_error) == (NoticeState.FAILED, None, "the gateway answered 400")


async def test_a_gateway_that_never_answers_ends_in_failed(engine):
    notice = await written(engine)
    later = clock.now()
    async with listening(Gateway(500)) as port:
        for _ in range(service.MOST_ATTEMPTS):
            later += timedelta(hours=2)
            with time_machine.travel(later, tick=False):
                await tasks.sweep(engine, real(port))
    assert (await state_of(engine, notice)).state == NoticeState.FAILED


async def test_without_a_gateway_a_notice_waits_and_says_so(engine):
    for channel, missing in (
        (Channel.SMS, "TELEHEALTH_SMS__URL is not set"),
        (Channel.EMAIL, "TELEHEALTH_SMTP__HOST is not set"),
    ):
        notice = await written(engine, channel=channel)
        await tasks.deliver(engine, real(), notice.id)
        after = await state_of(engine, notice)
        assert (after.state, after.last_error, after.attempts) == (NoticeState.QUEUED, missing, 0)


async def test_a_late_code_is_never_sent(engine):
    notice = await written(engine, template="sign_in_code", secret="482915")
    async with listening(gateway := Gateway(200)) as port:
        with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
            await tasks.sweep(engine, real(port))
    assert gateway.requests == []
    assert (await state_of(engine, notice)).state == NoticeState.VOID


@pytest.mark.parametrize(
    ("answer", "state"), [("250 ok", NoticeState.SENT), ("550 nobody", NoticeState.FAILED), ("450 later", NoticeState.QUEUED)]
)
async def test_an_email_leaves_by_smtp(engine, answer, state):
    notice = await written(
        engine, channel=Channel.EMAIL, address="lan@example.test", template="report_signed", facts={"code": "R-7"}
    )
    async with listening(server := MailServer(answer)) as port:
        config = Settings(demo=False, smtp=Smtp(host="127.0.0.1", port=port, starttls=False))
        await tasks.deliver(engine, config, notice.id)
    assert (await state_of(engine, notice)).state == state
    assert (b"To: lan@example.test" in server.mail) is (state == NoticeState.SENT)


async def test_in_demo_mode_messages_stay_visible(engine, config):
    notice = await written(engine, template="sign_in_code", secret="482915")
    await tasks.deliver(engine, config, notice.id)
    after = await state_of(engine, notice)
    assert (after.state, decrypt(after.secret)) == (NoticeState.SENT, "482915")
    assert "482915" in service.words_of(after, config).body


async def test_the_same_notice_is_written_once(engine):
    async def ask():
        return (await written(engine, dedupe_key="reminder:1")).id

    assert len(set(await asyncio.gather(*[ask() for _ in range(6)]))) == 1


async def test_what_is_no_longer_true_is_never_sent(engine, config):
    subject = new_id()
    due = clock.now() + timedelta(hours=1)
    reminder = await written(engine, template="appointment_reminder", subject_id=subject, due_at=due)
    other = await written(engine, template="appointment_booked", subject_id=subject)
    async with session_scope(engine) as session:
        assert await service.void(session, subject, ["appointment_reminder"]) == 1
    with time_machine.travel(due + timedelta(minutes=1), tick=False):
        await tasks.sweep(engine, config)
    assert [(await state_of(engine, n)).state for n in (reminder, other)] == [NoticeState.VOID, NoticeState.SENT]


async def test_a_notice_waits_for_its_time(engine, config):
    due = clock.now() + timedelta(hours=1)
    notice = await written(engine, due_at=due)
    await tasks.deliver(engine, config, notice.id)
    assert (await state_of(engine, notice)).state == NoticeState.QUEUED


async def test_a_notice_of_refused_work_does_not_exist(engine):
    from telehealth.core.errors import Conflict

    async def refused() -> None:
        async with session_scope(engine) as session:
            await service.notify(session, template="generic", channel=Channel.IN_APP)
            raise Conflict()

    with pytest.raises(Conflict):
        await refused()
    async with session_scope(engine) as session:
        assert (await session.exec(select(Notice))).all() == []


async def test_a_code_becomes_one_text_message_also_when_the_queue_lost_it(engine, config):
    async with session_scope(engine) as session:
        await identity.request_code(session, PHONE, "10.0.0.1")
    await asyncio.gather(*[tasks.sweep(engine, config) for _ in range(3)])
    async with session_scope(engine) as session:
        (notice,) = (await session.exec(select(Notice))).all()
        assert (await session.exec(select(OneTimeCode.sealed))).all() == [None]
        await identity.sign_in_with_code(session, PHONE, decrypt(notice.secret), "10.0.0.1")
    assert (notice.state, notice.address) == (NoticeState.SENT, PHONE)


@pytest.mark.parametrize("template", TEXTS)
def test_every_template_speaks_both_languages(template):
    facts = {"time": "24/11/2026 09:25", "code": "R-7"}
    vietnamese, english = (compose(template, language, facts, "482915") for language in ("vi", "en"))
    assert vietnamese.subject != english.subject
    assert vietnamese.body != english.body
    assert "…" not in vietnamese.body + english.body
