"""What the database knows of pages that come in: one question for all that came while the last one was answered.

After a restart thousands come at once; one by one they would wait for minutes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import messages as m
from signaling import service
from signaling.tickets import Ticket
from telehealth.core import clock
from telehealth.core.db import reading_engine

AT_ONCE = 500


@dataclass(frozen=True)
class Arrival:
    """stands: the sign-in or invitation does. chat, was_inside: asked for rooms that have to be made anew."""

    stands: bool
    chat: list[m.Line] = field(default_factory=list)
    was_inside: bool = False


@dataclass
class Question:
    ticket: Ticket
    is_new: bool
    answer: asyncio.Future[Arrival]


class Arrivals:
    def __init__(self, engine: AsyncEngine, inside_within: timedelta) -> None:
        self.engine, self.inside_within = engine, inside_within
        self.waiting: list[Question] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, ticket: Ticket, *, is_new: bool) -> Arrival:
        """is_new: nobody is in the room yet."""
        question = Question(ticket, is_new, asyncio.get_running_loop().create_future())
        self.waiting.append(question)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        return await question.answer

    async def _ask_all(self) -> None:
        while self.waiting:
            batch, self.waiting = self.waiting[:AT_ONCE], self.waiting[AT_ONCE:]
            try:
                answers = await self._answers(batch)
            except Exception as error:
                for question in batch:
                    question.answer.set_exception(error)
            else:
                for question, answer in zip(batch, answers, strict=True):
                    if not question.answer.done():
                        question.answer.set_result(answer)

    async def _answers(self, batch: Sequence[Question]) -> list[Arrival]:
        now = clock.now()
        new: set[UUID] = {question.ticket.room for question in batch if question.is_new}
        async with AsyncSession(reading_engine(self.engine)) as session:
            standing = await service.standing(session, {question.ticket.login for question in batch}, now)
            chats = await service.chats_of(session, new) if new else {}
            inside = await service.were_inside(session, new, now - self.inside_within) if new else set()
        return [
            Arrival(
                question.ticket.login in standing,
                chats.get(question.ticket.room, []),
                (question.ticket.room, question.ticket.account) in inside,
            )
            for question in batch
        ]
