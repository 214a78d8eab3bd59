"""How a picture is wanted: said by a request, carried to the child process, obeyed by `pixels`."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

FUNCTIONS = frozenset(("linear", "linear-exact", "sigmoid"))
"""PS3.3, C.11.2.1.2 and C.11.2.1.3."""
ANNOTATIONS = frozenset(("patient", "technique"))


@dataclass(frozen=True)
class Drawing:
    """window: (centre, width) in place of the image's own. size: (width, height) to fit into, the proportions kept.

    source: (x, y, width, height) of the part to be shown, in pixels from the top left; a negative width or height
    mirrors. annotations: what is written onto the picture.
    """

    window: tuple[float, float] | None = None
    function: str = "linear"
    size: tuple[int, int] | None = None
    source: tuple[float, float, float, float] | None = None
    quality: int = 90
    annotations: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Drawing":
        """From what JSON made of it: lists for tuples."""
        plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
        return cls(**plain)


AS_STORED = Drawing()
"""The image's own window at its own size."""
