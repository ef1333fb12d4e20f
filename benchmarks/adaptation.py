"""Twenty runs of the adaptation function together, against twenty single ones.

    python -m benchmarks.adaptation [--pairs 1000] [--columns 1280,3840] [--runs 20] [--epochs 150]

Three ways on pairs of the same size, under the paper's protocol (every epoch looks at the test
pairs): "together" is what `simcore learn adaptation` does; "single" is the same engine, a run at a
time; "plain" is a script as one would write it, with torch's own linear layer, cross-entropy and
autograd, and scikit-learn's PCA as it comes. An epoch and a PCA of each are timed turn by turn, and
the totals are made up of them. Times are of the process, its two threads together, the best of many
turns, since a shared machine only adds to them. The last line holds the products of an epoch
against the most that this processor was seen to do.
"""

import argparse
import contextlib
import io
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.results_table import Aim, Line, show
from simcore.learn.adapt import adaptation, pca
from simcore.learn.adapt.contrastive_loss import product
from simcore.types import Array

SETTINGS = adaptation.AdaptationSettings("paper", epochs=10_000)
TEST = 0.25  # of the pairs

QUICK = {"pairs": 400, "columns": 260, "runs": 2, "epochs": 2}
AIM = Aim("at most", 0.25, of="ratio")
WHY = {
    "single": "one run keeps every core busy with the same products (DECISIONS.md)",
    "plain": "a loop with torch's own layer, loss and autograd",
}


def made(pairs: int, columns: int) -> Array:
    """(2 N, D) features of both sides; mates share some directions."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(pairs, 64)) @ random.normal(size=(64, columns))
    sides = [shared + 8 * random.normal(size=shared.shape) for _ in range(2)]
    return np.concatenate(sides).astype(np.float32)


def plain(learn: Array, check: Array) -> Iterator[float]:
    """One run as a short script has it: the recall on the test pairs, epoch after epoch."""
    import torch

    net = torch.nn.Linear(learn.shape[1], SETTINGS.width, bias=False)
    optimizer = torch.optim.Adam(net.parameters(), lr=SETTINGS.learning_rate)
    entropy = torch.nn.CrossEntropyLoss()
    parts = [torch.from_numpy(part).chunk(2) for part in (learn, check)]

    def similar(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        unit = [torch.nn.functional.normalize(net(x).relu(), dim=1) for x in (left, right)]
        return unit[0] @ unit[1].T

    while True:
        logits = SETTINGS.sigma * similar(*parts[0])
        mates = torch.arange(len(logits))
        loss = (entropy(logits, mates) + entropy(logits.T, mates)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            found = similar(*parts[1])
            mate = found.diagonal()
            rows = (found >= mate[:, None]).sum(1) == 1
            columns = (found >= mate[None, :]).sum(0) == 1
            yield float((rows | columns).float().mean())


def spent(works: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """Seconds of the processor that each takes, the best of some turns."""
    found = dict.fromkeys(works, float("inf"))
    for _ in range(turns):
        for name, work in works.items():
            began = time.process_time()
            work()
            found[name] = min(found[name], time.process_time() - began)
    return found


def epochs(pairs: int, runs: int) -> dict[str, float]:
    """Seconds of an epoch of one run, in each way."""
    judged = round(pairs * TEST)
    learn, check = (made(count, SETTINGS.dims) for count in (pairs - judged, judged))
    together, single = (
        adaptation.ParallelRuns(
            adaptation.make_batches([learn] * n, [check] * n, SETTINGS, "cpu"), SETTINGS
        )
        for n in (runs, 1)
    )
    script = plain(learn, check)
    found = spent(
        {"together": together.step, "single": single.step, "plain": partial(next, script)}, 12
    )
    return found | {"together": found["together"] / runs}


def bases(pairs: int, columns: int) -> dict[str, float]:
    """Seconds of the PCA of one run, in each way."""
    from sklearn.decomposition import PCA

    both = made(pairs - round(pairs * TEST), columns)
    found = spent(
        {"here": partial(pca.fit, both, SETTINGS.dims), "plain": partial(PCA(256).fit, both)}, 4
    )
    return {"together": found["here"], "single": found["here"], "plain": found["plain"]}


def products(pairs: int) -> str:
    """What an epoch multiplies, and what the processor can do."""
    import torch

    test = round(pairs * TEST)
    learn, dims, width = pairs - test, SETTINGS.dims, SETTINGS.width
    step = 2 * 4 * learn * dims * width + 3 * 2 * learn * learn * width
    look = 2 * 2 * test * dims * width + 2 * test * test * width
    one, other = torch.randn(1, learn, width), torch.randn(1, learn, width)
    ways = {
        "torch": partial(torch.bmm, one, other.transpose(1, 2)),
        "here": partial(product, one, other),
    }
    most = {k: 2 * learn * learn * width / s / 1e9 for k, s in spent(ways, 40).items()}
    return (
        f"{(step + look) / 1e9:.2f} GFLOP of products an epoch; the largest of them runs at "
        f"{most['torch']:.0f} a second in torch, {most['here']:.0f} here"
    )


def main() -> None:
    """Run and print."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (("pairs", 1000), ("runs", 20), ("epochs", 150)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--columns", default="1280,3840")
    told = parser.parse_args()
    torch.set_num_threads(2)
    epoch = epochs(told.pairs, told.runs)
    for columns in map(int, told.columns.split(",")):
        base = bases(told.pairs, columns)
        total = {n: told.runs * (base[n] + told.epochs * epoch[n]) for n in epoch}
        print(f"{told.pairs:,} pairs, {columns:,} columns, {told.runs} runs of {told.epochs}")
        for name in epoch:
            print(
                f"{name:<9}{total[name]:7.0f} s, together / {name:<9}"
                f"{total['together'] / total[name]:5.2f}   "
                f"(PCA {base[name]:.2f} s, an epoch {1000 * epoch[name]:.0f} ms)"
            )
    print(products(told.pairs))


if __name__ == "__main__":
    main()


def printed(sizes: dict[str, int]) -> str:
    """What the benchmark says, at its own sizes or others."""
    before, out = sys.argv, io.StringIO()
    sys.argv = ["adaptation", *(f"--{name}={value}" for name, value in sizes.items())]
    try:
        with contextlib.redirect_stdout(out):
            main()
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
                    part,
                    took,
                    "s CPU",
                    against.get(ratio[1], ratio[1]),
                    float(ratio[2]),
                    aim,
                    WHY.get(ratio[1], ""),
                )
            )
    if not found:
        raise ValueError(f"benchmarks.adaptation printed {said!r}; expected times and ratios")
    return found


if __name__ == "__main__":
    show(lines())
