"""What other forms there are."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.representations.levels import Place, place
from imaging.representations.models import Form, Representation
from imaging.store.models import Instance


@dataclass(frozen=True)
class Stored:
    """A frame as HTJ2K: read `place.length` bytes of the blob from `place.offset`."""

    blob_key: str
    place: Place


async def representation_of(session: AsyncSession, instance_id: UUID, frame: int) -> Stored | None:
    """The frame's HTJ2K form, if it is made and was found exact."""
    rows = select(Representation).where(
        Representation.instance_id == instance_id, Representation.form == Form.HTJ2K, Representation.not_offered == ""
    )
    row = (await session.exec(rows)).first()
    found = place(row.level_table or b"", row.levels, frame) if row else None
    return Stored(row.blob_key, found) if row and found else None


async def cines_of(session: AsyncSession, study_id: UUID) -> list[tuple[Instance, Representation]]:
    """The films of a study, in the order of their instances."""
    rows = (
        select(Instance, Representation)
        .join(Representation, col(Representation.instance_id) == col(Instance.id))
        .where(Instance.study_id == study_id, Representation.form == Form.CINE, Representation.not_offered == "")
    )
    return list((await session.exec(rows.order_by(col(Instance.number), col(Instance.id)))).all())
