"""A patient reads in plain words what was done with their data: no act of the log is left to a vague phrase."""

import ast
from collections.abc import Iterator

from telehealth.core import i18n
from telehealth.referrals.lifecycle import Step
from telehealth.web.words import ACTS
from tests.house.test_texts import python_files


def acts_about_patients() -> Iterator[tuple[str, str]]:
    """(act, file) of every entry that names a patient."""
    for path in python_files():
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from ((act, path.name) for call in entries(function) for act in said(call.args[2], function))


def entries(function: ast.AST) -> Iterator[ast.Call]:
    """Calls of `audit.record(session, actor, act, …, patient_id=…)`."""
    for node in ast.walk(function):
        is_record = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record"
        if is_record and len(node.args) > 2 and "patient_id" in {keyword.arg for keyword in node.keywords}:
            yield node


def said(act: ast.expr, function: ast.AST) -> set[str]:
    """What an expression may say: a text, one of two, a name given above, or a step of a referral."""
    match act:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return said(one, function) | said(other, function)
        case ast.JoinedStr(values=[ast.Constant(value=str(subject)), *_]):
            return {f"{subject}{step}" for step in Step}
        case ast.Name(id=name):
            given = [n.value for n in ast.walk(function) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name]
            return set().union(*(said(value, function) for value in given))
    return set()


def test_every_act_about_a_patient_is_said_in_plain_words():
    found = dict(acts_about_patients())
    assert len(found) > 40
    assert {act: place for act, place in sorted(found.items()) if act not in ACTS} == {}


def test_the_words_stand_for_acts_that_exist():
    code = "".join(path.read_text() for path in python_files() if path.name != "words.py")
    steps = {f"referral.{step}" for step in Step}
    assert [act for act in ACTS if f'"{act}"' not in code and act not in steps] == []


def test_the_words_are_vietnamese_too():
    known = i18n.catalog("vi")
    assert [words for words in ACTS.values() if words not in known] == []
