"""Every verb on a referral, in one place to import from; the clinic's, the reader's, the answer's side have a file each."""

from telehealth.referrals.answering import (
    acknowledge,
    close,
    correct_answer,
    escalate,
    open_answer,
    save_draft,
    sign_answer,
)
from telehealth.referrals.asking import answer_question, cancel, create, submit, update_draft
from telehealth.referrals.filing import file_study
from telehealth.referrals.reading import ask_back, assign, claim, decline, heartbeat, release, return_abandoned

__all__ = [
    "acknowledge",
    "answer_question",
    "ask_back",
    "assign",
    "cancel",
    "claim",
    "close",
    "correct_answer",
    "create",
    "decline",
    "escalate",
    "file_study",
    "heartbeat",
    "open_answer",
    "release",
    "return_abandoned",
    "save_draft",
    "sign_answer",
    "submit",
    "update_draft",
]
