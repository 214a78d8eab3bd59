"""Ratios of medians as a table: times mean little on a shared machine, the two sides' relation means much."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Line:
    """One figure of every round, less is better: theirs and ours. least, aim: ratios theirs ÷ ours."""

    what: str
    unit: str
    least: float | None = None
    aim: float | None = None
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(self.theirs) / max(statistics.median(self.ours), 1e-9)

    @property
    def is_met(self) -> bool:
        return self.least is None or self.ratio >= self.least


def printed(name: str, lines: Sequence[Line], rounds: int) -> bool:
    """Whether every least ratio is met."""
    print(f"\n{name}: medians of {rounds} alternating rounds")  # noqa: T201
    print(f"{'':38} {'theirs':>10} {'ours':>10} {'ratio':>8} {'least':>7} {'aim':>6}")  # noqa: T201
    for line in lines:
        theirs, ours = statistics.median(line.theirs), statistics.median(line.ours)
        goals = "".join(f"{'' if goal is None else f'{goal:g}':>{width}}" for goal, width in ((line.least, 8), (line.aim, 7)))
        missed = "" if line.is_met else "   missed"
        print(f"{line.what:38} {theirs:10.2f} {ours:10.2f} {line.ratio:7.2f}×{goals}  {line.unit}{missed}")  # noqa: T201
    return all(line.is_met for line in lines)
