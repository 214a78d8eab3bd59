import pytest

from imaging.intake.segments import Tail
from tests.browser.conftest import live_server

__all__ = ["live_server", "taken"]


@pytest.fixture
def database_kind() -> str:
    """What is proved here lies before the database: the quick one is enough."""
    return "sqlite"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the pieces of files that the server took, those that came twice too."""
    sizes: list[int] = []
    write = Tail.write

    async def counting(tail: Tail, chunk: bytes) -> None:
        sizes.append(len(chunk))
        await write(tail, chunk)

    monkeypatch.setattr(Tail, "write", counting)
    return sizes
