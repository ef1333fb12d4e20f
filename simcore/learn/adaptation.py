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

from simcore.errors import BadDataError, Stopped, unknown
from simcore.evaluate import asymmetric
from simcore.learn import checkpoints, climb, pca
from simcore.learn.checkpoints import GOES_ON
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


def train(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: Settings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    on_progress: OnProgress | None = None,
    on_curve: OnCurve | None = None,
    stop: Stop | None = None,
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
        if on_progress is not None:
            on_progress(Progress("PCA", number + 1, len(splits)))
        if stop is not None and stop():
            raise Stopped(GOES_ON)
    run = climb.Climb(_batches(inputs, splits, bases, settings, device), settings)
    if known is not None:
        run.restore(known)
    _climbed(run, kept, on_progress, on_curve, stop)
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


def _climbed(
    run: climb.Climb,
    kept: checkpoints.Checkpoint | None,
    on_progress: OnProgress | None,
    on_curve: OnCurve | None,
    stop: Stop | None,
) -> None:
    """To the end of the runs, or until somebody says stop."""
    saved = time.monotonic()
    while not run.over:
        run.step()
        if on_progress is not None:
            on_progress(Progress("learning", run.epoch, run.settings.epochs))
        if on_curve is not None:
            on_curve(*run.means)
        asked = stop is not None and stop()
        late = time.monotonic() - saved > checkpoints.SAVE_SECONDS
        if kept is not None and (asked or late or run.over):
            kept.write(run.state())
            saved = time.monotonic()
        if asked and not run.over:
            raise Stopped(GOES_ON)


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
) -> list[climb.Batch]:
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

    return climb.batches(reduced(learn), reduced(check), settings, device)


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
