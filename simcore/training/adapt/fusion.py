"""Fusion: an adaptation in which every backbone keeps its own map and learns its weight.

Each backbone gets a PCA of its own, whose axes are partly whitened. Then a scale for every axis
(initially 1: the comparison as it was) and a share for every backbone (initially one over the
spread of its similarities: the z-sum) are learned together. A backbone without evidence (an image
without a face) is a block of zeros, which neither adds to a similarity nor takes from it.

The loss is that of the paper with a learned temperature. Training and validation pairs are cut into
folds. Each fold in turn decides when to stop training on the others, and the mean of the folds'
scales and shares is the result, so every pair contributes. DECISIONS.md lists what was tried
besides this.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.errors import BadDataError, Stopped
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.models.adapter import Adapter, Layer
from simcore.sim.metrics import normalized
from simcore.training import splits as learn_splits
from simcore.training.adapt import contrastive_loss, pca
from simcore.training.adapt.adaptation import AdaptationRun, OnCurve, mean_curve, run_fingerprint
from simcore.training.adapt.inputs import Inputs
from simcore.training.checkpoints import RESUME_MESSAGE, Checkpoint
from simcore.training.splits import Split
from simcore.types import JSON, Array, Monitor

INITIAL_SIGMA = 12.0  # of the learned temperature
WARMUP_EPOCHS = 20  # only shares and temperature are learned


@dataclass(frozen=True)
class FusionSettings:
    """How to train.

    Attributes:
        dims: axes per backbone, at most.
        whiten: 0 leaves the spread of the axes as it is, 1 makes it equal.
        folds: see the module. epochs: per fold, at most.
        patience: epochs without a lower validation loss after which a fold stops.
        share_rate, scale_rate: learning rates of Adam, for shares (and temperature) and for scales.
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
        self.validate()

    def validate(self) -> None:
        """Check the values.

        Raises:
            BadDataError: a number out of range.
        """
        for name in ("dims", "epochs", "patience", "share_rate", "scale_rate"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"{name} must be greater than 0, got {getattr(self, name)}.")
        if self.folds < 2:
            raise BadDataError(f"folds must be at least 2, got {self.folds}.")
        if not 0 <= self.whiten <= 1:
            raise BadDataError(f"whiten must be from 0 to 1, got {self.whiten}.")

    def hashed_fields(self) -> JSON:
        """The settings as checkpoints hash them; renaming a field orphans those on disk."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold learned.

    Attributes:
        scales: for each backbone (d,) logarithms of the scales.
        shares: (M,) logarithms of the shares.
        losses, validation_losses: of every epoch. epoch: the best one.
    """

    scales: list[Array]
    shares: Array
    losses: list[float]
    validation_losses: list[float]
    epoch: int


@dataclass(frozen=True, eq=False)
class _Block:
    """The fixed map of one backbone: its columns, their PCA, and (d,) gains that whiten it."""

    start: int
    stop: int
    base: pca.Pca
    gain: Array

    def __call__(self, values: Array) -> Array:
        """(N, D) -> (N, d) unit rows; zero rows without evidence."""
        return normalized(self.base(values[:, self.start : self.stop]) * self.gain)


class Fold:
    """Training on all folds but one, which decides when to stop.

    Attributes:
        scales, shares, sigma: the learned parameters, as logarithms (torch).
        losses, validation_losses: of every epoch. epoch: the best one, 0 before the first.
    """

    def __init__(
        self,
        sides: Sequence[Sequence[Array]],
        validation: Array,
        shares: Array,
        settings: FusionSettings,
        device: str = "cpu",
    ) -> None:
        """Places the data.

        Args:
            sides: left and right; for each backbone (n, d) rows of the training and validation
                pairs of the split.
            validation: (n,) bool, which of these pairs decide when to stop.
            shares: (M,) initial logarithms.
        """
        import torch

        def select(rows: Array) -> list[list[Any]]:
            return [[torch.from_numpy(x[rows]).float().to(device) for x in side] for side in sides]

        self.settings = settings
        self.train_sides, self.validation_sides = select(~validation), select(validation)
        self.shares = torch.tensor(shares, dtype=torch.float32, device=device, requires_grad=True)
        self.scales = [
            torch.zeros(x.shape[1], device=device, requires_grad=True) for x in self.train_sides[0]
        ]
        self.sigma = torch.tensor(np.log(INITIAL_SIGMA), device=device, requires_grad=True)
        self.optimizer = torch.optim.Adam(
            [
                {"params": [self.shares, self.sigma], "lr": settings.share_rate},
                {"params": self.scales, "lr": 0.0},
            ]
        )
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.epoch = 0
        self._keep_best()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has not improved for long."""
        done = len(self.losses)
        waited = done - self.epoch >= self.settings.patience
        return done >= self.settings.epochs or (done > WARMUP_EPOCHS and waited)

    def step(self) -> None:
        """One epoch: a gradient step on the training pairs, and the validation loss."""
        import torch

        warm = len(self.losses) >= WARMUP_EPOCHS
        self.optimizer.param_groups[1]["lr"] = self.settings.scale_rate if warm else 0.0
        self.optimizer.zero_grad()
        loss = self._loss(self.train_sides)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.validation_losses.append(float(self._loss(self.validation_sides)))
        self.losses.append(float(loss.detach()))
        if self.validation_losses[-1] <= min(self.validation_losses):
            self.epoch = len(self.losses)
            self._keep_best()

    def result(self) -> FoldResult:
        """The parameters of the best epoch."""
        scales, shares = self._best
        return FoldResult(scales, shares, self.losses, self.validation_losses, self.epoch)

    def _keep_best(self) -> None:
        scales = [scale.detach().cpu().numpy().astype(np.float64) for scale in self.scales]
        self._best = scales, self.shares.detach().cpu().numpy().astype(np.float64)

    def _loss(self, sides: Sequence[Sequence[Any]]) -> Any:
        left, right = map(self._apply, sides)
        return contrastive_loss.loss_of(self.sigma.exp() * (left @ right.T)[None])[0]

    def _apply(self, side: Sequence[Any]) -> Any:
        """Blocks of (N, d) -> (N, sum of d) unit rows."""
        import torch

        normalize = torch.nn.functional.normalize
        blocks = [
            normalize(x * scale.exp(), dim=1, eps=1e-6) * (share / 2).exp()
            for x, scale, share in zip(side, self.scales, self.shares, strict=True)
        ]
        return normalize(torch.cat(blocks, dim=1), dim=1, eps=1e-6)


def train(
    inputs: Inputs,
    split: Split,
    settings: FusionSettings,
    *,
    device: str = "cpu",
    finished_folds: Sequence[FoldResult] = (),
    on_fold: Callable[[FoldResult], None] | None = None,
    on_curve: OnCurve | None = None,
    monitor: Monitor = Monitor(),
) -> AdaptationRun:
    """Train on a split's training and validation pairs, evaluate on its test pairs.

    Args:
        finished_folds: the first folds, where an interrupted run got so far.
        on_fold: called with every other fold.
        on_curve: called after every epoch with the losses of a fold so far.

    Returns:
        A run whose `reduced` ranks are those of the start: the z-sum of the partly whitened
        backbones, with scales of 1.

    Raises:
        BadDataError: too few pairs for the folds. Stopped: on request.
    """
    rows = np.sort(np.concatenate([split.train, split.validation]))
    blocks = _fit_blocks(inputs.take(rows), settings)
    sides = [[block(side)[rows] for block in blocks] for side in (inputs.left, inputs.right)]
    initial = _initial_shares(*sides)
    results = list(finished_folds)
    parts = learn_splits.folds(rows, split.groups, settings.folds, settings.seed)
    for part in parts[len(results) :]:
        fold = Fold(sides, np.isin(rows, part), initial, settings, device)
        while not fold.finished:
            fold.step()
            if on_curve is not None:
                on_curve(fold.losses, fold.validation_losses)
            monitor.check(RESUME_MESSAGE)
        results.append(fold.result())
        if on_fold is not None:
            on_fold(results[-1])
    start = _make_adapter(inputs, blocks, [np.zeros(len(b.gain)) for b in blocks], initial)
    scales = [np.mean([fold.scales[n] for fold in results], axis=0) for n in range(len(blocks))]
    shares = np.mean([fold.shares for fold in results], axis=0)
    learned = _make_adapter(inputs, blocks, scales, shares)
    before, reduced, after = (_ranks(inputs, split.test, a) for a in (None, start, learned))
    return AdaptationRun(
        learned,
        split,
        before,
        reduced,
        after,
        float(np.mean([block.base.variance_kept for block in blocks])),
        int(np.mean([fold.epoch for fold in results])),
        mean_curve([fold.losses for fold in results]),
        mean_curve([fold.validation_losses for fold in results]),
    )


def train_runs(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: FusionSettings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    monitor: Monitor = Monitor(),
    on_curve: OnCurve | None = None,
) -> list[AdaptationRun]:
    """Train one run per split, one after the other; run r uses seed + r.

    Args:
        checkpoint: resumed from if it exists; written after every fold.

    Raises:
        BadDataError: as `train`, or the checkpoint is that of another run.
        Stopped: on request; with a checkpoint the same call resumes.
    """
    saved = None
    if checkpoint is not None:
        fingerprint = run_fingerprint(inputs, splits, settings.hashed_fields())
        saved = Checkpoint(checkpoint, fingerprint)
    state = (saved.read() if saved else None) or {"folds": []}
    folds = [_read_fold(document) for document in state["folds"]]

    def write() -> None:
        if saved is not None:
            saved.write({"folds": [_fold_state(fold) for fold in folds]})

    def finish(fold: FoldResult) -> None:
        folds.append(fold)
        write()
        monitor.report("folds", len(folds), len(splits) * settings.folds)

    runs = []
    for number, split in enumerate(splits):
        start = number * settings.folds
        try:
            run = train(
                inputs,
                split,
                replace(settings, seed=settings.seed + number),
                device=device,
                finished_folds=folds[start : start + settings.folds],
                on_fold=finish,
                on_curve=on_curve,
                monitor=Monitor(stop=monitor.stop),
            )
        except Stopped:
            write()  # even before the first fold is finished: the run is listed as unfinished
            raise
        runs.append(run)
    return runs


def _fit_blocks(inputs: Inputs, settings: FusionSettings) -> list[_Block]:
    """The fixed maps, fitted on training and validation pairs."""
    both = np.concatenate([inputs.left, inputs.right])
    blocks, start = [], 0
    for width in inputs.dims:
        values = both[:, start : start + width]
        values = values[~np.isnan(values[:, 0])]
        base = pca.fit(values, settings.dims)
        spread = np.maximum(base(values).std(axis=0), 1e-12)
        blocks.append(_Block(start, start + width, base, spread**-settings.whiten))
        start += width
    return blocks


def _initial_shares(left: list[Array], right: list[Array]) -> Array:
    """(M,) logarithms of one over the deviation of each backbone's similarities, as in a z-sum."""
    shares = []
    for queries, gallery in zip(left, right, strict=True):
        evident = np.ix_(queries.any(axis=1), gallery.any(axis=1))
        shares.append(-np.log(max(float((queries @ gallery.T)[evident].std()), 1e-6)))
    return np.array(shares)


def _make_adapter(
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


def _ranks(inputs: Inputs, test: Array, adapter: Adapter | None) -> Array:
    """(T,) asymmetric ranks of the test pairs, with the original features without an adapter."""
    pairs = inputs.take(test)
    similarity = pairs.similarity() if adapter is None else pairs.mapped_similarity(adapter)
    return asymmetric_recall.ranks_of(similarity)


def _fold_state(fold: FoldResult) -> JSON:
    """A fold as a checkpoint stores it."""
    import torch

    return {
        "tensors": [torch.from_numpy(array) for array in (*fold.scales, fold.shares)],
        "losses": fold.losses,
        "checks": fold.validation_losses,
        "epoch": fold.epoch,
    }


def _read_fold(state: JSON) -> FoldResult:
    *scales, shares = (tensor.numpy() for tensor in state["tensors"])
    return FoldResult(scales, shares, state["losses"], state["checks"], state["epoch"])
