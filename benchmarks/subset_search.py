"""All 2^M - 1 combinations of M backbones: the exact search against brute force, in one run.

    python -m benchmarks.subset_search [--pairs 6016] [--backbones 11] [--share 0.12]

Brute force adds one matrix a step in Gray-code order and takes the maximum of every row, in NumPy
and in torch; it is run for a quarter of a minute each and scaled up where that is not all, and says
so. The matrices are drawn: correlated features in which pairs share more or less of themselves, so
that one backbone finds about 5 % of the mates, as in the papers, and sums find more.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.results_table import Line, aim, number, show
from simcore.evaluate.combinations import subset_search
from simcore.sim.combine import Moments, Term
from simcore.types import Array

PAIRS, BACKBONES, SHARE = 6_016, 11, 0.12
AIM = aim("subset_search.seconds")
ROUNDS = 3
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


def brute_torch(matrices: list[Array], device: str = "cpu") -> Callable[[int, bool], int]:
    """The same with torch, which uses all cores, or a device that holds all matrices."""
    import torch

    tensors = [torch.from_numpy(m).to(device) for m in matrices]
    total = torch.zeros_like(tensors[0])

    def step(k: int, put: bool) -> int:
        total.add_(tensors[k], alpha=1 if put else -1)
        mate = total.diagonal().clone()
        total.fill_diagonal_(-torch.inf)
        hits = int((total.amax(1) < mate).sum())
        total.diagonal().copy_(mate)
        return hits

    return step


def gray(backbones: int) -> list[tuple[int, bool]]:
    """(which, put in or taken out) for each of the 2^M - 1 steps."""
    steps, mask = [], 0
    for step in range(1, 1 << backbones):
        k = (step & -step).bit_length() - 1
        mask ^= 1 << k
        steps.append((k, bool(mask >> k & 1)))
    return steps


def timed(
    step: Callable[[int, bool], int], backbones: int, patience: float
) -> tuple[float, int, int]:
    """(seconds for all subsets, of which so many were really run, out of)."""
    steps = gray(backbones)
    began = time.perf_counter()
    done = 0
    for k, put in steps:
        step(k, put)
        done += 1
        if time.perf_counter() - began > patience:
            break
    seconds = time.perf_counter() - began
    return seconds * len(steps) / done, done, len(steps)


def measure(pairs: int, backbones: int, share: float, patience: float) -> list[Line]:
    """The search under both kinds of sum, against both kinds of brute force."""
    matrices = drawn(pairs, backbones, share)
    scale = [Moments(float(m.mean(dtype=float)), float(m.std(dtype=float))) for m in matrices]
    search(matrices, scale)  # compiles
    runs = [(search(matrices, scale), search(matrices, None)) for _ in range(ROUNDS)]
    normalized, plain = (statistics.median(r[kind][0] for r in runs) for kind in (0, 1))
    counts = runs[0][0][1].counts
    singles = [int(counts[1 << k]) for k in range(backbones)]
    part = f"all {len(counts) - 1:,} subsets at N = {pairs:,}"
    note = f"one finds {min(singles)} to {max(singles)}, the best sum {counts.max()}"
    bound = AIM if (pairs, backbones) == (PAIRS, BACKBONES) else None
    results = [Line(f"{part}, z-sums", normalized, "s", aim=bound, note=note)]
    for name, brute in (("NumPy", brute_numpy), ("torch", brute_torch)):
        seconds, done, every = timed(brute(matrices), backbones, patience)
        note = "" if done == every else f"brute force estimated from {done:,} of {every:,}"
        against = f"brute force, {name}: {number(seconds)} s"
        results.append(
            Line(f"{part}, plain sums", plain, "s", against, plain / seconds, bound, note)
        )
    return results


def search(
    matrices: list[Array], scale: list[Moments] | None
) -> tuple[float, subset_search.SubsetHits]:
    """Seconds of one search, and what it found."""
    count = len(matrices[0])
    blocks = ((s, [m[s : s + 512] for m in matrices]) for s in range(0, count, 512))
    names = [f"m{k}" for k in range(len(matrices))]
    began = time.perf_counter()
    terms = None if scale is None else [Term.standardized(each) for each in scale]
    hits = subset_search.search(names, blocks, np.arange(count), terms=terms)
    return time.perf_counter() - began, hits


def lines(quick: bool = False) -> list[Line]:
    """At the size of the papers."""
    return measure(500, 6, SHARE, 1.0) if quick else measure(PAIRS, BACKBONES, SHARE, PATIENCE)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--backbones", type=int, default=BACKBONES)
    parser.add_argument(
        "--share", type=float, default=SHARE, help="of itself in the mate; 1 finds half of them"
    )
    args = parser.parse_args()
    show(measure(args.pairs, args.backbones, args.share, PATIENCE))


if __name__ == "__main__":
    main()
