"""The child process of `sandbox`: one question a line on stdin, one answer on stdout (sign, 8 bytes of length, body)."""

import ctypes
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from telehealth.core.memory import be_frugal

MEMORY_BYTES = 2 * 1024**3
"""Address space: numpy and the codecs map about half of it before the first pixel."""
CPU_S, FILM_CPU_S = 10, 90
"""For one question."""
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000


def _leave_the_network() -> None:
    """A network name space of its own without any interface; where the kernel forbids it, limits alone must do."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    except (OSError, AttributeError):
        return


def _limit_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, resource.RLIM_INFINITY))


def _statistics(path: str, frame: int, kind: str, corners: list[list[float]]) -> bytes:
    import numpy as np

    from imaging.dicom import geometry, pixels

    values, unit = pixels.modality_values(path, frame)
    if values.ndim != 2:
        raise ValueError("colour has no single value")
    figure = geometry.ellipse_statistics if kind == "ellipse" else geometry.rectangle_statistics
    dataset = pixels.dataset_of(path)
    spacing = pixels.spacing_of(dataset, frame)
    return json.dumps(asdict(figure(values, np.asarray(corners, dtype=np.float64), spacing, unit))).encode()


def _htj2k(path: str, frame: int) -> bytes:
    """A line of JSON ({"ends": …} or {"not_offered": …}), then the codestream."""
    from imaging.dicom import htj2k, pixels

    try:
        encoded = htj2k.encode(pixels.stored(path, frame), htj2k.precision(pixels.dataset_of(path)))
    except htj2k.NotOffered as reason:
        return json.dumps({"not_offered": str(reason)}).encode() + b"\n"
    return json.dumps({"ends": encoded.ends}).encode() + b"\n" + encoded.codestream


def _render(path: str, frame: int, media_type: str, drawing: dict[str, Any]) -> bytes:
    from imaging.dicom import pixels
    from imaging.dicom.drawing import Drawing

    return pixels.render(path, frame, media_type, Drawing.of(drawing))


def _cine(path: str, _frame: int, **options: Any) -> bytes:
    from imaging.dicom import cine

    return cine.film(path, **options)


def _check(path: str, frame: int) -> bytes:
    from imaging.dicom import pixels

    pixels.stored(path, frame)
    return b""


def _deidentified(path: str, _frame: int, secret: str, pixels_seen: bool) -> bytes:
    from imaging.dicom.deidentify import Project, copy_of

    return copy_of(path, Project(bytes.fromhex(secret), pixels_seen=pixels_seen))


def _answer(ask: dict[str, Any]) -> bytes:
    from imaging.dicom import pixels, read

    verbs: dict[str, Callable[..., bytes]] = {
        "ready": lambda *_: b"",
        "native": pixels.native,
        "render": _render,
        "thumbnail": pixels.thumbnail,
        "encoded": pixels.encoded,
        "rewritten": pixels.rewritten,
        "statistics": _statistics,
        "htj2k": _htj2k,
        "cine": _cine,
        "deidentified": _deidentified,
        "check": _check,
        "model": lambda path, _: read.library_model(path).encode(),
    }
    return verbs[ask["what"]](ask["path"], ask["frame"], **ask["options"])


def main() -> None:
    _leave_the_network()
    from imaging.dicom import pixels  # noqa: F401 the heavy imports, before memory is limited

    be_frugal()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a codec that prints must not break the protocol
    for line in sys.stdin.buffer:
        try:
            ask = json.loads(line)
            _limit_cpu(FILM_CPU_S if ask["what"] == "cine" else CPU_S)
            sign, body = b"+", _answer(ask)
        except Exception as error:  # the door of this process: codecs raise whatever they like
            sign, body = b"-", type(error).__name__.encode()
        out.write(sign + len(body).to_bytes(8, "big"))
        out.write(body)
        out.flush()


if __name__ == "__main__":
    main()
