"""Good files with a few bytes changed, through the real door: never a fault of ours, and what is stored comes back."""

import os
import random
from hashlib import sha256

import pytest

from imaging.dicom import preflight
from imaging.dicom.refusals import Refused
from tests import dicom_samples
from tests.imaging.dicom.test_scanner import mutated
from tests.imaging.hostile.conftest import HEADERS, Door, message

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HOW_MANY = int(os.environ.get("MUTATED_FILES", "2000"))
"""`MUTATED_FILES=10000` for a long evening."""
IN_ONE_MESSAGE = 50


def originals() -> list[tuple[bytes, bytes]]:
    """(content, its SOP Instance UID) of the shipped files that are taken, without the large ones."""
    found = []
    for path in dicom_samples.shipped():
        content = path.read_bytes()
        if len(content) < 40_000:
            try:
                uid = preflight.check_bytes(content).values[preflight.SOP_UID].rstrip(b"\0 ")
            except Refused:
                continue
            if len(uid) > 16 and content.count(uid) in (1, 2):
                found.append((content, uid))
    return found


def samples(chance: random.Random) -> list[bytes]:
    """Each under a UID of its own, of the same length."""
    good = originals()
    made = []
    for number in range(HOW_MANY):
        content, uid = chance.choice(good)
        made.append(mutated(chance, content.replace(uid, b"1.%d" % (10 ** (len(uid) - 3) + number))))
    return made


async def test_mutated_files_are_stored_as_they_came_or_refused(door: Door):
    contents = samples(random.Random(20_260_105))
    by_digest = {sha256(one[preflight.PREAMBLE :]).digest() for one in contents}
    addresses: list[str] = []
    async with door.client() as client:
        for start in range(0, len(contents), IN_ONE_MESSAGE):
            some = contents[start : start + IN_ONE_MESSAGE]
            answer = await client.post("/dicomweb/studies", content=message(*some), headers=HEADERS)
            assert answer.status_code in (200, 202, 409), start
            body = answer.json()
            stored = body.get("00081199", {}).get("Value", [])
            failed = [one for tag in ("00081198", "0008119A") for one in body.get(tag, {}).get("Value", [])]
            assert len(stored) + len(failed) == len(some)
            addresses += [one["00081190"]["Value"][0] for one in stored]
        assert len(addresses) > HOW_MANY / 10
        for address in addresses:
            answer = await client.get(address, headers={"Accept": "application/dicom"})
            assert sha256(answer.content[preflight.PREAMBLE :]).digest() in by_digest
