"""The adaptation function of risser-maroux2021 (PCA, W with ReLU, cosine), for many runs at once.

Each run has its own split of the pairs, its own PCA (fitted on its training images) and its own
initial W. All runs are trained side by side, in batches (`torch.bmm`). Which epoch is kept depends
on the protocol:

- `held-out`: for each run the epoch with the lowest loss on its validation pairs, which are
  neither training nor test pairs;
- `paper`: one epoch for all runs, that of the best mean recall on the test pairs (the paper's
  "oracle"), which is optimistically biased.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from simcore.errors import BadDataError, Stopped, unknown_name
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.models.adapter import Adapter, Layer
from simcore.training import checkpoints
from simcore.training.adapt import contrastive_loss, pca
from simcore.training.adapt.inputs import Inputs
from simcore.training.checkpoints import RESUME_MESSAGE, Checkpoint
from simcore.training.splits import Split
from simcore.types import JSON, Array, Monitor

Protocol = Literal["held-out", "paper"]
PcaMode = Literal["split", "once", "none"]
OnCurve = Callable[[list[float], list[float]], None]  # training and validation losses so far


def check_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownNameError: no such protocol.
    """
    if name not in get_args(Protocol):
        raise unknown_name("protocol", name, get_args(Protocol))
    return cast(Protocol, name)


@dataclass(frozen=True)
class AdaptationSettings:
    """How to train; the defaults are the paper's where it gives a value.

    Attributes:
        protocol: which epoch is kept, see the module.
        sigma: temperature; the paper compares 1 and 15.
        epochs: at most. dims: of the PCA. width: of the adapted vectors.
        learning_rate: of Adam; the paper gives none.
        patience: epochs without a lower validation loss after which a run stops (held-out only).
        seed: of the first run's initial weights; run r uses seed + r.
        relu: whether a ReLU follows the map.
        pca: "split" fits it on each run's training images; "once" on all images, test images too,
            as a paper may have done; "none" leaves the features as long as they are.
    """

    protocol: Protocol = "held-out"
    sigma: float = 15.0
    epochs: int = 150
    dims: int = pca.DIMS
    width: int = 1024
    learning_rate: float = 1e-3
    patience: int = 20
    seed: int = 0
    relu: bool = True
    pca: PcaMode = "split"

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check the values.

        Raises:
            UnknownNameError: no such protocol or PCA. BadDataError: a number that is not positive.
        """
        check_protocol(self.protocol)
        if self.pca not in get_args(PcaMode):
            raise unknown_name("PCA", self.pca, get_args(PcaMode))
        for name in ("sigma", "epochs", "dims", "width", "learning_rate", "patience"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"{name} must be greater than 0, got {getattr(self, name)}.")

    @property
    def uses_validation(self) -> bool:
        """Whether validation pairs decide which epoch is kept."""
        return self.protocol == "held-out"

    def hashed_fields(self) -> JSON:
        """The settings as checkpoints and cached results hash them, so the names stay these."""
        fields = asdict(self)
        fields["rate"] = fields.pop("learning_rate")
        fields["protocol"] = "honest" if self.uses_validation else "paper"
        for name, default in (("relu", True), ("pca", "split")):
            if fields[name] == default:  # results of older versions have no such field
                del fields[name]
        return fields


@dataclass(frozen=True, eq=False)
class AdaptationRun:
    """A trained adapter and its ranks on the test pairs.

    Attributes:
        before, reduced, after: (T,) asymmetric ranks of the test pairs with the original features,
            after the PCA, and adapted.
        variance_kept: share of the variance that the PCA keeps, 0..1.
        epoch: the epoch that is kept, from 1.
        losses: (E,) on the training pairs.
        validation_losses: (E,) on the pairs that decide which epoch is kept; for protocol `paper`
            1 - recall on the test pairs.
    """

    adapter: Adapter
    split: Split
    before: Array
    reduced: Array
    after: Array
    variance_kept: float
    epoch: int
    losses: Array
    validation_losses: Array


def train(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: AdaptationSettings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    monitor: Monitor = Monitor(),
    on_curve: OnCurve | None = None,
) -> list[AdaptationRun]:
    """Train one run per split, all of them together.

    Args:
        inputs: features of N pairs.
        splits: R splits of the pairs. Test rows are not read before training ends (except with
            protocol `paper`, which needs them).
        checkpoint: resumed from if it exists; written now and then and at the end.
        on_curve: called after every epoch with the mean losses of the runs.
        monitor: its stop is asked after every epoch.

    Raises:
        BadDataError: no split, no validation pairs for protocol `held-out`, or the checkpoint is
            that of another run.
        Stopped: on request; with a checkpoint the same call resumes.
    """
    if not splits:
        raise BadDataError("There is no split to learn from. At least one run is needed.")
    if settings.uses_validation and any(not len(split.validation) for split in splits):
        raise BadDataError(
            "Protocol held-out needs validation pairs to choose the epoch, and a split has none."
        )
    saved = None
    if checkpoint is not None:
        fingerprint = run_fingerprint(inputs, splits, settings.hashed_fields())
        saved = Checkpoint(checkpoint, fingerprint)
    state = saved.read() if saved else None  # before the work: it may be that of another run
    bases: list[pca.Pca] = []
    for number, split in enumerate(splits):
        once = bases[0] if settings.pca == "once" and bases else None
        bases.append(once or _fit_pca(inputs, split, settings, bases))
        monitor.part(0, 0.2).report("PCA", number + 1, len(splits))
        monitor.check(RESUME_MESSAGE)
    runs = ParallelRuns(_make_batches(inputs, splits, bases, settings, device), settings)
    if state is not None:
        runs.restore(state)
    runs.train(saved, monitor.part(0.2, 1), on_curve)
    weights = [weight for batch in runs.batches for weight in batch.best_weight.cpu().numpy()]
    losses, validation_losses = (
        [row for batch in runs.batches for row in np.stack(getattr(batch, name), 1)]
        for name in ("losses", "validation_losses")
    )
    return [
        _evaluate(inputs, split, base, weight, int(epoch), curves, relu=settings.relu)
        for split, base, weight, epoch, *curves in zip(
            splits, bases, weights, runs.best_epochs, losses, validation_losses, strict=True
        )
    ]


def run_fingerprint(inputs: Inputs, splits: Sequence[Split], settings: JSON) -> str:
    """A digest of data, settings and splits; a checkpoint is resumed by the same run only."""
    rows = [part for split in splits for part in (split.train, split.validation, split.test)]
    sizes = {"backbones": inputs.backbones, "rows": [len(part) for part in rows]}
    return checkpoints.run_fingerprint(settings | sizes, [inputs.left, inputs.right, *rows])


def mean_curve(curves: Sequence[Sequence[float] | Array]) -> Array:
    """The mean of the runs' curves, as far as all of them go."""
    shortest = min(map(len, curves))
    mean: Array = np.mean([np.asarray(curve)[:shortest] for curve in curves], axis=0)
    return mean


@dataclass
class Batch:
    """Runs that are computed together.

    Attributes:
        inputs, validation: torch (R, 2n, d) and (R, 2m, d), left rows before right ones: the
            training pairs, and those that decide which epoch is kept.
        weight, best_weight: (R, d, h), now and of the best epoch.
        losses, validation_losses: (R,) of every epoch.
    """

    inputs: Any
    validation: Any
    weight: Any
    optimizer: Any
    best_weight: Any
    losses: list[Array]
    validation_losses: list[Array]


class ParallelRuns:
    """All batches, and which epoch is the best of each run.

    Attributes:
        epoch: how many are done.
        best_values, best_epochs: (R,) the lowest value so far, and its epoch, from 1.
        means: training and validation losses of every epoch, the mean of the runs not yet stopped.
    """

    def __init__(self, batches: list[Batch], settings: AdaptationSettings) -> None:
        self.batches, self.settings = batches, settings
        sizes = [batch.weight.shape[0] for batch in batches]
        self.count = sum(sizes)
        self.numbers = [  # of the runs in each batch
            range(int(end) - size, int(end))
            for size, end in zip(sizes, np.cumsum(sizes), strict=True)
        ]
        self.epoch = 0
        self.best_values = np.full(self.count, np.inf)
        self.best_epochs = np.ones(self.count, np.int64)
        self.means: tuple[list[float], list[float]] = ([], [])

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or every run is out of patience."""
        return self.epoch >= self.settings.epochs or bool(self._out_of_patience().all())

    def _out_of_patience(self) -> Array:
        """(R,) bool."""
        waited = self.epoch - self.best_epochs >= self.settings.patience
        return waited & self.settings.uses_validation

    def train(
        self, checkpoint: Checkpoint | None, monitor: Monitor, on_curve: OnCurve | None
    ) -> None:
        """Train until finished.

        Raises:
            Stopped: on request, after writing the checkpoint.
        """
        saved = time.monotonic()
        while not self.finished:
            self.step()
            monitor.report("learning", self.epoch, self.settings.epochs)
            if on_curve is not None:
                on_curve(*self.means)
            stopped = monitor.stopped
            due = time.monotonic() - saved > checkpoints.SAVE_SECONDS
            if checkpoint is not None and (stopped or due or self.finished):
                checkpoint.write(self.state())
                saved = time.monotonic()
            if stopped and not self.finished:
                raise Stopped(RESUME_MESSAGE)

    def step(self) -> None:
        """One epoch of every run that is not out of patience."""
        stopped, epoch = self._out_of_patience(), self.epoch + 1
        values = np.concatenate(
            [
                np.full(len(runs), np.inf)
                if stopped[runs].all()
                else _train_epoch(batch, self.settings)
                for batch, runs in zip(self.batches, self.numbers, strict=True)
            ]
        )
        trained = [batch for batch in self.batches if len(batch.losses) == epoch]
        for mean, name in zip(self.means, ("losses", "validation_losses"), strict=True):
            mean.append(float(np.concatenate([getattr(b, name)[-1] for b in trained]).mean()))
        if not self.settings.uses_validation:  # one epoch for all
            values = np.full(self.count, values.mean())
        better = (values < self.best_values) & ~stopped
        self.best_values[better], self.best_epochs[better] = values[better], epoch
        for batch, runs in zip(self.batches, self.numbers, strict=True):
            for number in np.flatnonzero(better[runs]):
                batch.best_weight[number].copy_(batch.weight.detach()[number])
        self.epoch = epoch

    def state(self) -> JSON:
        """Everything the rest of the training depends on, for a checkpoint.

        The keys are those of checkpoints on disk.
        """
        import torch

        return {
            "epoch": self.epoch,
            "means": list(self.means),
            "best": torch.from_numpy(self.best_values),
            "chosen": torch.from_numpy(self.best_epochs),
            "parts": [
                {
                    "weight": batch.weight.detach(),
                    "best": batch.best_weight,
                    "optimizer": batch.optimizer.state_dict(),
                    "losses": torch.from_numpy(np.stack(batch.losses)),
                    "checks": torch.from_numpy(np.stack(batch.validation_losses)),
                }
                for batch in self.batches
            ],
        }

    def restore(self, state: JSON) -> None:
        """Continue from a `state`."""
        import torch

        self.epoch, self.means = state["epoch"], tuple(state["means"])
        self.best_values = state["best"].numpy().copy()
        self.best_epochs = state["chosen"].numpy().copy()
        for batch, saved in zip(self.batches, state["parts"], strict=True):
            with torch.no_grad():
                batch.weight.copy_(saved["weight"])
                batch.best_weight.copy_(saved["best"])
            batch.optimizer.load_state_dict(saved["optimizer"])
            batch.losses = list(saved["losses"].numpy())
            batch.validation_losses = list(saved["checks"].numpy())


def make_batches(
    train: Sequence[Array],
    validation: Sequence[Array],
    settings: AdaptationSettings,
    device: str,
) -> list[Batch]:
    """The runs in batches, each run with its own initial weights.

    Args:
        train, validation: (2n, d) float32 for each run, of the same shape for all runs.
    """
    import torch

    dims = train[0].shape[1]
    size = contrastive_loss.runs_per_batch(len(train), len(train[0]) // 2, device)
    batches = []
    for start in range(0, len(train), size):
        runs = range(start, min(start + size, len(train)))
        weights = [_initial_weight(settings.seed + run, dims, settings.width) for run in runs]
        weight = torch.stack(weights).to(device).requires_grad_(True)
        train_block, validation_block = (
            torch.stack([torch.from_numpy(rows[run]) for run in runs]).to(device)
            for rows in (train, validation)
        )
        optimizer = torch.optim.Adam([weight], lr=settings.learning_rate)
        best_weight = weight.detach().clone()
        batches.append(Batch(train_block, validation_block, weight, optimizer, best_weight, [], []))
    return batches


def _make_batches(
    inputs: Inputs,
    splits: Sequence[Split],
    bases: Sequence[pca.Pca],
    settings: AdaptationSettings,
    device: str,
) -> list[Batch]:
    """Batches of the runs' features after PCA.

    Groups of near-duplicates make the numbers of pairs differ a little from run to run; the
    surplus of larger runs is left out, so that a batch is one block.
    """
    train = [_training_rows(split, settings) for split in splits]
    validation = [split.validation if settings.uses_validation else split.test for split in splits]
    dims = min(base.axes.shape[1] for base in bases)

    def reduce(parts: Sequence[Array]) -> list[Array]:
        count = min(map(len, parts))
        return [
            np.concatenate([base(side[rows[:count]]) for side in (inputs.left, inputs.right)])[
                :, :dims
            ]
            for rows, base in zip(parts, bases, strict=True)
        ]

    return make_batches(reduce(train), reduce(validation), settings, device)


def _training_rows(split: Split, settings: AdaptationSettings) -> Array:
    """The paper has no validation pairs: it trains on all pairs that are not test pairs."""
    if settings.uses_validation:
        return split.train
    return np.sort(np.concatenate([split.train, split.validation]))


def _fit_pca(
    inputs: Inputs, split: Split, settings: AdaptationSettings, bases: Sequence[pca.Pca]
) -> pca.Pca:
    """The reduction of a run; `bases` are those of the runs before it."""
    if settings.pca == "once":
        return pca.fit(np.concatenate([inputs.left, inputs.right]), settings.dims)
    rows = _training_rows(split, settings)
    values = np.concatenate([inputs.left[rows], inputs.right[rows]])
    if settings.pca == "none":
        size = values.shape[1]
        axes = bases[0].axes if bases else np.eye(size, dtype=np.float32)
        return pca.identity(values, axes)
    return pca.fit(values, settings.dims)


def _evaluate(
    inputs: Inputs,
    split: Split,
    base: pca.Pca,
    weight: Array,
    epoch: int,
    curves: Sequence[Array],
    *,
    relu: bool,
) -> AdaptationRun:
    """The run with its ranks on the test pairs; `curves` are both losses."""
    layer = Layer(0, len(base.mean), base.axes[:, : len(weight)], weight, relu=relu)
    adapter = Adapter(base.mean, (layer,), inputs.backbones, inputs.dims)
    pairs = inputs.take(split.test)
    before = asymmetric_recall.ranks_of(pairs.similarity())
    reduced, after = (
        asymmetric_recall.ranks_of(pairs.mapped_similarity(project)) for project in (base, adapter)
    )
    losses, validation_losses = curves
    return AdaptationRun(
        adapter,
        split,
        before,
        reduced,
        after,
        base.variance_kept,
        epoch,
        losses,
        validation_losses,
    )


def _initial_weight(seed: int, dims: int, width: int) -> Any:
    """The uniform initialization of torch's linear layers, from a seed of its own."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    bound = dims**-0.5
    return torch.empty(dims, width).uniform_(-bound, bound, generator=generator)


def _train_epoch(batch: Batch, settings: AdaptationSettings) -> Array:
    """One gradient step of a batch of runs; returns the (R,) values that choose the epoch."""
    import torch

    with torch.no_grad():
        loss, gradient = contrastive_loss.loss_and_gradient(
            batch.inputs, batch.weight, settings.sigma, relu=settings.relu
        )
    batch.weight.grad = gradient
    batch.optimizer.step()
    with torch.no_grad():
        unit = contrastive_loss.apply_maps(batch.validation, batch.weight, relu=settings.relu)
        half = unit.shape[1] // 2
        cosines = contrastive_loss.product(unit[:, :half], unit[:, half:])
        if settings.uses_validation:
            values = contrastive_loss.loss_of(cosines * settings.sigma).cpu().numpy()
        else:
            values = 1 - contrastive_loss.hits_at_1(cosines).cpu().numpy()
    batch.losses.append(loss.cpu().numpy())
    batch.validation_losses.append(values)
    return np.asarray(values)
