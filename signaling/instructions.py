"""What other doors than the socket ask of a room, wherever it lives."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from signaling.messages import Message


class EndRoom(Message):
    """The visit was ended elsewhere."""

    kind: Literal["end_room"] = "end_room"


class HandOver(Message):
    """The colleague leads from now on."""

    kind: Literal["hand_over"] = "hand_over"
    account: UUID


class CallEmergency(Message):
    """115 was called: everybody inside is told."""

    kind: Literal["call_emergency"] = "call_emergency"


class Expel(Message):
    """An invitation was taken back."""

    kind: Literal["expel"] = "expel"
    account: UUID


Instruction = EndRoom | HandOver | CallEmergency | Expel
INSTRUCTION: TypeAdapter[Instruction] = TypeAdapter(Annotated[Instruction, Field(discriminator="kind")])
