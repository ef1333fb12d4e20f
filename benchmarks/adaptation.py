"""Twenty runs of the adaptation function at once, against twenty runs one after the other.

    python -m benchmarks.adaptation [--pairs 1000] [--columns 1280,3840] [--runs 20] [--epochs 150]

Three variants on pairs of the same size, under the paper's protocol (every epoch evaluates the test
pairs): "together" is what `simcore learn adaptation` does; "single" is the same engine, one run at
a time; "plain" is a plain script with torch's linear layer, cross-entropy and autograd, and
scikit-learn's PCA. One epoch and one PCA of each variant are timed in turns, and the totals are
computed from them. Times are CPU time of the process, the minimum over many turns, since other work
on a shared machine only adds to them. The last note compares the matrix products of an epoch with
the highest rate that this processor reached.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.results_table import Line, aim, show
from benchmarks.timing import in_turn
from simcore.training.adapt import adaptation, pca
from simcore.training.adapt.contrastive_loss import product
from simcore.types import Array

SETTINGS = adaptation.AdaptationSettings("paper", epochs=10_000)
TEST = 0.25  # of the pairs

AIM = aim("adaptation.twenty_runs")
ALTERNATIVES = {  # variant -> heading, note
    "single": ("single runs", "one run keeps every core busy with the same products"),
    "plain": ("runs of a plain script", "a loop with torch's layer, loss and autograd"),
}


def synthetic_features(pairs: int, columns: int) -> Array:
    """(2 N, D) float32 features of both sides; mates share some directions."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(pairs, 64)) @ random.normal(size=(64, columns))
    sides = [shared + 8 * random.normal(size=shared.shape) for _ in range(2)]
    return np.concatenate(sides).astype(np.float32)


def plain(train: Array, test: Array) -> Iterator[float]:
    """One run as a short script: yields the recall on the test pairs after each epoch."""
    import torch

    net = torch.nn.Linear(train.shape[1], SETTINGS.width, bias=False)
    optimizer = torch.optim.Adam(net.parameters(), lr=SETTINGS.learning_rate)
    entropy = torch.nn.CrossEntropyLoss()
    parts = [torch.from_numpy(part).chunk(2) for part in (train, test)]

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
            scores = similar(*parts[1])
            mate = scores.diagonal()
            rows = (scores >= mate[:, None]).sum(1) == 1
            columns = (scores >= mate[None, :]).sum(0) == 1
            yield float((rows | columns).float().mean())


def cpu_seconds(variants: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """CPU seconds of one call of each variant, the minimum over some turns."""
    return in_turn(variants, turns, warm=False, clock=time.process_time, summary=min)


def epochs(pairs: int, runs: int) -> dict[str, float]:
    """CPU seconds of one epoch of one run, by variant."""
    held_out = round(pairs * TEST)
    sizes = (pairs - held_out, held_out)
    train, test = (synthetic_features(count, SETTINGS.dims) for count in sizes)
    together, single = (
        adaptation.ParallelRuns(
            adaptation.make_batches([train] * n, [test] * n, SETTINGS, "cpu"), SETTINGS
        )
        for n in (runs, 1)
    )
    script = plain(train, test)
    seconds = cpu_seconds(
        {"together": together.step, "single": single.step, "plain": partial(next, script)}, 12
    )
    return seconds | {"together": seconds["together"] / runs}


def pca_seconds(pairs: int, columns: int) -> dict[str, float]:
    """CPU seconds of the PCA of one run, by variant."""
    from sklearn.decomposition import PCA

    both = synthetic_features(pairs - round(pairs * TEST), columns)
    seconds = cpu_seconds(
        {"ours": partial(pca.fit, both, SETTINGS.dims), "plain": partial(PCA(256).fit, both)}, 4
    )
    return {"together": seconds["ours"], "single": seconds["ours"], "plain": seconds["plain"]}


def products(pairs: int) -> str:
    """How much an epoch multiplies, and the rate that the processor reaches."""
    import torch

    test = round(pairs * TEST)
    train, dims, width = pairs - test, SETTINGS.dims, SETTINGS.width
    step = 2 * 4 * train * dims * width + 3 * 2 * train * train * width
    evaluation = 2 * 2 * test * dims * width + 2 * test * test * width
    left, right = torch.randn(1, train, width), torch.randn(1, train, width)
    seconds = cpu_seconds(
        {
            "torch": partial(torch.bmm, left, right.transpose(1, 2)),
            "ours": partial(product, left, right),
        },
        40,
    )
    rate = {name: 2 * train * train * width / time / 1e9 for name, time in seconds.items()}
    return (
        f"{(step + evaluation) / 1e9:.2f} GFLOP of products per epoch; the largest runs at "
        f"{rate['torch']:.0f} GFLOP/s in torch, {rate['ours']:.0f} here"
    )


def measure(pairs: int, columns: int, runs: int, n_epochs: int) -> list[Line]:
    """All runs together against each alternative."""
    import torch

    torch.set_num_threads(2)
    epoch, base = epochs(pairs, runs), pca_seconds(pairs, columns)
    total = {name: runs * (base[name] + n_epochs * epoch[name]) for name in epoch}
    part = f"adaptation, {pairs:,} pairs, {columns:,} columns, {runs} runs of {n_epochs}"
    lines = [
        Line(
            part,
            total["together"],
            "s CPU",
            f"{runs} {heading}",
            total["together"] / total[name],
            AIM if name == "single" else None,
            note,
        )
        for name, (heading, note) in ALTERNATIVES.items()
    ]
    return [*lines[:-1], replace(lines[-1], note=f"{lines[-1].note}; {products(pairs)}")]


def lines(quick: bool = False) -> list[Line]:
    """At the size of TLL's sample, for a small and a large backbone."""
    if quick:
        return measure(400, 260, 2, 2)
    return [line for columns in (1280, 3840) for line in measure(1000, columns, 20, 150)]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("pairs", 1000), ("runs", 20), ("epochs", 150)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--columns", default="1280,3840")
    args = parser.parse_args()
    for columns in map(int, args.columns.split(",")):
        show(measure(args.pairs, columns, args.runs, args.epochs))


if __name__ == "__main__":
    main()
