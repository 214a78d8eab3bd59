"""Many frames as one film for people to look at: mp4 with H.264, as every browser plays it.

Never for measuring or reading: it is packed with loss. Runs in the child process of `sandbox`.
"""

import io

import av
import numpy as np
from PIL import Image

from imaging.dicom import pixels

LONGEST_SIDE = 1024
QUALITY = "21"
"""x264's constant rate factor: speckle stays speckle."""


def film(path: str, frames: int, rate: float) -> bytes:
    """rate: frames a second. Grey frames with their own window, colours as they are; sides are made even for 4:2:0."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = None
        for number in range(1, frames + 1):
            shown = _even(pixels.picture(path, number))
            if stream is None:
                stream = container.add_stream("libx264", rate=max(1, round(rate)), options={"crf": QUALITY, "preset": "veryfast"})
                stream.height, stream.width = shown.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode(None))
    return out.getvalue()


def _even(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture).convert("RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    width, height = (side - side % 2 for side in image.size)
    return np.asarray(image.crop((0, 0, max(width, 2), max(height, 2))))
