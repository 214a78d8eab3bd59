"""The stored DICOM JSON of instances with real addresses in it (PS3.18, 10.4.1.1.2 and F)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from imaging.dicom.json_model import with_addresses
from imaging.store.shelf import READING_ORDER, StudyCard
from telehealth.core.db import unpack_text
from telehealth.core.errors import NotFound
from telehealth.core.rows import Row, Rows

AT_ONCE = 500
TEXT = """SELECT series.uid, instance.sop_uid, instance.transfer_syntax, instance.metadata_json
 FROM series JOIN instance ON instance.series_id = series.id"""


async def series_texts(rows: Rows, study: StudyCard, base: str, series_uid: str = "", sop_uid: str = "") -> bytes:
    """A JSON list of the study's, the series' or the one instance's metadata. Raises NotFound for nothing."""
    condition = "series.study_id = ?"
    values: list[Any] = [study.id]
    for column, uid in (("series.uid", series_uid), ("instance.sop_uid", sop_uid)):
        if uid:
            condition, values = f"{condition} AND {column} = ?", [*values, uid]
    found = await rows.all(f"{TEXT} WHERE {condition} {READING_ORDER}", values)
    if not found:
        raise NotFound()
    return await asyncio.to_thread(_joined, found, f"{base}/studies/{study.uid}")


def _joined(rows: Sequence[Row], address: str) -> bytes:
    return f"[{','.join(_addressed(row, address) for row in rows)}]".encode()


def _addressed(row: Row, address: str) -> str:
    """The stored text with real addresses, and which transfer syntax the file has."""
    series_uid, sop_uid, syntax, packed = row
    text = with_addresses(unpack_text(packed), f"{address}/series/{series_uid}/instances/{sop_uid}")
    syntax_member = f'"00083002":{{"vr":"UI","Value":["{syntax}"]}}'
    return text[:-1] + ("," if len(text) > 2 else "") + syntax_member + "}"


async def instance_texts(rows: Rows, sop_uids: Sequence[str], base: str) -> dict[str, str]:
    """SOP instance UID -> metadata, of instances that the caller may see."""
    texts: dict[str, str] = {}
    statement = TEXT.replace("SELECT ", "SELECT study.uid, ") + " JOIN study ON study.id = series.study_id"
    for start in range(0, len(sop_uids), AT_ONCE):
        some = sop_uids[start : start + AT_ONCE]
        found = await rows.all(f"{statement} WHERE instance.sop_uid IN ({', '.join('?' * len(some))})", some)
        texts |= {row[2]: _addressed(row[1:], f"{base}/studies/{row[0]}") for row in found}
    return texts
