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
from dataclasses import replace
from pathlib import Path

import numpy as np

from simcore.errors import Stopped
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.models.adapter import Adapter
from simcore.training import splits as learn_splits
from simcore.training.adapt import blocks
from simcore.training.adapt.adaptation import AdaptationRun, OnCurve, mean_curve, run_fingerprint
from simcore.training.adapt.fold_training import (
    Fold,
    FoldResult,
    FusionSettings,
    PairLoss,
    Parameters,
    mean_parameters,
)
from simcore.training.adapt.inputs import Inputs
from simcore.training.checkpoints import RESUME_MESSAGE, Checkpoint
from simcore.training.splits import Split
from simcore.types import Array, Monitor


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
    fitted = blocks.fit(
        np.concatenate([inputs.left[rows], inputs.right[rows]]),
        inputs.dims,
        dims=settings.dims,
        whiten=settings.whiten,
    )
    sides = [[block(side)[rows] for block in fitted] for side in (inputs.left, inputs.right)]
    initial = blocks.initial_shares(*sides)
    results = list(finished_folds)
    parts = learn_splits.folds(rows, split.groups, settings.folds, settings.seed)
    for part in parts[len(results) :]:
        fold = _make_fold(sides, np.isin(rows, part), initial, settings, device)
        while not fold.finished:
            fold.step()
            if on_curve is not None:
                on_curve(fold.losses, fold.validation_losses)
            monitor.check(RESUME_MESSAGE)
        results.append(fold.result())
        if on_fold is not None:
            on_fold(results[-1])
    unscaled = [np.zeros(len(block.gain)) for block in fitted]
    start = blocks.adapter(fitted, unscaled, initial, inputs.backbones)
    learned = blocks.adapter(fitted, *mean_parameters(results), inputs.backbones)
    before, reduced, after = (_ranks(inputs, split.test, a) for a in (None, start, learned))
    return AdaptationRun(
        learned,
        split,
        before,
        reduced,
        after,
        float(np.mean([block.base.variance_kept for block in fitted])),
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
    folds = [FoldResult.from_state(document) for document in state["folds"]]

    def write() -> None:
        if saved is not None:
            saved.write({"folds": [fold.to_state() for fold in folds]})

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


def _make_fold(
    sides: Sequence[Sequence[Array]],
    validation: Array,
    shares: Array,
    settings: FusionSettings,
    device: str,
) -> Fold:
    """A fold in which the pairs where `validation` is true decide when to stop."""
    left, right = sides
    train, stop = (
        PairLoss([x[rows] for x in left], [x[rows] for x in right], device)
        for rows in (~validation, validation)
    )
    widths = [x.shape[1] for x in sides[0]]
    return Fold(train, stop, Parameters(widths, shares, device), settings)


def _ranks(inputs: Inputs, test: Array, adapter: Adapter | None) -> Array:
    """(T,) asymmetric ranks of the test pairs, with the original features without an adapter."""
    pairs = inputs.take(test)
    similarity = pairs.similarity() if adapter is None else pairs.mapped_similarity(adapter)
    return asymmetric_recall.ranks_of(similarity)
