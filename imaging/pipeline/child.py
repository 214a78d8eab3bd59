"""The process in which foreign pixels are unpacked: bounded memory and time, no database, no secrets.

One request a line on stdin: {"do": "check" | "thumbnail", "path", "frame"?}. One answer a line on stdout:
{"ok": true, "jpeg"?: base64} or {"ok": false, "why": code}. A codec that crashes takes this process with it, not the
worker: the parent marks the file and starts another child.
"""

import base64
import io
import json
import resource
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, iter_pixels, pixel_array

MEMORY_BYTES = 6 * 1024**3
CPU_S = 900
LARGEST_FRAME = 16_384 * 16_384
THUMBNAIL_PIXELS = 256
FRAMES_CHECKED = 8


def check(path: str) -> dict[str, Any]:
    """Unpack first, last and some frames between."""
    data = dcmread(path, force=True)
    if not has_pixels(data):
        return {"ok": True, "pictures": 0}
    count = int(data.get("NumberOfFrames", 1) or 1)
    if int(data.Rows) * int(data.Columns) > LARGEST_FRAME:
        return {"ok": False, "why": "too_large"}
    frames = sorted({round(i * (count - 1) / (FRAMES_CHECKED - 1)) for i in range(FRAMES_CHECKED)})
    for _ in iter_pixels(data, indices=frames):
        pass
    return {"ok": True, "pictures": count}


def thumbnail(path: str, frame: int) -> dict[str, Any]:
    """A small JPEG as a reader's default window shows it."""
    data = dcmread(path, force=True)
    picture = pixel_array(data, index=frame)
    small = Image.fromarray(_shown(picture, data))
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return {"ok": True, "jpeg": base64.b64encode(out.getvalue()).decode()}


def has_pixels(data: Dataset) -> bool:
    return any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def _shown(picture: NDArray[Any], data: Dataset) -> NDArray[np.uint8]:
    if data.SamplesPerPixel > 1:
        return np.ascontiguousarray(picture, dtype=np.uint8)
    values = apply_voi_lut(apply_modality_lut(picture, data), data).astype(float)
    low, high = (values.min(), values.max()) if "WindowCenter" in data else np.percentile(values, (0.5, 99.5))
    grey = np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    return 255 - grey if data.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request["do"] == "check":
            return check(request["path"])
        return thumbnail(request["path"], request.get("frame", 0))
    except MemoryError:
        return {"ok": False, "why": "too_large"}
    except Exception as error:  # the door of this process: every library has errors of its own
        return {"ok": False, "why": "undecodable", "kind": type(error).__name__}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
