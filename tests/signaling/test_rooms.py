"""Rooms in any order of events, with losses and repetitions: nobody sits twice, no ghost, nothing leaks."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling import messages as m
from signaling import rooms
from signaling.effects import Began, Closed, Dismiss, Effect, Stopped, Tell, Unplugged
from signaling.lifecycle import RoomState
from signaling.rooms import Room
from signaling.seats import HOLD

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOST, PATIENT, COUSIN = UUID(int=1), UUID(int=2), UUID(int=3)
ROLES: dict[UUID, m.Role] = {HOST: "host", PATIENT: "patient", COUSIN: "patient"}


def line(number: int) -> UUID:
    return UUID(int=1000 + number)


def enter(room: Room, account: UUID, number: int, now: datetime = START) -> list[Effect]:
    return room.enter(account, account.hex[-1], ROLES[account], line(number), now)


def admitted_pair() -> Room:
    room = Room(UUID(int=9))
    enter(room, HOST, 1)
    enter(room, PATIENT, 2)
    room.receive(line(1), m.Admit(account=PATIENT), START)
    return room


def told(effects: list[Effect], to: UUID) -> list[m.FromRoom]:
    return [effect.message for effect in effects if isinstance(effect, Tell) and effect.line == to]


def test_a_patient_waits_until_the_host_admits():
    room = Room(UUID(int=9))
    enter(room, HOST, 1)
    knock = enter(room, PATIENT, 2)
    assert Began(PATIENT, "patient", False) in knock
    waiting = told(knock, line(2))[-1]
    assert (waiting.admitted, waiting.place, waiting.host_here, len(waiting.seats)) == (False, 1, True, 1)

    effects = room.receive(line(1), m.Admit(account=PATIENT), START)

    assert effects[:2] == [Stopped(PATIENT, "admitted"), Began(PATIENT, "patient", True)]
    assert room.state is RoomState.LIVE
    assert [seat.account for seat in told(effects, line(2))[-1].seats] == [HOST, PATIENT]


def test_a_full_room_lets_nobody_more_in_and_tells_both_sides():
    room = admitted_pair()
    room.most = 2
    waiting = told(enter(room, COUSIN, 3), line(3))[-1]
    assert (waiting.admitted, waiting.full) == (False, True)

    assert room.receive(line(1), m.Admit(account=COUSIN), START) == [Tell(line(1), m.Refused(reason="full"))]

    left = told(room.receive(line(2), m.Leave(), START), line(3))[-1]
    assert left.full is False


def test_nothing_is_relayed_from_or_to_the_waiting_room():
    room = Room(UUID(int=9))
    enter(room, HOST, 1)
    enter(room, PATIENT, 2)
    offer = m.Describe(to=line(1), type="offer", sdp="v=0")
    assert room.receive(line(2), offer, START) == [Tell(line(2), m.Refused(reason="not_admitted"))]
    assert room.receive(line(1), m.Describe(to=line(2), type="offer", sdp="v=0"), START) == []
    assert room.receive(line(2), m.Say(text="xin chào"), START) == [Tell(line(2), m.Refused(reason="not_admitted"))]


def test_the_sender_is_filled_in_by_the_room():
    room = admitted_pair()
    effects = room.receive(line(2), m.Describe(to=line(1), type="offer", sdp="v=0"), START)
    assert effects == [Tell(line(1), m.Described(sender=line(2), type="offer", sdp="v=0"))]


def test_a_reload_returns_to_the_same_seat_and_the_late_loss_of_the_old_line_is_no_loss():
    room = admitted_pair()
    effects = enter(room, PATIENT, 3)
    assert effects[:4] == [
        Unplugged(line(2)),
        Dismiss(line(2), "replaced"),
        Stopped(PATIENT, "replaced"),
        Began(PATIENT, "patient", True),
    ]
    assert room.lose(line(2), START) == []
    assert [(s.line, s.admitted, s.present) for s in room.seats.values()] == [(line(1), True, True), (line(3), True, True)]
    assert room.receive(line(2), m.Say(text="ghost"), START) == []


def test_a_lost_seat_is_kept_for_two_minutes():
    room = admitted_pair()
    room.lose(line(2), START)
    assert room.state is RoomState.INTERRUPTED
    assert room.tick(START + HOLD[True] - timedelta(seconds=1)) == []
    enter(room, PATIENT, 2, START + timedelta(seconds=119))
    assert room.state is RoomState.LIVE
    room.lose(line(2), START)
    room.tick(START + HOLD[True])
    assert list(room.seats) == [HOST]


def test_a_guest_may_neither_admit_nor_end():
    room = admitted_pair()
    for message in (m.End(), m.Admit(account=PATIENT), m.Deny(account=HOST)):
        assert room.receive(line(2), message, START) == [Tell(line(2), m.Refused(reason="not_host"))]


def test_a_denied_person_is_told_and_gone():
    room = Room(UUID(int=9))
    enter(room, HOST, 1)
    enter(room, PATIENT, 2)
    effects = room.receive(line(1), m.Deny(account=PATIENT), START)
    assert effects[:2] == [Stopped(PATIENT, "denied"), Dismiss(line(2), "denied")]
    assert list(room.seats) == [HOST]


def test_the_end_is_the_end_for_all_and_for_good():
    room = admitted_pair()
    effects = room.receive(line(1), m.End(), START)
    assert {effect for effect in effects if isinstance(effect, Dismiss)} == {
        Dismiss(line(1), "ended"),
        Dismiss(line(2), "ended"),
    }
    assert effects[-1] == Closed()
    assert enter(room, PATIENT, 3) == [Dismiss(line(3), "ended")]


def test_a_room_that_all_have_left_after_meeting_is_closed():
    room = admitted_pair()
    room.receive(line(2), m.Leave(), START)
    assert room.state is RoomState.INTERRUPTED
    assert Closed() in room.receive(line(1), m.Leave(), START)


accounts = st.sampled_from([HOST, PATIENT, COUSIN])
events = st.one_of(
    st.tuples(st.just("enter"), accounts, st.integers(0, 12)),
    st.tuples(st.just("lose"), accounts, st.integers(0, 12)),
    st.tuples(st.just("admit"), accounts, st.integers(0, 12)),
    st.tuples(st.just("deny"), accounts, st.integers(0, 12)),
    st.tuples(st.just("say"), accounts, st.integers(0, 12)),
    st.tuples(st.just("describe"), accounts, st.integers(0, 12)),
    st.tuples(st.just("leave"), accounts, st.integers(0, 12)),
    st.tuples(st.just("wait"), accounts, st.integers(0, 200)),
)


def act(room: Room, event: tuple[str, UUID, int], now: datetime) -> list[Effect]:
    kind, account, number = event
    # a line belongs to one account for ever, as the hub makes them
    own = UUID(int=account.int * 10_000 + number)
    match kind:
        case "enter":
            return room.enter(account, "name", ROLES[account], own, now)
        case "lose":
            return room.lose(own, now)
        case "admit":
            return room.receive(UUID(int=HOST.int * 10_000 + number), m.Admit(account=account), now)
        case "deny":
            return room.receive(UUID(int=HOST.int * 10_000 + number), m.Deny(account=account), now)
        case "say":
            return room.receive(own, m.Say(text="x"), now)
        case "describe":
            return room.receive(own, m.Describe(to=UUID(int=HOST.int * 10_000 + number), type="offer", sdp="v=0"), now)
        case "leave":
            return room.receive(own, m.Leave(), now)
    return room.tick(now)


@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=40))
def test_no_order_of_events_leaves_a_ghost_or_a_second_seat(history):
    room, now = Room(UUID(int=9)), START
    open_stretches: dict[UUID, bool] = {}
    for event in history:
        now += timedelta(seconds=event[2] if event[0] == "wait" else 1)
        before = {seat.line for seat in room.seats.values()}
        for effect in act(room, event, now):
            match effect:
                case Began(account, _, admitted):
                    assert account not in open_stretches  # one stretch at a time
                    open_stretches[account] = admitted
                case Stopped(account, _):
                    del open_stretches[account]  # stopped once, and only what began
                case Tell(to, message):
                    assert to in before | {seat.line for seat in room.seats.values()}
                    if isinstance(message, m.Described):
                        seat = room.seat_of(to)
                        assert seat is not None
                        assert seat.admitted

        present = {seat.account: seat.admitted for seat in room.seats.values() if seat.present}
        assert present == open_stretches
        assert len({seat.line for seat in room.seats.values()}) == len(room.seats)
        assert sum(seat.admitted for seat in room.seats.values()) <= rooms.INSIDE_AT_ONCE
        assert (room.state is RoomState.LIVE) == (sum(present.values()) >= 2)
    for late in (now + HOLD[False], now + 2 * HOLD[False]):
        room.tick(late)
    assert all(seat.present for seat in room.seats.values())
