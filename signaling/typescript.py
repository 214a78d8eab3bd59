"""`python -m signaling.typescript`: the page's message types, made from `messages.py`, so that a drift stops the build."""

from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from signaling import messages

TARGET = Path(__file__).parent.parent / "telehealth/web/client/src/call/messages.ts"
WIDTH = 120
"""Biome's line width."""
NAMED = ("Role", "Source", "SdpType", "MediaPath", "Connection", "Reason", "Farewell")
"""Sets of words that keep their name in TypeScript."""


def render() -> str:
    """The whole file."""
    models = [m for m in vars(messages).values() if isinstance(m, type) and issubclass(m, messages.Message)]
    parts = ["/** Made from signaling/messages.py by `python -m signaling.typescript`: do not edit. */"]
    parts += [_alias(name, [f'"{word}"' for word in get_args(getattr(messages, name))]) for name in NAMED]
    parts += [_model(m) for m in models if m is not messages.Message]
    parts += [_union("FromPage", messages.FromPage), _union("FromRoom", messages.FromRoom)]
    parts += [f"export const CHAT_CHARACTERS = {messages.CHAT_CHARACTERS};"]
    return "\n\n".join(parts) + "\n"


def _model(model: type[BaseModel]) -> str:
    fields = [
        f"  {name}: {_type(hint)};"
        for name, hint in get_type_hints(model, include_extras=True).items()
        if name in model.model_fields
    ]
    return "\n".join([f"export type {model.__name__} = {{", *fields, "};"])


def _union(name: str, union: Any) -> str:
    return _alias(name, [member.__name__ for member in get_args(get_args(union)[0])])


def _alias(name: str, members: list[str]) -> str:
    single = f"export type {name} = {' | '.join(members)};"
    return single if len(single) <= WIDTH else f"export type {name} =\n  | " + "\n  | ".join(members) + ";"


def _type(hint: Any) -> str:
    if hint in (messages.FromPage, messages.FromRoom):
        return "FromPage" if hint == messages.FromPage else "FromRoom"
    if name := next((name for name in NAMED if hint == getattr(messages, name)), None):
        return name
    origin = get_origin(hint)
    if origin is Annotated:
        return _type(get_args(hint)[0])
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in get_args(hint))
    if origin in (UnionType, Union):
        return " | ".join(_type(part) for part in get_args(hint))
    if origin is list:
        return f"{_type(get_args(hint)[0])}[]"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint.__name__
    return {bool: "boolean", int: "number", float: "number", NoneType: "null"}.get(hint, "string")


if __name__ == "__main__":
    TARGET.write_text(render())
