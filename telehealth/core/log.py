"""Logs: event names and ids as JSON lines, never names, findings or secrets."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

SECRET_WORDS = ("password", "secret", "token", "code", "cookie", "authorization", "name", "phone", "email")


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blank every value whose key says that it is secret or personal."""
    return {key: "…" if any(word in key for word in SECRET_WORDS) and key != "event" else value for key, value in event.items()}


def configure(level: int = logging.INFO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
