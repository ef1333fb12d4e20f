"""Twenty runs of the adaptation function together: what `benchmarks.adaptation` prints, as lines.

python -m benchmarks.runs
"""

import contextlib
import io
import re
import sys

from benchmarks import adaptation
from benchmarks.table import Aim, Line, show

SIZES = {"pairs": 1_000, "columns": 1_280, "runs": 20, "epochs": 10}
QUICK = {"pairs": 400, "columns": 260, "runs": 2, "epochs": 2}
AIM = Aim("at most", 0.25, of="ratio")
WHY = {
    "single": "one run keeps every core busy with the same products (DECISIONS.md)",
    "plain": "a loop with torch's own layer, loss and autograd",
}


def printed(sizes: dict[str, int]) -> str:
    """What the benchmark says at some sizes."""
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
    sizes = QUICK if quick else SIZES
    said = printed(sizes)
    took = re.search(r"^together +([\d.]+) s", said, re.M)
    ratios = re.findall(r"^together / (\w+) +([\d.]+) +\(([\d.]+) s\)", said, re.M)
    if took is None or not ratios:
        raise ValueError(f"benchmarks.adaptation printed {said!r}; expected times and ratios")
    part = f"{sizes['runs']} runs of the adaptation function, {sizes['epochs']} epochs"
    return [
        Line(
            part, float(took[1]), "s CPU", f"{name}: {seconds} s", float(ratio),
            AIM if name == "single" else None, WHY.get(name, ""),
        )
        for name, ratio, seconds in ratios
    ]  # fmt: skip


if __name__ == "__main__":
    show(lines())
