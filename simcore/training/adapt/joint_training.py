"""One adaptation from pairs and judgements together, on stored features.

The maps are those of fusion (`blocks`): a scale per axis and a share per backbone. Their loss is

    (1 - balance) * Eq. 1 of risser-maroux2021 over pairs + balance * triplet terms over judgements,

each divided by its value where all pictures are equally alike (the logarithm of the number of
pairs, and the margins), so that `balance` does not depend on their units and judgements that are
met already count little. For each fold of pictures (`picture_folds`) maps are learned from the
other folds three times: from pairs, from judgements, and from both. Each of the other folds in turn
decides when to stop, and the mean of the results counts, as in fusion. PCA and first shares are
fitted to the pictures that the maps are learned from and to no others, so a map from pairs knows
nothing of the judgements it is tested on, and the reverse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError, Stopped
from simcore.models.adapter import Adapter
from simcore.training import checkpoints
from simcore.training.adapt import blocks, judgement_loss
from simcore.training.adapt.adaptation import mean_curve
from simcore.training.adapt.fold_training import (
    Fold,
    FoldResult,
    FusionSettings,
    Loss,
    PairLoss,
    Parameters,
    mean_parameters,
    to_device,
)
from simcore.training.adapt.inputs import Inputs
from simcore.training.adapt.judgement_loss import Term, TrialRows
from simcore.training.checkpoints import RESUME_MESSAGE, Checkpoint
from simcore.training.finetune import judgement_examples
from simcore.training.picture_folds import MIN_FOLDS, PictureFolds
from simcore.training.splits import TrialSplit
from simcore.types import Array, Monitor

Source = Literal["pairs", "judgements", "both"]
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True)
class JointSettings(FusionSettings):
    """How to train.

    Attributes:
        folds: parts of the pictures: one is tested, the others are learned from.
        term: of the judgements, one of `judgement_loss.TERMS`.
        margin, second_margin: of its distances, which are at most 2.
        balance: weight of the judgements, between 0 and 1; the pairs have the rest.
    """

    folds: int = 4
    term: Term = "triplet"
    margin: float = 0.1
    second_margin: float = 0.05
    balance: float = 0.5

    def validate(self) -> None:
        """Check the values.

        Raises:
            UnknownNameError: no such term. BadDataError: a number out of range.
        """
        super().validate()
        judgement_loss.check_term(self.term)
        if self.folds < MIN_FOLDS:
            raise BadDataError(f"folds must be at least {MIN_FOLDS}, got {self.folds}.")
        for name in ("margin", "second_margin"):
            if not 0 < getattr(self, name) <= 2:
                raise BadDataError(
                    f"{name} must be greater than 0 and at most 2, got {getattr(self, name)}."
                )
        if not 0 < self.balance < 1:
            raise BadDataError(f"balance must be between 0 and 1, got {self.balance}.")


@dataclass(frozen=True, eq=False)
class JointInputs:
    """Features of pairs and of judged images.

    Attributes:
        pairs: of both sides. images: (I, D) of the images of `judgements`, in the same columns.
    """

    pairs: Inputs
    images: Array
    judgements: JudgementSet
    folds: PictureFolds

    def fingerprint(self, settings: JointSettings) -> str:
        """A digest of everything that decides how a run ends."""
        fields = settings.hashed_fields() | {
            "backbones": self.pairs.backbones,
            "judgements": self.judgements.digest,
        }
        rows = [self.pairs.left, self.pairs.right, self.images, self.folds.fold]
        return checkpoints.run_fingerprint(fields, rows)


@dataclass(frozen=True, eq=False)
class JointRun:
    """What was learned without the pictures of one fold.

    Attributes:
        adapters: by source of what was learned. start: the z-sum that "both" began with.
        losses, validation_losses: (E,) of "both"; 1 is that of a map that finds all alike.
    """

    fold: int
    start: Adapter
    adapters: dict[Source, Adapter]
    losses: Array
    validation_losses: Array


class WeightedLoss:
    """A weighted sum of losses."""

    def __init__(self, parts: Sequence[tuple[float, Loss]]) -> None:
        self.parts = parts

    def __call__(self, parameters: Parameters) -> Any:
        """The loss under these parameters."""
        return sum(factor * loss(parameters) for factor, loss in self.parts)


class TrialLoss:
    """The triplet or quadruplet terms of some trials."""

    def __init__(
        self,
        rows: Sequence[Array],
        trials: TrialRows,
        margins: tuple[float, float],
        device: str,
    ) -> None:
        """Places the data.

        Args:
            rows: of each backbone (I, d), all images. trials: rows of these images.
        """
        import torch

        columns = [trials.query, trials.positive, trials.negative]
        columns += [] if trials.second is None else [trials.second]
        used, index = np.unique(np.stack(columns), return_inverse=True)
        numbers = torch.from_numpy(index.reshape(len(columns), -1)).to(device)
        second = None if trials.second is None else numbers[3]
        weight = torch.from_numpy(trials.weight).float().to(device)
        self.trials = TrialRows(numbers[0], numbers[1], numbers[2], second, weight)
        self.rows, self.margins = to_device([x[used] for x in rows], device), margins

    def __call__(self, parameters: Parameters) -> Any:
        """The loss under these parameters."""
        return judgement_loss.weighted(parameters(self.rows), self.trials, self.margins)


def trial_rows(
    judgements: JudgementSet, split: TrialSplit, part: str, settings: JointSettings
) -> TrialRows:
    """The trials of a part of a split that have a majority, with the certainty of their votes.

    Raises:
        BadDataError: as `judgement_examples.examples`.
    """
    fourth = settings.term == "quadruplet"
    examples = judgement_examples.examples(
        judgements, split, part, fourth=fourth, seed=settings.seed
    )
    rows = judgement_examples.decided_rows(judgements, split, part)
    weight = judgement_loss.certainty(judgements.triplets.vote[rows])
    negatives = examples.negatives
    second = negatives[:, 1] if fourth else None
    return TrialRows(examples.query, examples.positive, negatives[:, 0], second, weight)


class FoldData:
    """What is learned from one source without the pictures of one fold.

    Attributes:
        blocks: fitted to these pictures. shares: (M,) logarithms, at the start.
    """

    def __init__(
        self, inputs: JointInputs, source: Source, fold: int, settings: JointSettings
    ) -> None:
        self.inputs, self.source, self.fold, self.settings = inputs, source, fold, settings
        self.judgements = _without_alternatives(inputs, fold)
        pairs, triplets = inputs.pairs, inputs.judgements.triplets
        sides = [np.empty((0, pairs.left.shape[1]), np.float32)] * 2
        if source != "judgements":
            rows = inputs.folds.seen_pairs(fold)
            sides = [pairs.left[rows], pairs.right[rows]]
        if source != "pairs":
            trials = triplets.take(inputs.folds.seen_trials(fold))
            queries = inputs.images[np.unique(trials.ref)]
            gallery = inputs.images[np.unique(np.concatenate([trials.left, trials.right]))]
            sides = [np.concatenate([sides[0], queries]), np.concatenate([sides[1], gallery])]
        self.blocks = blocks.fit(
            np.concatenate(sides), pairs.dims, dims=settings.dims, whiten=settings.whiten
        )
        queries, gallery = ([block(side) for block in self.blocks] for side in sides)
        self.shares = blocks.initial_shares(queries, gallery)
        self.rows = {
            name: [block(values) for block in self.blocks]
            for name, values in (
                ("left", pairs.left),
                ("right", pairs.right),
                ("images", inputs.images),
            )
        }

    def make_fold(self, validation: int, device: str) -> Fold:
        """Training on all other folds but one, which decides when to stop."""
        widths = [len(block.gain) for block in self.blocks]
        parameters = Parameters(widths, self.shares, device)
        train, stop = (
            WeightedLoss(self._losses(validation, part, device)) for part in ("train", "validation")
        )
        return Fold(train, stop, parameters, self.settings)

    def _losses(self, validation: int, part: str, device: str) -> list[tuple[float, Loss]]:
        parts: list[tuple[float, Loss]] = []
        settings = self.settings
        if self.source != "judgements":
            pair_split = self.inputs.folds.pair_split(self.fold, validation)
            rows = getattr(pair_split, part)
            left, right = ([x[rows] for x in self.rows[side]] for side in ("left", "right"))
            weight = (1 - settings.balance) / np.log(len(rows))
            parts.append((weight, PairLoss(left, right, device)))
        if self.source != "pairs":
            trial_split = self.inputs.folds.trial_split(self.fold, validation)
            trials = trial_rows(self.judgements, trial_split, part, settings)
            margins = settings.margin, settings.second_margin
            constant = sum(margins) if settings.term == "quadruplet" else settings.margin
            loss = TrialLoss(self.rows["images"], trials, margins, device)
            parts.append((settings.balance / constant, loss))
        return parts

    def adapter(self, folds: Sequence[FoldResult] = ()) -> Adapter:
        """The mean of what the folds learned; without any, the start."""
        scales, shares = [np.zeros(len(block.gain)) for block in self.blocks], self.shares
        if folds:
            scales, shares = mean_parameters(folds)
        return blocks.adapter(self.blocks, scales, shares, self.inputs.pairs.backbones)


def _without_alternatives(inputs: JointInputs, fold: int) -> JudgementSet:
    """The judgements; no image of a fold is a second negative."""
    judgements = inputs.judgements
    if judgements.alternatives is None:
        return judgements
    numbers = inputs.folds.pictures.images[judgements.alternatives]
    hidden = inputs.folds.fold[numbers] == fold
    return replace(judgements, alternatives=np.where(hidden, -1, judgements.alternatives))


def train(
    inputs: JointInputs,
    settings: JointSettings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    monitor: Monitor = Monitor(),
) -> list[JointRun]:
    """Learn from each source without each fold.

    Args:
        checkpoint: resumed from if it exists; written after every training.

    Raises:
        BadDataError: too few pairs or trials, or the checkpoint is that of another run.
        Stopped: on request; with a checkpoint the same call resumes.
    """
    saved = None
    if checkpoint is not None:
        saved = Checkpoint(checkpoint, inputs.fingerprint(settings))
    state = (saved.read() if saved else None) or {"folds": []}
    results = [FoldResult.from_state(document) for document in state["folds"]]
    total = settings.folds * len(SOURCES) * (settings.folds - 1)

    def write() -> None:
        if saved is not None:
            saved.write({"folds": [fold.to_state() for fold in results]})

    runs, done = [], 0
    for number in range(settings.folds):
        adapters: dict[Source, Adapter] = {}
        for source in SOURCES:
            data = FoldData(inputs, source, number, settings)
            for validation in _others(number, settings.folds):
                done += 1
                if done > len(results):
                    try:
                        results.append(_train(data.make_fold(validation, device), monitor))
                    except Stopped:
                        write()  # even before the first result: the run is listed as unfinished
                        raise
                    write()
                monitor.report("learning", done, total)
            learned = results[done - settings.folds + 1 : done]
            adapters[source] = data.adapter(learned)
        losses, validation_losses = (
            mean_curve([getattr(fold, name) for fold in learned])
            for name in ("losses", "validation_losses")
        )
        runs.append(JointRun(number, data.adapter(), adapters, losses, validation_losses))
    return runs


def _others(fold: int, count: int) -> Iterator[int]:
    return (other for other in range(count) if other != fold)


def _train(fold: Fold, monitor: Monitor) -> FoldResult:
    while not fold.finished:
        fold.step()
        monitor.check(RESUME_MESSAGE)
    return fold.result()
