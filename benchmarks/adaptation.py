"""Twenty runs of the adaptation function together, against twenty single ones, in one run.

    python -m benchmarks.adaptation [--pairs 1000] [--columns 1280,3840] [--runs 20] [--epochs 150]

Three ways on the same splits and starts, under the paper's protocol (every epoch looks at the test
pairs): "together" is what `simcore learn adaptation` does; "single" is the same engine, a run at a
time; "plain" is a script as one would write it, with torch's own linear layer, cross-entropy and
autograd, and scikit-learn's PCA as it comes. For each way two lengths are timed; the difference is
an epoch, the rest the PCA and the judging, and the total is made up of both. Times are of the
process, its two threads together, the best of some, since a shared machine only adds to them.
The last lines hold the products of an epoch against the most that this processor was seen to do.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from simcore.learn import adaptation, splits
from simcore.learn.contrast import product
from simcore.learn.inputs import Inputs


def made(pairs: int, columns: int) -> Inputs:
    """Mates that share some directions."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(pairs, 64)) @ random.normal(size=(64, columns))
    left, right = (
        (shared + 8 * random.normal(size=shared.shape)).astype(np.float32) for _ in range(2)
    )
    return Inputs(left, right, ("drawn",), (columns,))


def plain(inputs: Inputs, split: splits.Split, settings: adaptation.Settings, seed: int) -> float:
    """One run as a short script has it; its best recall on the test pairs."""
    import torch
    from sklearn.decomposition import PCA

    torch.manual_seed(seed)
    both = np.concatenate([inputs.left[split.train], inputs.right[split.train]])
    base = PCA(settings.dims).fit(both)
    parts = [
        torch.from_numpy(base.transform(side[rows]).astype(np.float32))
        for rows in (split.train, split.test)
        for side in (inputs.left, inputs.right)
    ]
    net = torch.nn.Linear(parts[0].shape[1], settings.width, bias=False)
    optimizer = torch.optim.Adam(net.parameters(), lr=settings.rate)
    entropy, best = torch.nn.CrossEntropyLoss(), 0.0

    def similar(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        unit = [torch.nn.functional.normalize(net(x).relu(), dim=1) for x in (left, right)]
        return unit[0] @ unit[1].T

    for _ in range(settings.epochs):
        logits = settings.sigma * similar(parts[0], parts[1])
        mates = torch.arange(len(logits))
        loss = (entropy(logits, mates) + entropy(logits.T, mates)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            found = similar(parts[2], parts[3])
            mate = found.diagonal()
            rows = (found >= mate[:, None]).sum(1) == 1
            columns = (found >= mate[None, :]).sum(0) == 1
            best = max(best, float((rows | columns).float().mean()))
    return best


def spent(works: Sequence[Callable[[], object]], rounds: int = 4) -> list[float]:
    """Seconds of the processor that each took, the best of some; turn by turn, so that what else
    the machine does falls on all of them."""
    found = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            began = time.process_time()
            work()
            found[number] = min(found[number], time.process_time() - began)
    return found


def operations(learn: int, test: int, dims: int, width: int) -> float:
    """Floating point operations of an epoch's products: W twice, three similarities, the look."""
    step = 2 * 2 * 2 * learn * dims * width + 3 * 2 * learn * learn * width
    return float(step + 2 * 2 * test * dims * width + 2 * test * test * width)


def most(learn: int, width: int) -> dict[str, float]:
    """Operations a second of the processor in the largest product, by torch and by oneDNN."""
    import torch

    one, other = torch.randn(1, learn, width), torch.randn(1, learn, width)
    ways = {"torch": partial(torch.bmm, one, other.transpose(1, 2)),
            "here": partial(product, one, other)}  # fmt: skip
    count = 2 * learn * learn * width
    return {
        name: count / seconds
        for name, seconds in zip(ways, spent(list(ways.values()), 40), strict=True)
    }


def main() -> None:
    """Run and print."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (("pairs", 1000), ("runs", 20), ("epochs", 150)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--columns", default="1280,3840")
    told = parser.parse_args()
    torch.set_num_threads(2)
    drawn = [splits.draw(np.arange(told.pairs), n, validation=0.0) for n in range(told.runs)]
    for columns in map(int, told.columns.split(",")):
        compare(made(told.pairs, columns), drawn, told.epochs)
    learn, test = len(drawn[0].train), len(drawn[0].test)
    usual = adaptation.Settings("paper")
    with torch.no_grad():
        found = most(learn, usual.width)
    work = operations(learn, test, usual.dims, usual.width) / 1e9
    print(f"products of an epoch {work:6.2f} GFLOP; most seen in one, a second of the processor:")
    print(f"torch {found['torch'] / 1e9:6.0f} GFLOP, here {found['here'] / 1e9:6.0f}")


def compare(inputs: Inputs, drawn: list[splits.Split], epochs: int) -> None:
    """The three ways at one width of features."""

    def engine(some: list[splits.Split], count: int) -> object:
        return adaptation.train(inputs, some, adaptation.Settings("paper", epochs=count))

    def script(count: int) -> object:
        return plain(inputs, drawn[0], adaptation.Settings("paper", epochs=count), 0)

    runs, more = len(drawn), 4
    ways = {"together": (partial(engine, drawn), runs), "single": (partial(engine, drawn[:1]), 1),
            "plain": (script, 1)}  # fmt: skip
    works = [partial(way, count) for way, _ in ways.values() for count in (1, 1 + more)]
    seconds = np.reshape(spent(works), (len(ways), 2))
    parts, totals = {}, {}
    for (name, (_, count)), (short, long) in zip(ways.items(), seconds, strict=True):
        epoch = (long - short) / more / count
        parts[name] = short / count - epoch, epoch
        totals[name] = runs * (parts[name][0] + epochs * epoch)
    print(f"{len(inputs):,} pairs, {sum(inputs.dims):,} columns, {runs} runs of {epochs} epochs")
    for name, (rest, epoch) in parts.items():
        print(f"{name:<9} {totals[name]:7.1f} s of the processor, together / {name} "
              f"{totals['together'] / totals[name]:5.2f}   (a run: {rest:5.2f} s, "
              f"an epoch {1000 * epoch:5.1f} ms)")  # fmt: skip


if __name__ == "__main__":
    main()
