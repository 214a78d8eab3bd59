"""Figures for Prometheus. They are served on an inner address only (`telehealth serve`, metrics_port)."""

from prometheus_client import Counter, Histogram

from signaling.statistics.schemas import LegIn

JOIN = Histogram(
    "telehealth_call_join_seconds",
    "From entering the room to the first sound or picture",
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 20),
)
RTT = Histogram("telehealth_call_rtt_seconds", "Round trip of media", buckets=(0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6))
LOSS = Histogram("telehealth_call_loss_ratio", "Share of packets lost on the way in", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.3))
LOOKS = Counter("telehealth_call_looks_total", "Looks at connections, two seconds each", ["path", "picture"])
FROZEN = Counter("telehealth_call_frozen_seconds_total", "Time for which pictures stood still")


def note(legs: list[LegIn], join_ms: int | None) -> None:
    if join_ms is not None:
        JOIN.observe(join_ms / 1000)
    for leg in legs:
        for sample in leg.samples:
            LOOKS.labels(sample.path or "none", "off" if sample.rung == 0 else "on").inc()
            LOSS.observe(sample.loss_in)
            FROZEN.inc(sample.frozen_ms / 1000)
            if sample.rtt_ms is not None:
                RTT.observe(sample.rtt_ms / 1000)
