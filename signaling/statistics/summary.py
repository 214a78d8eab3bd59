"""Sums of a connection, carried on from report to report."""

from collections.abc import Sequence

from signaling.statistics.models import CallLeg
from signaling.statistics.schemas import SampleIn


def carry_on(leg: CallLeg, samples: Sequence[SampleIn], join_ms: int | None) -> None:
    """Take these samples into the leg's means and sums."""
    for sample in samples:
        leg.looks += 1
        leg.rtt_ms = _mean(leg.rtt_ms, sample.rtt_ms if sample.rtt_ms is not None else leg.rtt_ms, leg.looks)
        leg.loss_in = _mean(leg.loss_in, sample.loss_in, leg.looks)
        leg.loss_out = _mean(leg.loss_out, sample.loss_out, leg.looks)
        leg.worst_loss = max(leg.worst_loss, sample.loss_in, sample.loss_out)
        leg.frozen_ms += sample.frozen_ms
        leg.freezes += sample.freezes
        leg.sound_only_looks += sample.rung == 0
        leg.path = sample.path or leg.path
    leg.received_bytes = samples[-1].received_bytes
    leg.sent_bytes = samples[-1].sent_bytes
    leg.join_ms = leg.join_ms if leg.join_ms is not None else join_ms


def _mean(before: float, value: float, count: int) -> float:
    """The mean of `count` values, of which all but this one had the mean `before`."""
    return before + (value - before) / count
