"""One probe for every process: the web process answers /healthz; worker and beat must reach their broker."""

import os
import sys
from pathlib import Path
from urllib.request import urlopen


def main() -> int:
    command = Path("/proc/1/cmdline").read_bytes().split(b"\0")
    if b"serve" in command:
        with urlopen(f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz", timeout=4) as answer:
            return int(answer.status != 200)
    from telehealth.core import jobs

    with jobs.app().connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, timeout=3)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:  # a probe says no, whatever the reason
        sys.exit(f"unhealthy: {type(error).__name__}")
