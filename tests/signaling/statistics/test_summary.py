"""Sums of a connection."""

from signaling.statistics.models import CallLeg
from signaling.statistics.schemas import SampleIn
from signaling.statistics.summary import carry_on
from telehealth.core.ids import new_id

GOOD = {
    "path": "direct",
    "rtt_ms": 40,
    "estimate_kbps": 900.0,
    "received_kbps": 800.0,
    "sent_kbps": 800.0,
    "loss_in": 0.0,
    "loss_out": 0.0,
    "frozen_ms": 0,
    "freezes": 0,
    "concealed": 0.0,
    "height_out": 480,
    "height_in": 480,
    "received_bytes": 1000,
    "sent_bytes": 1000,
    "rung": 3,
}


def samples(*changes: dict[str, object]) -> list[SampleIn]:
    return [SampleIn.model_validate(GOOD | change) for change in changes]


def test_means_are_over_all_reports_and_totals_are_the_last():
    leg = CallLeg(room=new_id(), account_id=new_id(), line=new_id(), to="publish")
    carry_on(leg, samples({}, {"loss_in": 0.2, "rtt_ms": 80, "freezes": 1, "frozen_ms": 700}), 640)
    carry_on(leg, samples({"path": "tcp", "rung": 0, "received_bytes": 5000}, {"path": "", "rtt_ms": None}), 9000)

    assert (leg.looks, leg.join_ms, leg.path, leg.received_bytes) == (4, 640, "tcp", 1000)
    assert (round(leg.loss_in, 3), leg.worst_loss, round(leg.rtt_ms)) == (0.05, 0.2, 53)
    assert (leg.freezes, leg.frozen_ms, leg.sound_only_looks) == (1, 700, 1)
