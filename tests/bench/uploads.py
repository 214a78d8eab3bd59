"""Two hundred slices over a line that is cut 42 times, as 105 MB at 1 Mbit/s cut every 20 s are, in proportion.

"Theirs" is the promise (5 % sent twice), "ours" what the line carried beyond the files as packed, HTTP itself included.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from imaging.dicom.synthetic import ct_volume
from imaging.gateway.config import GatewayConfig
from imaging.gateway.queue import open_queue
from tests.bad_line import bad_line
from tests.bench.sides import our_server
from tests.bench.table import Line
from tests.imaging.gateway.test_forwarding import forward_all, packed_sizes
from tests.imaging.pipeline.conftest import PATIENT

SLICES, SIZE = 200, 192
CUTS = 42
RATE = 2_000_000
PROMISED_PERCENT = 5.0


def run(options: argparse.Namespace) -> list[Line]:
    images = ct_volume(PATIENT, slices=SLICES, size=SIZE)
    wire = sum(packed_sizes(images))
    line = Line(f"upload, {SLICES} slices, {CUTS} cuts: sent twice", "%", least=1, aim=PROMISED_PERCENT)
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="telehealth-bench-") as folder, our_server(Path(folder)) as side:
            carried = asyncio.run(_send(images, wire, side.base.removesuffix("/dicomweb"), side.headers, Path(folder)))
        line.theirs.append(PROMISED_PERCENT)
        line.ours.append(100 * (carried - wire) / wire)
    return [line]


async def _send(images: list[bytes], wire: int, address: str, headers: dict[str, str], folder: Path) -> int:
    """Bytes that the line carried upwards."""
    token = headers["Authorization"].removeprefix("Bearer ")
    with open_queue(folder / "gateway") as queue:
        for number, content in enumerate(images):
            queue.put(f"{number}.dcm", [content])
        async with bad_line(address, rate=RATE, cut_after=wire // CUTS) as line:
            config = GatewayConfig(line.address, token, folder / "gateway")
            await asyncio.to_thread(forward_all, queue, config)
        assert line.cuts >= CUTS - 2
        return line.up
