"""Time-based one-time codes (RFC 6238): 30 seconds a step, one step of drift either way, each code once."""

import asyncio
import hmac
from datetime import datetime

import pyotp

from telehealth.core import clock
from telehealth.core.crypto import decrypt, encrypt
from telehealth.identity.models import Account

STEP_S = 30
WINDOW = 1
ISSUER = "Telehealth"


def new_secret() -> str:
    """A fresh secret, as it is stored."""
    return encrypt(pyotp.random_base32())


def secret_of(account: Account) -> str:
    """The shared secret in base32, for enrolment only."""
    if not account.totp_secret:
        raise ValueError("this account has no second factor")
    return decrypt(account.totp_secret)


def enrolment_uri(account: Account) -> str:
    """What an authenticator app reads from the QR code."""
    return pyotp.TOTP(secret_of(account)).provisioning_uri(name=account.email or "", issuer_name=ISSUER)


def use(account: Account, otp: str, now: datetime) -> bool:
    """Whether the code is right and fresh; if so its step, and every earlier one, is used up."""
    if not account.totp_secret:
        return False
    totp = pyotp.TOTP(secret_of(account))
    step = _step(now)
    for candidate in range(max(step - WINDOW, account.totp_last_step + 1), step + WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(candidate).encode(), otp.strip().replace(" ", "").encode()):
            account.totp_last_step = candidate
            return True
    return False


async def next_code(account: Account) -> str:
    """The earliest code of the window that is not used up; waits for the next step if all are."""
    while not (code := code_at(account, clock.now())):  # noqa: ASYNC110 time itself is what is waited for
        await asyncio.sleep(0.2)
    return code


def code_at(account: Account, now: datetime) -> str:
    """The earliest unused code of the window at `now`; "" if all are used up."""
    step = max(_step(now) - WINDOW, account.totp_last_step + 1)
    if step == _step(now) - WINDOW and now.timestamp() % STEP_S > STEP_S - 3:
        step += 1  # about to leave the window: it would be too late when typed
    return pyotp.TOTP(secret_of(account)).generate_otp(step) if step <= _step(now) + WINDOW else ""


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S
