"""A better adaptation: every backbone keeps its own map, and learns how much it counts.

For each backbone a PCA of its own, whose axes are first brought part of the way to equal spread;
then, learned together, a scale for every axis (starting at 1: the comparison as it was) and a share
for every backbone (starting at one over the spread of its similarities: the z-sum). A backbone
without evidence, a picture without a face, is a block of zeros: it says nothing, and costs nothing.

The loss is that of the paper with a temperature that is learned too. Pairs that may be learned from
are cut into folds; each fold in turn says when to stop learning from the others, and the mean of
the folds' scales and shares is what is kept, so that every such pair was learned from. What was
tried beside this is in DECISIONS.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.errors import BadDataError, Stopped
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.learn import splits
from simcore.learn.adapt import contrastive_loss, pca
from simcore.learn.adapt.adaptation import OnCurve, Run, identity
from simcore.learn.adapt.inputs import Inputs
from simcore.learn.checkpoints import RESUME_MESSAGE, Checkpoint
from simcore.learn.splits import Split
from simcore.models.adapter import Adapter, Layer
from simcore.sim.metrics import normalized
from simcore.types import Array, Monitor

FIRST_SIGMA = 12.0  # where the learned temperature starts
WARM = 20  # epochs in which only shares and temperature move


@dataclass(frozen=True)
class Settings:
    """How to learn.

    Attributes:
        dims: axes a backbone at most. whiten: 0 leaves their spread as it is, 1 makes it equal.
        folds: see the module. epochs: a fold at most. patience: epochs without a better loss.
        share_rate, scale_rate: of Adam, for shares (and temperature) and for scales.
        seed: of the folds.
    """

    dims: int = pca.DIMS
    whiten: float = 0.35
    folds: int = 5
    epochs: int = 120
    patience: int = 12
    share_rate: float = 0.05
    scale_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dims", "epochs", "patience", "share_rate", "scale_rate"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"found {name} = {getattr(self, name)}; expected more than 0")
        if self.folds < 2 or not 0 <= self.whiten <= 1:
            raise BadDataError(
                f"found {self.folds} folds and whitening by {self.whiten}; expected 2 or more, "
                "and 0 to 1"
            )


@dataclass(frozen=True, eq=False)
class _Block:
    """One backbone's fixed part: its axes, how far they spread, and the columns it looks at."""

    start: int
    stop: int
    base: pca.Pca
    gain: Array  # (d,)

    def __call__(self, values: Array) -> Array:
        """(N, D) -> (N, d) unit rows; zero rows where there is no evidence."""
        return normalized(self.base(values[:, self.start : self.stop]) * self.gain)


@dataclass(frozen=True, eq=False)
class Fold:
    """What was learned from all folds but one: logarithms of scales and shares, and how it went.

    Attributes:
        scales: (d,) a backbone. shares: (M,). losses, checks: of every epoch. epoch: the best.
    """

    scales: list[Array]
    shares: Array
    losses: list[float]
    checks: list[float]
    epoch: int


@dataclass
class _Scales:
    """What is learned, as torch vectors: logarithms of scales (a vector a backbone) and shares."""

    scales: list[Any]
    shares: Any

    def __call__(self, sides: Sequence[Any]) -> Any:
        """Blocks of (N, d) -> (N, sum of d) unit rows."""
        import torch

        normalize = torch.nn.functional.normalize
        blocks = [
            normalize(x * scale.exp(), dim=1, eps=1e-6) * (share / 2).exp()
            for x, scale, share in zip(sides, self.scales, self.shares, strict=True)
        ]
        return normalize(torch.cat(blocks, dim=1), dim=1, eps=1e-6)


def train(
    inputs: Inputs,
    split: Split,
    settings: Settings,
    *,
    device: str = "cpu",
    known: Sequence[Fold] = (),
    on_fold: Callable[[Fold], None] | None = None,
    on_curve: OnCurve | None = None,
    monitor: Monitor = Monitor(),
) -> Run:
    """Learn on a split's training and validation pairs; judge on its test pairs.

    Args:
        known: the first folds, if an earlier try had come so far. on_fold: told every other.
        on_curve: told the losses of a fold so far, after every epoch.

    Returns:
        A run whose `reduced` ranks are those of the start: the z-sum of the partly whitened
        backbones with all shares alike.

    Raises:
        BadDataError: too few pairs for the folds. Stopped: `stop` said so.
    """
    rows = np.sort(np.concatenate([split.train, split.validation]))
    blocks = _blocks(inputs.take(rows), settings)
    left, right = ([block(side) for block in blocks] for side in (inputs.left, inputs.right))
    start = _shares(blocks, left, right, rows)
    parts = splits.folds(rows, split.groups, settings.folds, settings.seed)
    found = list(known)
    for part in parts[len(found) :]:
        told = _fold(
            [[side[n] for n in range(len(blocks))] for side in (left, right)],
            np.setdiff1d(rows, part),
            part,
            start,
            settings,
            device,
            on_curve,
            monitor,
        )
        found.append(told)
        if on_fold is not None:
            on_fold(told)
    plain = _adaptation(inputs, blocks, [np.zeros(len(b.gain)) for b in blocks], start)
    scales = [np.mean([one.scales[n] for one in found], axis=0) for n in range(len(blocks))]
    learned = _adaptation(inputs, blocks, scales, np.mean([one.shares for one in found], axis=0))
    before, reduced, after = (_ranks(inputs, split.test, w) for w in (None, plain, learned))
    curves = [[one.losses for one in found], [one.checks for one in found]]
    shortest = min(map(len, curves[0]))
    loss, check = (np.mean([e[:shortest] for e in each], axis=0) for each in curves)
    kept = float(np.mean([block.base.kept for block in blocks]))
    epoch = int(np.mean([one.epoch for one in found]))
    return Run(learned, split, before, reduced, after, kept, epoch, loss, check)


def _blocks(inputs: Inputs, settings: Settings) -> list[_Block]:
    """The fixed part, from pairs that may be learned from."""
    both = np.concatenate([inputs.left, inputs.right])
    found, start = [], 0
    for width in inputs.dims:
        values = both[:, start : start + width]
        values = values[~np.isnan(values[:, 0])]
        base = pca.fit(values, settings.dims)
        spread = np.maximum(base(values).std(axis=0), 1e-12)
        found.append(_Block(start, start + width, base, spread**-settings.whiten))
        start += width
    return found


def _shares(blocks: list[_Block], left: list[Array], right: list[Array], rows: Array) -> Array:
    """(M,) logarithms of one over the deviation of each backbone's similarities: the z-sum's."""
    found = []
    for n in range(len(blocks)):
        one, other = left[n][rows], right[n][rows]
        known = np.ix_(one.any(axis=1), other.any(axis=1))
        found.append(-np.log(max(float((one @ other.T)[known].std()), 1e-6)))
    return np.array(found)


def _fold(
    sides: list[list[Array]],
    learn: Array,
    check: Array,
    start: Array,
    settings: Settings,
    device: str,
    on_curve: OnCurve | None,
    monitor: Monitor,
) -> Fold:
    """Climb on some pairs until others say when to end."""
    import torch

    def placed(rows: Array) -> list[list[Any]]:
        return [[torch.from_numpy(x[rows]).float().to(device) for x in side] for side in sides]

    mine, theirs = placed(learn), placed(check)
    shares = torch.tensor(start, dtype=torch.float32, device=device, requires_grad=True)
    scales = [torch.zeros(x.shape[1], device=device, requires_grad=True) for x in mine[0]]
    sigma = torch.tensor(np.log(FIRST_SIGMA), device=device, requires_grad=True)
    now = _Scales(scales, shares)
    slow = {"params": scales, "lr": 0.0}
    optimizer = torch.optim.Adam([{"params": [shares, sigma], "lr": settings.share_rate}, slow])

    def loss(pair: list[list[Any]]) -> Any:
        return contrastive_loss.loss_of(sigma.exp() * (now(pair[0]) @ now(pair[1]).T)[None])[0]

    losses: list[float] = []
    checks: list[float] = []
    best, epoch = _taken(now), 0
    for number in range(1, settings.epochs + 1):
        optimizer.param_groups[1]["lr"] = settings.scale_rate if number > WARM else 0.0
        optimizer.zero_grad()
        value = loss(mine)
        value.backward()
        optimizer.step()
        with torch.no_grad():
            checks.append(float(loss(theirs)))
        losses.append(float(value.detach()))
        if on_curve is not None:
            on_curve(losses, checks)
        if checks[-1] <= min(checks):
            best, epoch = _taken(now), number
        monitor.check(RESUME_MESSAGE)
        if number > WARM and number - epoch >= settings.patience:
            break
    return Fold(*best, losses, checks, epoch)


def _taken(now: _Scales) -> tuple[list[Array], Array]:
    scales = [one.detach().cpu().numpy().astype(np.float64) for one in now.scales]
    return scales, now.shares.detach().cpu().numpy().astype(np.float64)


def _adaptation(
    inputs: Inputs, blocks: list[_Block], scales: list[Array], shares: Array
) -> Adapter:
    layers = tuple(
        Layer(
            block.start,
            block.stop,
            block.base.axes,
            np.diag(block.gain * np.exp(scale)).astype(np.float32),
            float(np.exp(share)),
        )
        for block, scale, share in zip(blocks, scales, shares, strict=True)
    )
    mean = np.concatenate([block.base.mean for block in blocks])
    return Adapter(mean, layers, inputs.backbones, inputs.dims)


def _ranks(inputs: Inputs, test: Array, what: Adapter | None) -> Array:
    """(T,) asymmetric ranks of the test pairs, looked at for the first time."""
    sides = [inputs.left[test], inputs.right[test]]
    if what is not None:
        left, right = (normalized(what(side)) for side in sides)
    else:
        left, right = (np.nan_to_num(side) for side in sides)
    return asymmetric_recall.ranks_of(left @ right.T)


def train_runs(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: Settings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    monitor: Monitor = Monitor(),
    on_curve: OnCurve | None = None,
) -> list[Run]:
    """Every split a run, one after the other; run r has seed + r.

    Args:
        checkpoint: where to go on from if it is there; written after every fold.

    Raises:
        BadDataError: as `fusion.train`, or the checkpoint is of another run.
        Stopped: `stop` said so; with a checkpoint the same call goes on from there.
    """
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, identity(inputs, splits, asdict(settings)))
    known = (kept.read() if kept else None) or {"folds": []}
    done = [_fold_of(told) for told in known["folds"]]

    def write() -> None:
        if kept is not None:
            kept.write({"folds": [_told(one) for one in done]})

    def finished(fold: Fold) -> None:
        done.append(fold)
        write()
        monitor.report("folds", len(done), len(splits) * settings.folds)

    found = []
    for number, split in enumerate(splits):
        own = replace(settings, seed=settings.seed + number)
        first = number * settings.folds
        try:
            run = train(
                inputs,
                split,
                own,
                device=device,
                known=done[first : first + settings.folds],
                on_fold=finished,
                on_curve=on_curve,
                monitor=Monitor(stop=monitor.stop),
            )
        except Stopped:
            write()  # even where no fold was finished: so that it is known to wait
            raise
        found.append(run)
    return found


def _told(fold: Fold) -> dict[str, Any]:
    """A fold as a checkpoint has it."""
    import torch

    tensors = [torch.from_numpy(one) for one in (*fold.scales, fold.shares)]
    return {"tensors": tensors, "losses": fold.losses, "checks": fold.checks, "epoch": fold.epoch}


def _fold_of(told: dict[str, Any]) -> Fold:
    *scales, shares = (one.numpy() for one in told["tensors"])
    return Fold(scales, shares, told["losses"], told["checks"], told["epoch"])
