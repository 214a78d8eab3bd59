"""Passwords: Argon2id, long rather than complicated, checked off the event loop and four at once at most."""

import asyncio
import secrets
from functools import cache
from itertools import pairwise

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from telehealth.core.names import fold
from telehealth.identity.errors import WeakPassword

SHORTEST = 12
LONGEST = 256
AT_ONCE = asyncio.Semaphore(4)
"""Each check takes 19 MiB and a core: without a cap, a flood of sign-ins would be an outage."""
_COMMON = (
    "password passw0rd matkhau benhvien bacninh bacgiang telehealth qwertyuiop qwerty asdfghjkl zxcvbnm iloveyou "
    "anhyeuem emyeuanh vietnam vietnamvodich admin administrator welcome letmein bacsi xinchao changeme"
)
COMMON = frozenset(_COMMON.split())
"""Cores of the passwords that attackers try first, folded; digits and signs around them do not help."""

_hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))


@cache
def _nobody() -> str:
    """A digest for accounts that do not exist, so that they take as long as those that do."""
    return _hasher.hash(secrets.token_urlsafe(16))


def generate() -> str:
    """A first password to hand over: 20 characters without look-alikes, in groups."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def check_strength(password: str, *about: str) -> None:
    """Raises WeakPassword for a short or common one, or one made of the person's own `about` words."""
    if not SHORTEST <= len(password) <= LONGEST or len(set(password)) < 5 or _is_a_run(password):
        raise WeakPassword()
    core = "".join(letter for letter in fold(password) if letter.isalpha())
    own = {fold(word).replace(" ", "") for word in about if word}
    if core in COMMON | own or fold(password) in own:
        raise WeakPassword()


def _is_a_run(password: str) -> bool:
    """`123456789012`, `abcdefghijkl`: every step is the same."""
    steps = {(ord(after) - ord(before)) % 10 for before, after in pairwise(password)}
    return len(steps) == 1


async def digest(password: str) -> str:
    async with AT_ONCE:
        return await asyncio.to_thread(_hasher.hash, password)


async def is_right(password: str, stored: str | None) -> bool:
    """Whether this is the password; as slow for a missing account as for a real one."""
    async with AT_ONCE:
        right = await asyncio.to_thread(_hasher.verify, password[:LONGEST], stored or _nobody())
    return right and stored is not None
