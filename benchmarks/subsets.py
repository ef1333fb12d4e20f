"""All 2^M - 1 combinations of M backbones: the exact search against brute force, in one run.

    python -m benchmarks.subsets [--pairs 6016] [--backbones 11] [--share 0.12]

Brute force adds one matrix a step in Gray-code order and takes the maximum of every row, in NumPy
and in torch; it is run for a quarter of a minute each and scaled up where that is not all, and says
so. The matrices are drawn: correlated features in which pairs share more or less of themselves, so
that one backbone finds about 5 % of the mates, as in the papers, and sums find more.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from simcore.evaluate import subsets
from simcore.sim.combine import Moments
from simcore.types import Array

PATIENCE = 15.0  # seconds of brute force before the rest is estimated


def drawn(pairs: int, backbones: int, share: float, seed: int = 1) -> list[Array]:
    """M similarity matrices (N, N) float32, mates on the diagonal."""
    random = np.random.default_rng(seed)
    base = random.normal(size=(2, pairs, 30)).astype(np.float32)
    pair = random.gamma(0.5, share, size=pairs)
    matrices = []
    for _ in range(backbones):
        mixing = random.normal(size=(30, 256)).astype(np.float32) / 6
        left, right = (b @ mixing + random.normal(size=(pairs, 256)) for b in base)
        same = np.minimum(pair * random.uniform(0.2, 1.8, size=pairs), 1)[:, None]
        right = right * (1 - same) + left * same
        unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (left, right)]
        matrices.append((unit[0] @ unit[1].T).astype(np.float32))
    return matrices


def brute_numpy(matrices: list[Array]) -> Callable[[int, bool], int]:
    """A step of Gray code: one matrix in or out, then count the mates alone in front."""
    total = np.zeros_like(matrices[0])
    rows = np.arange(len(total))

    def step(k: int, put: bool) -> int:
        (np.add if put else np.subtract)(total, matrices[k], out=total)
        mate = total[rows, rows].copy()
        total[rows, rows] = -np.inf
        hits = int((total.max(axis=1) < mate).sum())
        total[rows, rows] = mate
        return hits

    return step


def brute_torch(matrices: list[Array]) -> Callable[[int, bool], int]:
    """The same with torch, which uses all cores."""
    import torch

    given = [torch.from_numpy(m) for m in matrices]
    total = torch.zeros_like(given[0])

    def step(k: int, put: bool) -> int:
        total.add_(given[k], alpha=1 if put else -1)
        mate = total.diagonal().clone()
        total.fill_diagonal_(-torch.inf)
        hits = int((total.amax(1) < mate).sum())
        total.diagonal().copy_(mate)
        return hits

    return step


def gray(backbones: int) -> list[tuple[int, bool]]:
    """(which, put in or taken out) for each of the 2^M - 1 steps."""
    steps, mask = [], 0
    for number in range(1, 1 << backbones):
        k = (number & -number).bit_length() - 1
        mask ^= 1 << k
        steps.append((k, bool(mask >> k & 1)))
    return steps


def timed(step: Callable[[int, bool], int], backbones: int) -> tuple[float, int, int]:
    """(seconds for all subsets, of which so many were really run, out of)."""
    steps = gray(backbones)
    began = time.perf_counter()
    done = 0
    for k, put in steps:
        step(k, put)
        done += 1
        if time.perf_counter() - began > PATIENCE:
            break
    seconds = time.perf_counter() - began
    return seconds * len(steps) / done, done, len(steps)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=6016)
    parser.add_argument("--backbones", type=int, default=11)
    parser.add_argument(
        "--share", type=float, default=0.12, help="of itself in the mate; 1 finds half of the mates"
    )
    told = parser.parse_args()
    matrices = drawn(told.pairs, told.backbones, told.share)
    scale = [Moments(float(m.mean(dtype=float)), float(m.std(dtype=float))) for m in matrices]
    names = [f"m{k}" for k in range(told.backbones)]
    target = np.arange(told.pairs)

    def search(given: list[Moments] | None) -> tuple[float, subsets.SubsetHits]:
        blocks = ((s, [m[s : s + 512] for m in matrices]) for s in range(0, told.pairs, 512))
        began = time.perf_counter()
        found = subsets.search(names, blocks, target, scale=given)
        return time.perf_counter() - began, found

    search(scale)  # compiles
    ours = {
        kind: min((search(given) for _ in range(3)), key=lambda run: run[0])
        for kind, given in (("normalised", scale), ("plain", None))
    }
    counts = ours["normalised"][1].counts
    singles = [int(counts[1 << k]) for k in range(told.backbones)]
    print(f"N = {told.pairs:,}, M = {told.backbones}: {len(counts) - 1:,} combinations")
    print(f"singles find {min(singles)} to {max(singles)}, the best combination {counts.max()}")
    for kind, (seconds, _) in ours.items():
        print(f"exact search, {kind:<10}  {seconds:8.2f} s")
    for name, brute in (("NumPy", brute_numpy), ("torch", brute_torch)):
        seconds, done, every = timed(brute(matrices), told.backbones)
        ratio = seconds / ours["plain"][0]
        note = "" if done == every else f", estimated from {done} of {every:,}"
        print(f"brute force, {name:<6}        {seconds:8.1f} s   {ratio:6.0f} times as long{note}")


if __name__ == "__main__":
    main()
