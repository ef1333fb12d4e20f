"""Twenty runs of the adaptation function together, against twenty single ones, in one run.

    python -m benchmarks.adaptation [--pairs 1000] [--columns 1280] [--runs 20] [--epochs 30]

Three ways on the same splits and starts, with two threads, under the paper's protocol (every epoch
looks at the test pairs), PCA included: "together" is what `simcore learn adaptation` does; "single"
is the same engine, a run at a time; "plain" is a loop as one would write it with torch's own linear
layer, cross-entropy and autograd, and scikit-learn's PCA. Times are of the process, all threads
together, so that other work on the machine does not count.
"""

import argparse
import time

import numpy as np

from simcore.learn import adaptation, splits
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
    base = PCA(settings.dims, svd_solver="full").fit(both)
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


def main() -> None:
    """Run and print."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (("pairs", 1000), ("columns", 1280), ("runs", 20), ("epochs", 30)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    told = parser.parse_args()
    torch.set_num_threads(2)
    inputs = made(told.pairs, told.columns)
    drawn = [splits.draw(np.arange(told.pairs), n, validation=0.0) for n in range(told.runs)]
    settings = adaptation.Settings("paper", epochs=told.epochs)
    adaptation.train(inputs, drawn[:1], adaptation.Settings("paper", epochs=2))  # warms up
    took = {}
    for name in ("together", "single", "plain"):
        began = time.process_time()
        if name == "together":
            adaptation.train(inputs, drawn, settings)
        for seed, split in enumerate(drawn if name != "together" else []):
            if name == "single":
                adaptation.train(inputs, [split], settings)
            else:
                plain(inputs, split, settings, seed)
        took[name] = time.process_time() - began
    print(
        f"{told.pairs:,} pairs, {told.columns:,} columns, {told.runs} runs of {told.epochs} epochs"
    )
    print(f"together          {took['together']:7.1f} s of the processor")
    for name in ("single", "plain"):
        share = took["together"] / took[name]
        print(f"together / {name:<6} {share:7.2f}   ({took[name]:.1f} s)")


if __name__ == "__main__":
    main()
