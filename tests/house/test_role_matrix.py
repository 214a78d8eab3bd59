"""Who may do what, cell by cell: the rule itself. The same through every door: `tests/house/roles`."""

import re
from types import MappingProxyType
from uuid import uuid4

import pytest

from telehealth.core.actor import SYSTEM, Actor, Role
from telehealth.core.db import session_scope
from telehealth.identity.access import MATRIX, NOWHERE, Action, Scope, holds, may, units_for

ROLES = tuple(Role)
TABLE = """
                    patient technician referring_doctor specialist coordinator administrator auditor
book                   o        u            u              o          p            u          -
override_cutoff        -        -            u              o          p            u          -
set_availability       -        -            -              o          u            u          -
see_appointment        o        u            u              o          p            u          -
admit                  -        -            o              o          -            -          -
enter_call             o        o            o              o          -            -          -
register_patient       o        u            u              -          p            -          -
see_patient            o        u            u              o          p            -          -
create_referral        -        u            u              o          p            -          -
submit_referral        -        -            u              o          p            -          -
submit_stat            -        -            u              o          p            -          -
see_referral           -        u            u              o          p            -          -
cancel_referral        -        -            u              -          p            -          -
upload_images          -        u            u              o          -            -          -
propose_identity       -        u            -              -          -            -          -
resolve_identity       -        -            u              -          p            -          -
see_images             o        u            u              o          -            -          -
see_image_index        o        u            u              o          p            -          -
withdraw_study         -        -            -              -          p            u          -
share_copy             -        -            u              o          -            -          -
claim                  -        -            -              o          -            -          -
assign                 -        -            -              -          p            -          -
annotate               -        -            -              o          -            -          -
write_report           -        -            -              o          -            -          -
sign_report            -        -            -              o          -            -          -
see_report             o        u            u              o          -            -          -
acknowledge            -        -            u              -          -            -          -
read_audit             o        -            -              -          -            u          p
manage_people          -        -            -              -          -            u          -
see_operations         -        -            -              -          p            u          -
"""
"""The product's table, written out a second time by hand: o own, u own unit, p province, - no."""


def cells() -> list[tuple[Action, Role, str]]:
    lines = TABLE.strip().splitlines()
    assert tuple(lines[0].split()) == ROLES
    return [
        (Action(line.split()[0]), role, reach) for line in lines[1:] for role, reach in zip(ROLES, line.split()[1:], strict=True)
    ]


HERE, THERE, PERSON, OTHER_PERSON = uuid4(), uuid4(), uuid4(), uuid4()


def somebody(role: Role) -> Actor:
    units = frozenset() if role is Role.PATIENT else frozenset({HERE})
    patients = frozenset({PERSON}) if role is Role.PATIENT else frozenset()
    return Actor(account_id=uuid4(), name="x", grants=MappingProxyType({role: units}), patients=patients)


def scopes(actor: Actor) -> dict[str, Scope]:
    """A thing of one's own, of one's own unit, and of strangers."""
    return {
        "own": Scope(patients=frozenset({PERSON}), accounts=frozenset({actor.account_id}), units=frozenset({THERE})),
        "unit": Scope(patients=frozenset({OTHER_PERSON}), accounts=frozenset({uuid4()}), units=frozenset({HERE})),
        "foreign": Scope(
            patients=frozenset({OTHER_PERSON}),
            accounts=frozenset({uuid4()}),
            units=frozenset({THERE}),
            reading_units=frozenset({THERE}),
        ),
        "nowhere": NOWHERE,
    }


ALLOWED = {"o": {"own"}, "u": {"unit"}, "p": {"own", "unit", "foreign", "nowhere"}, "-": set()}


@pytest.mark.parametrize(("action", "role", "reach"), cells())
def test_each_cell_allows_what_the_table_says_and_nothing_else(action, role, reach):
    actor = somebody(role)
    allowed = {name for name, scope in scopes(actor).items() if may(actor, action, scope)}
    assert allowed == ALLOWED[reach]
    assert holds(actor, action) is (reach != "-")


def test_the_table_has_every_action():
    assert {action for action, _, _ in cells()} == set(Action) == set(MATRIX)


def test_a_question_to_the_own_reading_unit_makes_its_specialists_parties():
    specialist = somebody(Role.SPECIALIST)
    assert may(specialist, Action.SEE_IMAGES, Scope(units=frozenset({THERE}), reading_units=frozenset({HERE})))
    assert not may(specialist, Action.SEE_IMAGES, Scope(units=frozenset({THERE})))


def test_nobody_may_nothing_and_the_system_everything():
    nobody = Actor(account_id=None, name="")
    assert not any(may(nobody, action, scope) for action in Action for scope in scopes(nobody).values())
    assert all(may(SYSTEM, action) for action in Action)


def test_two_roles_do_not_lend_each_other_their_places():
    grants = MappingProxyType({Role.TECHNICIAN: frozenset({HERE}), Role.ADMINISTRATOR: frozenset({THERE})})
    actor = Actor(account_id=uuid4(), name="x", grants=grants)
    assert not may(actor, Action.SEE_IMAGES, Scope(units=frozenset({THERE})))
    assert not may(actor, Action.MANAGE_PEOPLE, Scope(units=frozenset({HERE})))
    assert units_for(actor, Action.MANAGE_PEOPLE) == {THERE}


# --- the same through HTTP ---------------------------------------------------------------------------------------------

FOR_EVERYBODY = {
    ("post", "/api/v1/sign-in/code"),
    ("post", "/api/v1/sign-in/phone"),
    ("post", "/api/v1/sign-in/password"),
    ("post", "/api/v1/guests/enter"),  # with the secret of a link
    ("post", "/api/v1/guests/join"),  # with the cookie that it was exchanged for
    ("get", "/healthz"),
    ("get", "/readyz"),
}
OPEN_SHELVES = re.compile(r"^/api/v1/(specialists|practitioners|specialties|times|slots)")
"""Finding a specialist and a time needs no sign-in."""


async def test_every_route_asks_who_is_there(app, client):
    open_doors = []
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            address = re.sub(r"{[^}]*}", lambda part: "1.2.3" if "uid" in part[0] else str(uuid4()), path)
            answer = await client.request(method, address)
            if answer.status_code != 401 and (method, path) not in FOR_EVERYBODY and not OPEN_SHELVES.match(path):
                open_doors.append((method, path, answer.status_code))
    assert open_doors == []


async def test_a_refusal_is_in_the_log(engine, sign_in, province):
    from sqlmodel import select

    from telehealth.core.audit import AuditEntry

    assert (await (await sign_in(province.doctor)).get("/audit")).status_code == 403
    async with session_scope(engine) as session:
        rows = (await session.exec(select(AuditEntry.act, AuditEntry.actor_id, AuditEntry.object_id))).all()
    assert rows == [("access.denied", province.doctor.id, "/audit")]
