"""The adaptation function of risser-maroux2021: PCA, W with ReLU, cosine; many runs together.

Each run has its own split of the pairs, its own PCA (fitted on its training images) and its own
start. All runs climb side by side, in batches (`torch.bmm`). The epoch that counts is chosen

- `honest`: for each run by the loss on validation pairs, which are neither learned from nor judged;
- `paper`: one for all runs, by the mean recall on the test pairs, as the paper's "oracle" does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from simcore.errors import BadDataError, unknown
from simcore.evaluate import asymmetric
from simcore.learn import contrast, pca
from simcore.learn.inputs import Inputs
from simcore.learn.splits import Split
from simcore.models.adapted import Adaptation, Layer
from simcore.sim.metrics import normalised
from simcore.types import Array, OnProgress, Progress

Protocol = Literal["honest", "paper"]
Stop = Callable[[], bool]
OnCurve = Callable[[list[float], list[float]], None]  # losses and checks so far


def check(name: str) -> Protocol:
    """The protocol, if there is one of that name."""
    if name not in get_args(Protocol):
        raise unknown("protocol", name, get_args(Protocol))
    return cast(Protocol, name)


@dataclass(frozen=True)
class Settings:
    """How to learn; the defaults are the paper's where it says them.

    Attributes:
        protocol: who chooses the epoch, see the module.
        sigma: temperature; the paper compares 1 and 15.
        epochs: at most. dims: of the PCA. width: of the adapted vectors.
        rate: of Adam, which the paper does not name.
        patience: epochs without a better validation loss before a run stops (honest).
        seed: of the first run's start; run r has seed + r.
    """

    protocol: Protocol = "honest"
    sigma: float = 15.0
    epochs: int = 150
    dims: int = pca.DIMS
    width: int = 1024
    rate: float = 1e-3
    patience: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.protocol)
        for name in ("sigma", "epochs", "dims", "width", "rate", "patience"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"found {name} = {getattr(self, name)}; expected more than 0")


@dataclass(frozen=True, eq=False)
class Run:
    """One run: what it learned, on which pairs, and how well it finds its test pairs.

    Attributes:
        before, reduced, after: (T,) asymmetric ranks of the test pairs with the features as they
            are, after the PCA, and adapted.
        kept: share of the variance that the PCA kept.
        epoch: the one that was chosen, from 1.
        losses, checks: (E,) loss on the training pairs, and on the pairs that choose.
    """

    adaptation: Adaptation
    split: Split
    before: Array
    reduced: Array
    after: Array
    kept: float
    epoch: int
    losses: Array
    checks: Array


@dataclass
class _State:
    """A batch of runs on its way."""

    inputs: Any  # (R, 2n, d)
    check: Any  # (R, 2m, d)
    weight: Any  # (R, d, h)
    optimizer: Any
    best: Any  # (R, d, h)
    losses: list[Array] = field(default_factory=list)
    checks: list[Array] = field(default_factory=list)


def train(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: Settings,
    *,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    on_curve: OnCurve | None = None,
    stop: Stop | None = None,
) -> list[Run]:
    """Every split a run, all of them together.

    Args:
        inputs: N pairs. splits: R of them, of which only training and validation rows are looked
            at until what was learned is judged (with `paper` also the test rows, as it does).
        on_curve: told the means of the runs after every epoch.
        stop: asked after every epoch; the best so far is kept.

    Raises:
        BadDataError: no split, or an honest one without validation pairs.
    """
    if not splits:
        raise BadDataError("found no split to learn from; expected at least one run")
    if settings.protocol == "honest" and any(not len(one.validation) for one in splits):
        raise BadDataError(
            "found no validation pairs; the honest protocol needs some to choose the epoch"
        )
    bases = [_fitted(inputs, one, settings, n, on_progress, len(splits))
             for n, one in enumerate(splits)]  # fmt: skip
    states = _prepared(inputs, splits, bases, settings, device)
    chosen = _climbed(states, len(splits), settings, on_progress, on_curve, stop)
    weights = [one for state in states for one in state.best.cpu().numpy()]
    losses = [row for state in states for row in np.stack(state.losses, 1)]
    checks = [row for state in states for row in np.stack(state.checks, 1)]
    return [
        _judged(inputs, split, base, weight, int(epoch), loss, check)
        for split, base, weight, epoch, loss, check in zip(
            splits, bases, weights, chosen, losses, checks, strict=True
        )
    ]


def _learned_from(split: Split, protocol: Protocol) -> Array:
    """The paper has no validation pairs; it learns from all that are not judged."""
    if protocol == "honest":
        return split.train
    return np.sort(np.concatenate([split.train, split.validation]))


def _fitted(
    inputs: Inputs,
    split: Split,
    settings: Settings,
    number: int,
    on_progress: OnProgress | None,
    total: int,
) -> pca.Pca:
    rows = _learned_from(split, settings.protocol)
    found = pca.fit(np.concatenate([inputs.left[rows], inputs.right[rows]]), settings.dims)
    if on_progress is not None:
        on_progress(Progress("PCA", number + 1, total))
    return found


def _prepared(
    inputs: Inputs,
    splits: Sequence[Split],
    bases: Sequence[pca.Pca],
    settings: Settings,
    device: str,
) -> list[_State]:
    """The runs in batches. Groups of near-duplicates make sizes differ by a few; the surplus of a
    larger run's training pairs is left out, so that a batch is a block."""
    import torch

    learn = [_learned_from(one, settings.protocol) for one in splits]
    check = [one.validation if settings.protocol == "honest" else one.test for one in splits]
    least, few = min(map(len, learn)), min(map(len, check))
    dims = min(base.axes.shape[1] for base in bases)

    def reduced(rows: Array, base: pca.Pca) -> Any:
        both = np.concatenate([base(inputs.left[rows]), base(inputs.right[rows])])
        return torch.from_numpy(both[:, :dims])

    size = contrast.together(len(splits), least, device)
    states = []
    for first in range(0, len(splits), size):
        numbers = range(first, min(first + size, len(splits)))
        starts = [_start(settings.seed + n, dims, settings.width) for n in numbers]
        weight = torch.stack(starts).to(device).requires_grad_(True)
        z = torch.stack([reduced(learn[n][:least], bases[n]) for n in numbers]).to(device)
        c = torch.stack([reduced(check[n][:few], bases[n]) for n in numbers]).to(device)
        optimizer = torch.optim.Adam([weight], lr=settings.rate)
        states.append(_State(z, c, weight, optimizer, weight.detach().clone()))
    return states


def _start(seed: int, dims: int, width: int) -> Any:
    """The uniform start of torch's linear layers, of this run alone."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    bound = dims**-0.5
    return torch.empty(dims, width).uniform_(-bound, bound, generator=draw)


def _climbed(
    states: list[_State],
    runs: int,
    settings: Settings,
    on_progress: OnProgress | None,
    on_curve: OnCurve | None,
    stop: Stop | None,
) -> Array:
    """(R,) the epoch that each run's best weights are from."""
    best, chosen = np.full(runs, np.inf), np.ones(runs, np.int64)
    honest = settings.protocol == "honest"
    means: tuple[list[float], list[float]] = ([], [])
    for epoch in range(1, settings.epochs + 1):
        over = (epoch - 1 - chosen >= settings.patience) & honest
        checks = np.concatenate([
            np.full(len(part), np.inf) if over[part].all() else _epoch(state, settings)
            for state, part in zip(states, _parts(states), strict=True)
        ])  # fmt: skip
        going = [state for state in states if len(state.losses) == epoch]
        for mean, name in zip(means, ("losses", "checks"), strict=True):
            mean.append(float(np.concatenate([getattr(s, name)[-1] for s in going]).mean()))
        value = checks if honest else np.full(runs, checks.mean())
        better = (value < best) & ~over
        best[better], chosen[better] = value[better], epoch
        _keep(states, better)
        if on_progress is not None:
            on_progress(Progress("learning", epoch, settings.epochs))
        if on_curve is not None:
            on_curve(*means)
        if stop is not None and stop():
            break
        if honest and (epoch - chosen >= settings.patience).all():
            break
    return chosen


def _epoch(state: _State, settings: Settings) -> Array:
    """One step of a batch of runs; returns (R,) what the choice of an epoch looks at."""
    import torch

    with torch.no_grad():
        loss, slope = contrast.loss_and_slope(state.inputs, state.weight, settings.sigma)
    state.weight.grad = slope
    state.optimizer.step()
    with torch.no_grad():
        unit = contrast.adapted(state.check, state.weight)
        half = unit.shape[1] // 2
        values = unit[:, :half].bmm(unit[:, half:].transpose(1, 2))
        if settings.protocol == "honest":
            check = contrast.loss_of(values * settings.sigma).cpu().numpy()
        else:
            check = 1 - contrast.found_first(values).cpu().numpy()
    state.losses.append(loss.cpu().numpy())
    state.checks.append(check)
    return np.asarray(check)


def _parts(states: list[_State]) -> list[range]:
    """Which runs are in which batch."""
    sizes = [state.weight.shape[0] for state in states]
    ends = np.cumsum(sizes)
    return [range(int(end) - size, int(end)) for size, end in zip(sizes, ends, strict=True)]


def _keep(states: list[_State], better: Array) -> None:
    for state, part in zip(states, _parts(states), strict=True):
        for number in np.flatnonzero(better[part]):
            state.best[number].copy_(state.weight.detach()[number])


def _judged(
    inputs: Inputs,
    split: Split,
    base: pca.Pca,
    weight: Array,
    epoch: int,
    losses: Array,
    checks: Array,
) -> Run:
    """The test pairs, looked at for the first time."""
    layer = Layer(0, len(base.mean), base.axes[:, : len(weight)], weight, relu=True)
    learned = Adaptation(base.mean, (layer,), inputs.backbones, inputs.dims)
    left, right = inputs.left[split.test], inputs.right[split.test]
    plain = asymmetric.ranks_of(np.nan_to_num(left) @ np.nan_to_num(right).T)
    reduced = asymmetric.ranks_of(_cosine(base(left), base(right)))
    after = asymmetric.ranks_of(_cosine(learned(left), learned(right)))
    return Run(learned, split, plain, reduced, after, base.kept, epoch, losses, checks)


def _cosine(left: Array, right: Array) -> Array:
    out: Array = normalised(left) @ normalised(right).T
    return out
