"""How complete a question is: what a reader needs, as a list that the clinic can work off. Pure."""

from dataclasses import dataclass

ENOUGH_WORDS = 3


@dataclass(frozen=True)
class Item:
    """code: what is looked at. needed: without it the question cannot be sent."""

    code: str
    done: bool
    needed: bool = False


@dataclass(frozen=True)
class Question:
    """The facts of a referral that count."""

    question: str
    history: str
    reason_code: str
    callback_phone: str
    stat_reason: str
    is_stat: bool
    images: int
    expected_images: int | None
    consent: bool


def items(asked: Question) -> list[Item]:
    """What is there and what is missing, the needed ones first."""
    listed = [
        Item("question", len(asked.question.split()) >= ENOUGH_WORDS, needed=True),
        Item("consent", asked.consent, needed=True),
    ]
    if asked.is_stat:
        listed += [
            Item("stat_reason", bool(asked.stat_reason.strip()), True),
            Item("callback_phone", bool(asked.callback_phone), True),
        ]
    listed += [
        Item("history", len(asked.history.split()) >= ENOUGH_WORDS),
        Item("images", asked.images > 0),
        Item("all_images", asked.images > 0 and asked.images >= (asked.expected_images or 0)),
        Item("reason_code", bool(asked.reason_code.strip())),
    ]
    if not asked.is_stat:
        listed.append(Item("callback_phone", bool(asked.callback_phone)))
    return listed


def percent(listed: list[Item]) -> int:
    """0 to 100, whole."""
    return 100 * sum(item.done for item in listed) // len(listed)
