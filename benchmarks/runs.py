"""Twenty runs of the adaptation function together: what `benchmarks.adaptation` prints, as lines.

python -m benchmarks.runs
"""

import contextlib
import io
import re
import sys

from benchmarks import adaptation
from benchmarks.table import Aim, Line, show

QUICK = {"pairs": 400, "columns": 260, "runs": 2, "epochs": 2}
AIM = Aim("at most", 0.25, of="ratio")
WHY = {
    "single": "one run keeps every core busy with the same products (DECISIONS.md)",
    "plain": "a loop with torch's own layer, loss and autograd",
}


def printed(sizes: dict[str, int]) -> str:
    """What the benchmark says, at its own sizes or others."""
    before, out = sys.argv, io.StringIO()
    sys.argv = ["adaptation", *(f"--{name}={value}" for name, value in sizes.items())]
    try:
        with contextlib.redirect_stdout(out):
            adaptation.main()
    finally:
        sys.argv = before
    return out.getvalue()


def lines(quick: bool = False) -> list[Line]:
    """Together against each of the other ways.

    Raises:
        ValueError: the benchmark prints something else than it did.
    """
    return read(printed(QUICK if quick else {}))


def read(said: str) -> list[Line]:
    """What was printed as lines: a head with the sizes, seconds of together, and the ratios.

    >>> said = "80 pairs, 9 columns, 2 runs of 3\\ntogether 4 s\\ntogether / single 0.5"
    >>> [(line.part, line.measured, line.ratio) for line in read(said)]
    [('adaptation, 80 pairs, 9 columns, 2 runs of 3', 4.0, 0.5)]
    """
    found, part, took = [], "", None
    for row in said.splitlines():
        if head := re.match(r"[\d,]+ pairs, [\d,]+ columns, \d+ runs of \d+", row):
            part = f"adaptation, {head[0]}"
        if seconds := re.match(r"together +([\d.]+) s", row):
            took = float(seconds[1])
        ratio = re.search(r"together / (\w+) +([\d.]+)", row)
        if ratio and ratio[1] != "together":
            aim = AIM if ratio[1] == "single" else None
            against = {"single": "20 single runs", "plain": "20 runs of a plain script"}
            found.append(
                Line(
                    part, took, "s CPU", against.get(ratio[1], ratio[1]), float(ratio[2]), aim,
                    WHY.get(ratio[1], ""),
                )
            )  # fmt: skip
    if not found:
        raise ValueError(f"benchmarks.adaptation printed {said!r}; expected times and ratios")
    return found


if __name__ == "__main__":
    show(lines())
