"""What leaves the house in the demonstration, and how to come in. Not part of the application outside demo mode."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.crypto import decrypt
from telehealth.identity import second_factor
from telehealth.identity.deps import Visitor, Work
from telehealth.identity.models import Account
from telehealth.notifications import service
from telehealth.notifications.models import Notice
from telehealth.web.render import NO_STORE, render
from telehealth.web.words import role_name

router = APIRouter(include_in_schema=False)
SIGN_INS = "demo-sign-ins.json"


@router.get("/demo/messages")
async def messages(request: Request, session: Work, visitor: Visitor) -> Response:  # noqa: ARG001 visitor: the menu
    """Outgoing messages and one-time codes, newest first, and the sign-ins of the demonstration."""
    config = request.app.state.settings
    notices = [_message(notice, config) for notice in await service.newest(session)]
    sign_ins = await _with_codes(session, read_sign_ins(config.data / SIGN_INS))
    if "json" in request.headers.get("accept", ""):
        return JSONResponse({"messages": notices, "sign_ins": sign_ins}, headers=NO_STORE)
    for line in notices:
        line["at"] = datetime.fromisoformat(line["created_at"])
    return render(request, "demo/messages.html", messages=notices, sign_ins=sign_ins, role_name=role_name)


def _message(notice: Notice, config: Any) -> dict[str, Any]:
    words = service.words_of(notice, config)
    return {
        "id": str(notice.id),
        "channel": notice.channel,
        "address": notice.address,
        "template": notice.template,
        "subject": words.subject,
        "text": words.body,
        "code": decrypt(notice.secret) if notice.secret else "",
        "link": notice.link,
        "state": notice.state,
        "last_error": notice.last_error,
        "created_at": notice.created_at.isoformat(),
    }


def read_sign_ins(path: Path) -> list[dict[str, str]]:
    """What `telehealth demo` wrote (role, name, login, password); nothing if there is no demo province yet."""
    if not path.exists():
        return []
    rows: list[dict[str, str]] = json.loads(path.read_text())
    return rows


async def _with_codes(session: AsyncSession, sign_ins: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each staff sign-in with a code that works now."""
    logins = [row["login"] for row in sign_ins]
    accounts = {a.email: a for a in await session.exec(select(Account).where(col(Account.email).in_(logins)))}
    now = clock.now()
    return [
        row | {"otp": second_factor.code_at(accounts[row["login"]], now) if row["login"] in accounts else ""} for row in sign_ins
    ]
