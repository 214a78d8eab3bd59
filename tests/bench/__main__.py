"""`python -m tests.bench [name …]`: every benchmark of the list, or the named ones. Exit 1 where a least ratio is missed.

A benchmark is a module with `run(options) -> list[Line]`; it has one line in BENCHES.
"""

import argparse
import sys

from tests.bench import dimse, imaging, signaling, uploads
from tests.bench.table import printed

BENCHES = {
    "imaging": imaging.run,
    "dimse": dimse.run,
    "uploads": uploads.run,
    "signaling": signaling.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds, of which the median counts")
    parser.add_argument("--studies", type=int, default=500, help="in the index while searching; 10000 is the issue's case")
    parser.add_argument("--slices", type=int, default=100, help="of the CT series that is read; 300 is the issue's case")
    options = parser.parse_args()
    whole = True
    for name in options.names or BENCHES:
        lines = BENCHES[name](options)
        whole &= printed(name, lines, options.rounds)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
