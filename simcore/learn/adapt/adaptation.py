"""The adaptation function of risser-maroux2021: PCA, W with ReLU, cosine; many runs together.

Each run has its own split of the pairs, its own PCA (fitted on its training images) and its own
start. All runs climb side by side, in batches (`torch.bmm`). The epoch that counts is chosen

- `honest`: for each run by the loss on validation pairs, which are neither learned from nor judged;
- `paper`: one for all runs, by the mean recall on the test pairs, as the paper's "oracle" does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from simcore.errors import BadDataError, Stopped, unknown_name
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.learn import checkpoints
from simcore.learn.adapt import contrastive_loss, pca
from simcore.learn.adapt.inputs import Inputs
from simcore.learn.checkpoints import RESUME_MESSAGE
from simcore.learn.splits import Split
from simcore.models.adapter import Adapter, Layer
from simcore.sim.metrics import normalized
from simcore.types import Array, Monitor

Protocol = Literal["honest", "paper"]
OnCurve = Callable[[list[float], list[float]], None]  # losses and checks so far


def check(name: str) -> Protocol:
    """The protocol, if there is one of that name."""
    if name not in get_args(Protocol):
        raise unknown_name("protocol", name, get_args(Protocol))
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

    adaptation: Adapter
    split: Split
    before: Array
    reduced: Array
    after: Array
    kept: float
    epoch: int
    losses: Array
    checks: Array


def train(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: Settings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    monitor: Monitor = Monitor(),
    on_curve: OnCurve | None = None,
) -> list[Run]:
    """Every split a run, all of them together.

    Args:
        inputs: N pairs. splits: R of them, of which only training and validation rows are looked
            at until what was learned is judged (with `paper` also the test rows, as it does).
        checkpoint: where to go on from if it is there, written now and then, and at the end.
        on_curve: told the means of the runs after every epoch.
        stop: asked after every epoch.

    Raises:
        BadDataError: no split, an honest one without validation pairs, or the checkpoint is of
            another run.
        Stopped: `stop` said so; with a checkpoint the same call goes on from there.
    """
    if not splits:
        raise BadDataError("found no split to learn from; expected at least one run")
    if settings.protocol == "honest" and any(not len(one.validation) for one in splits):
        raise BadDataError(
            "found no validation pairs; the honest protocol needs some to choose the epoch"
        )
    kept = None
    if checkpoint is not None:
        kept = checkpoints.Checkpoint(checkpoint, identity(inputs, splits, asdict(settings)))
    known = kept.read() if kept else None  # before the work: it may be another run's
    bases = []
    for number, split in enumerate(splits):
        bases.append(_fitted(inputs, split, settings))
        monitor.report("PCA", number + 1, len(splits))
        monitor.check(RESUME_MESSAGE)
    run = ParallelRuns(_batches(inputs, splits, bases, settings, device), settings)
    if known is not None:
        run.restore(known)
    _climbed(run, kept, monitor, on_curve)
    weights = [one for part in run.parts for one in part.best.cpu().numpy()]
    losses = [row for part in run.parts for row in np.stack(part.losses, 1)]
    checks = [row for part in run.parts for row in np.stack(part.checks, 1)]
    return [
        _judged(inputs, split, base, weight, int(epoch), loss, check)
        for split, base, weight, epoch, loss, check in zip(
            splits, bases, weights, run.chosen, losses, checks, strict=True
        )
    ]


def identity(inputs: Inputs, splits: Sequence[Split], told: dict[str, Any]) -> str:
    """What has to be alike for runs to be gone on with: data, settings, splits."""
    rows = [part for one in splits for part in (one.train, one.validation, one.test)]
    sizes = {"backbones": inputs.backbones, "rows": [len(part) for part in rows]}
    return checkpoints.identity(told | sizes, [inputs.left, inputs.right, *rows])


@dataclass
class Batch:
    """Runs that are computed together.

    Attributes:
        inputs, check: torch (R, 2n, d) and (R, 2m, d), left rows before right ones: learned from,
            and looked at to choose the epoch.
        weight, best: (R, d, h), now and where the choice was best.
        losses, checks: (R,) of every epoch.
    """

    inputs: Any
    check: Any
    weight: Any
    optimizer: Any
    best: Any
    losses: list[Array]
    checks: list[Array]


class ParallelRuns:
    """All batches, and the epoch that each run's best weights are from.

    Attributes:
        epoch: how many are done. best, chosen: (R,) the best value so far, and its epoch, from 1.
        means: losses and checks of every epoch, the mean of the runs that were still going.
    """

    def __init__(self, parts: list[Batch], settings: "Settings") -> None:
        self.parts, self.settings = parts, settings
        sizes = [part.weight.shape[0] for part in parts]
        self.runs = sum(sizes)
        ends = np.cumsum(sizes)
        self.places = [range(int(e) - n, int(e)) for n, e in zip(sizes, ends, strict=True)]
        self.epoch = 0
        self.best, self.chosen = np.full(self.runs, np.inf), np.ones(self.runs, np.int64)
        self.means: tuple[list[float], list[float]] = ([], [])

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or no run has been better for long."""
        return self.epoch >= self.settings.epochs or bool(self._tired(self.epoch).all())

    def _tired(self, epoch: int) -> Array:
        honest = self.settings.protocol == "honest"
        return (epoch - self.chosen >= self.settings.patience) & honest

    def step(self) -> None:
        """One epoch of every run that goes on."""
        tired, epoch = self._tired(self.epoch), self.epoch + 1
        checks = np.concatenate(
            [
                np.full(len(place), np.inf) if tired[place].all() else _epoch(part, self.settings)
                for part, place in zip(self.parts, self.places, strict=True)
            ]
        )
        going = [part for part in self.parts if len(part.losses) == epoch]
        for mean, name in zip(self.means, ("losses", "checks"), strict=True):
            mean.append(float(np.concatenate([getattr(s, name)[-1] for s in going]).mean()))
        honest = self.settings.protocol == "honest"
        value = checks if honest else np.full(self.runs, checks.mean())
        better = (value < self.best) & ~tired
        self.best[better], self.chosen[better] = value[better], epoch
        for part, place in zip(self.parts, self.places, strict=True):
            for number in np.flatnonzero(better[place]):
                part.best[number].copy_(part.weight.detach()[number])
        self.epoch = epoch

    def state(self) -> dict[str, Any]:
        """What the rest depends on, of tensors and numbers."""
        import torch

        return {
            "epoch": self.epoch,
            "means": list(self.means),
            "best": torch.from_numpy(self.best),
            "chosen": torch.from_numpy(self.chosen),
            "parts": [
                {
                    "weight": part.weight.detach(),
                    "best": part.best,
                    "optimizer": part.optimizer.state_dict(),
                    "losses": torch.from_numpy(np.stack(part.losses)),
                    "checks": torch.from_numpy(np.stack(part.checks)),
                }
                for part in self.parts
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Be where `state` was taken."""
        import torch

        self.epoch, self.means = state["epoch"], tuple(state["means"])
        self.best, self.chosen = state["best"].numpy().copy(), state["chosen"].numpy().copy()
        for part, told in zip(self.parts, state["parts"], strict=True):
            with torch.no_grad():
                part.weight.copy_(told["weight"])
                part.best.copy_(told["best"])
            part.optimizer.load_state_dict(told["optimizer"])
            part.losses, part.checks = list(told["losses"].numpy()), list(told["checks"].numpy())


def _climbed(
    run: ParallelRuns,
    kept: checkpoints.Checkpoint | None,
    monitor: Monitor,
    on_curve: OnCurve | None,
) -> None:
    """To the end of the runs, or until somebody says stop."""
    saved = time.monotonic()
    while not run.over:
        run.step()
        monitor.report("learning", run.epoch, run.settings.epochs)
        if on_curve is not None:
            on_curve(*run.means)
        asked = monitor.stopped
        late = time.monotonic() - saved > checkpoints.SAVE_SECONDS
        if kept is not None and (asked or late or run.over):
            kept.write(run.state())
            saved = time.monotonic()
        if asked and not run.over:
            raise Stopped(RESUME_MESSAGE)


def _learned_from(split: Split, protocol: Protocol) -> Array:
    """The paper has no validation pairs; it learns from all that are not judged."""
    if protocol == "honest":
        return split.train
    return np.sort(np.concatenate([split.train, split.validation]))


def _fitted(inputs: Inputs, split: Split, settings: Settings) -> pca.Pca:
    rows = _learned_from(split, settings.protocol)
    return pca.fit(np.concatenate([inputs.left[rows], inputs.right[rows]]), settings.dims)


def _batches(
    inputs: Inputs,
    splits: Sequence[Split],
    bases: Sequence[pca.Pca],
    settings: Settings,
    device: str,
) -> list[Batch]:
    """Groups of near-duplicates make sizes differ by a few; the surplus of a larger run's training
    pairs is left out, so that a batch is a block."""
    learn = [_learned_from(one, settings.protocol) for one in splits]
    check = [one.validation if settings.protocol == "honest" else one.test for one in splits]
    dims = min(base.axes.shape[1] for base in bases)

    def reduced(parts: Sequence[Array]) -> list[Array]:
        least = min(map(len, parts))
        return [
            np.concatenate([base(side[rows[:least]]) for side in (inputs.left, inputs.right)])[
                :, :dims
            ]
            for rows, base in zip(parts, bases, strict=True)
        ]

    return batches(reduced(learn), reduced(check), settings, device)


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
    learned = Adapter(base.mean, (layer,), inputs.backbones, inputs.dims)
    left, right = inputs.left[split.test], inputs.right[split.test]
    plain = asymmetric_recall.ranks_of(np.nan_to_num(left) @ np.nan_to_num(right).T)
    reduced = asymmetric_recall.ranks_of(_cosine(base(left), base(right)))
    after = asymmetric_recall.ranks_of(_cosine(learned(left), learned(right)))
    return Run(learned, split, plain, reduced, after, base.kept, epoch, losses, checks)


def _cosine(left: Array, right: Array) -> Array:
    out: Array = normalized(left) @ normalized(right).T
    return out


def batches(
    learn: Sequence[Array], check: Sequence[Array], settings: "Settings", device: str
) -> list[Batch]:
    """The runs in batches, each with its own start.

    Args:
        learn, check: (2n, d) float32 for each run; blocks of the same shape for all.
    """
    import torch

    dims = learn[0].shape[1]
    size = contrastive_loss.joint_loss(len(learn), len(learn[0]) // 2, device)
    found = []
    for first in range(0, len(learn), size):
        numbers = range(first, min(first + size, len(learn)))
        starts = [_start(settings.seed + n, dims, settings.width) for n in numbers]
        weight = torch.stack(starts).to(device).requires_grad_(True)
        z, c = (
            torch.stack([torch.from_numpy(part[n]) for n in numbers]).to(device)
            for part in (learn, check)
        )
        optimizer = torch.optim.Adam([weight], lr=settings.rate)
        found.append(Batch(z, c, weight, optimizer, weight.detach().clone(), [], []))
    return found


def _start(seed: int, dims: int, width: int) -> Any:
    """The uniform start of torch's linear layers, of this run alone."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    bound = dims**-0.5
    return torch.empty(dims, width).uniform_(-bound, bound, generator=draw)


def _epoch(part: Batch, settings: "Settings") -> Array:
    """One step of a batch of runs; returns (R,) what the choice of an epoch looks at."""
    import torch

    with torch.no_grad():
        loss, slope = contrastive_loss.loss_and_gradient(part.inputs, part.weight, settings.sigma)
    part.weight.grad = slope
    part.optimizer.step()
    with torch.no_grad():
        unit = contrastive_loss.apply_maps(part.check, part.weight)
        half = unit.shape[1] // 2
        values = contrastive_loss.product(unit[:, :half], unit[:, half:])
        if settings.protocol == "honest":
            check = contrastive_loss.loss_of(values * settings.sigma).cpu().numpy()
        else:
            check = 1 - contrastive_loss.hits_at_1(values).cpu().numpy()
    part.losses.append(loss.cpu().numpy())
    part.checks.append(check)
    return np.asarray(check)
