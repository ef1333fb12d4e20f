"""`python -m tests.reliability`: try to break simcore in every way, one table at the end.

Bounded (under 15 minutes on two cores) and loopback only: a connection to any other address is
refused and counted as a failure.
"""

import argparse
import logging
import platform
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.reliability import isolation, programme

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
TABLE = re.compile(r"(<!-- table -->\n).*(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Run the parts; the exit status is 1 if anything did not survive."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--only", default="", help="parts whose name contains this text")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the attempts, 0 to 1")
    parser.add_argument(
        "--patience", type=float, default=1.0, help="factor of the time limits, for a busy machine"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random inputs")
    parser.add_argument("--write", action="store_true", help=f"write the table to {PAGE.name}")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # one line per damaged file
    warnings.simplefilter("ignore")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="simcore-isolation-") as folder:
        isolation.isolate(Path(folder))
        outcomes = programme.run(
            args.only, scale=args.scale, patience=args.patience, seed=args.seed
        )
        connections = isolation.attempts(Path(folder))
    seconds = time.monotonic() - started
    options = "".join(
        f" --{name} {value:g}"
        for name, value in (("scale", args.scale), ("patience", args.patience))
        if value != 1
    )
    table = markdown(outcomes, connections, seconds, options)
    sys.stdout.write(table)
    if args.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(TABLE.sub(lambda match: match[1] + table + match[2], page), "utf-8")
    lost = any(outcome.survived < outcome.count for outcome in outcomes)
    return 1 if lost or connections else 0


def markdown(
    outcomes: list[programme.Outcome], connections: list[str], seconds: float, options: str = ""
) -> str:
    """The table of the page, with what it was made by."""
    rows = [
        f"| {outcome.name} | {outcome.count:,} | {outcome.survived:,} |" for outcome in outcomes
    ]
    count, survived = (sum(getattr(o, name) for o in outcomes) for name in ("count", "survived"))
    notes = [f"- {outcome.name}: {note}" for outcome in outcomes for note in outcome.notes]
    failures = [f"- {failure}" for outcome in outcomes for failure in outcome.failures]
    return "\n".join(
        [
            "| test | count | survived |",
            "|---|---:|---:|",
            *rows,
            f"| **all** | **{count:,}** | **{survived:,}** |",
            "",
            f"{len(connections)} attempts to connect to another machine. Made by "
            f"`python -m tests.reliability{options}` in {seconds / 60:.1f} minutes on "
            f"{platform.system()}, Python {platform.python_version()}.",
            *(["", "Measured:", "", *notes] if notes else []),
            *(["", "Not survived:", "", *failures] if failures else []),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
