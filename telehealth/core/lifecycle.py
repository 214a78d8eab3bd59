"""States change in one way: a table and one function."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from telehealth.core.errors import Conflict

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class NotPossible(Conflict):
    code = "not-possible-now"
    title = "This is not possible in the present state"


def advance(table: Mapping[tuple[State, Event], State], state: State, event: Event) -> State:
    """Where `event` leads from `state`. Raises NotPossible (409, with the present state) without a row."""
    try:
        return table[state, event]
    except KeyError:
        raise NotPossible(f"{event.value} is not possible while {state.value}", state=state.value, event=event.value) from None
