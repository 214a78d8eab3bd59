"""How a message leaves: text message by an HTTP gateway, e-mail by SMTP, or not at all (it stays in the application)."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

import httpx2

from telehealth.core.errors import Unavailable
from telehealth.core.settings import Settings, Sms, Smtp
from telehealth.notifications.models import Channel
from telehealth.notifications.texts import Message

TIMEOUT_S = 15


class NoGateway(Unavailable):
    """Nothing is configured for this channel: the notice waits and says so."""

    code = "no-gateway"
    title = "No gateway is configured for this kind of message"


class Rejected(Exception):
    """The gateway will never take this message: wrong number, unknown recipient."""


async def send(config: Settings, channel: Channel, address: str, message: Message) -> None:
    """Hand the message over. Raises NoGateway, Unavailable (try again later), Rejected (never)."""
    match channel:
        case Channel.SMS:
            await _send_sms(config.sms, address, message)
        case Channel.EMAIL:
            await _send_email(config.smtp, address, message)
        case Channel.IN_APP:
            pass  # the account page shows the row itself


async def _send_sms(gateway: Sms, phone: str, message: Message) -> None:
    if not gateway.url:
        raise NoGateway("TELEHEALTH_SMS__URL is not set")
    headers = {"Authorization": f"Bearer {gateway.token.get_secret_value()}"} if gateway.token.get_secret_value() else {}
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
            answer = await client.post(gateway.url, json={"to": phone, "text": message.text}, headers=headers)
    except httpx2.HTTPError as error:
        raise Unavailable(type(error).__name__) from error
    if answer.status_code in (408, 429) or answer.status_code >= 500 or answer.is_redirect:
        raise Unavailable(f"the gateway answered {answer.status_code}")
    if answer.is_error:
        raise Rejected(f"the gateway answered {answer.status_code}")


async def _send_email(server: Smtp, address: str, message: Message) -> None:
    if not server.host:
        raise NoGateway("TELEHEALTH_SMTP__HOST is not set")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = server.sender, address, message.subject
    mail.set_content(f"{message.body}\n\n{message.url}".strip() + "\n")
    try:
        await asyncio.to_thread(_deliver, server, mail)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        if _for_good(error):
            raise Rejected(type(error).__name__) from error
        raise Unavailable(type(error).__name__) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(type(error).__name__) from error


def _deliver(server: Smtp, mail: EmailMessage) -> None:
    with smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S) as line:
        if server.starttls:
            line.starttls(context=ssl.create_default_context())
        if server.user:
            line.login(server.user, server.password.get_secret_value())
        line.send_message(mail)


def _for_good(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> bool:
    """5xx is final, 4xx may pass later (RFC 5321, 4.2.1)."""
    codes = (
        [code for code, _ in error.recipients.values()] if isinstance(error, smtplib.SMTPRecipientsRefused) else [error.smtp_code]
    )
    return all(code >= 500 for code in codes)
