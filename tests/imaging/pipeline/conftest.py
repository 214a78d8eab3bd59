"""Studies on their way in, filed under the province's patient."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select

from imaging.dicom import sandbox
from imaging.dicom.synthetic import PatientFacts, ct_volume
from imaging.store.models import Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core import clock
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import Disk
from telehealth.core.db import session_scope

PATIENT = PatientFacts("Nguyễn Thị Hoà", "BN0001", date(1959, 3, 2), "female")
STRANGER = PatientFacts("Trần Văn Bình", "BN0002", date(1980, 7, 1), "male")


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture(scope="session", autouse=True)
def decoders() -> Iterator[None]:
    yield
    sandbox.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "objects")


Send = Callable[..., Awaitable[UUID]]


@pytest.fixture
def send(engine, blobs, province) -> Send:
    """Take a small CT in. Returns the study's id; `still` makes it look as if nothing came for a minute."""

    async def make(
        facts: PatientFacts = PATIENT,
        *,
        filed: bool = True,
        files: list[bytes] | None = None,
        still: bool = True,
        **filing: object,
    ) -> UUID:
        where = Filing(province.clinic.id, province.patient.id if filed else None, **filing)
        for content in ct_volume(facts, slices=4, size=64) if files is None else files:
            taken = await receive(engine, blobs, SYSTEM, pieces(content), where)
        if still:
            await rest(taken.study_id)
        return taken.study_id

    async def rest(study_id: UUID) -> None:
        async with session_scope(engine) as session:
            study = (await session.exec(select(Study).where(Study.id == study_id))).one()
            study.last_instance_at = clock.now() - timedelta(minutes=1)
            session.add(study)

    return make


@pytest.fixture
def study_of(engine):
    async def find(study_id: UUID) -> Study:
        async with session_scope(engine) as session:
            return (await session.exec(select(Study).where(Study.id == study_id))).one()

    return find
