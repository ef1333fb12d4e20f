"""Scores of joint learning: every pair and trial by a map that never saw its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.evaluate.judgements import triplets as triplet_scores
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.statistics import bootstrap
from simcore.models import adapter as adapters
from simcore.models.adapter import Adapter
from simcore.results import Result
from simcore.training import splits
from simcore.training.adapt.joint_training import JointInputs, JointRun
from simcore.types import Array, Features, Score

Stage = Literal["before", "start", "pairs", "judgements", "both"]
STAGES: dict[Stage, str] = {  # -> its row in a table
    "before": "features side by side",
    "start": "whitened z-sum",
    "pairs": "learned from pairs",
    "judgements": "learned from judgements",
    "both": "learned from both",
}


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What each pair and each tested trial earned at one stage.

    Attributes:
        ranks: (N,) asymmetric rank of each pair among those of its fold.
        credits: (T,) share of the votes for the image that is nearer; 0.5 for a tie.
    """

    ranks: Array
    credits: Array


@dataclass(frozen=True, eq=False)
class Testing:
    """What is scored, and what must be resampled together.

    Attributes:
        pairs: (N,) rows of the pairs. trials: (T,) rows of the tested trials; both fold by fold.
        pair_clusters: (N,) groups of near-duplicates. trial_clusters: (T,) trials with common
            pictures, or with the same reference where pictures connect too many.
        trial_groups: (T,) kinds of trials, which weigh the same.
    """

    pairs: Array
    trials: Array
    pair_clusters: Array
    trial_clusters: Array
    trial_groups: Array


@dataclass(frozen=True)
class JointScore(Result):
    """Asymmetric recall at 1 of the pairs, and agreement with the votes of the judgements.

    Attributes:
        recall, agreement: with 95 % intervals.
    """

    recall: Score
    agreement: Score


def testing(inputs: JointInputs) -> Testing:
    """What the folds test, fold by fold."""
    folds = inputs.folds
    pairs, trials = (
        np.concatenate([select(fold) for fold in range(folds.count)])
        for select in (folds.test_pairs, folds.test_trials)
    )
    pictures = folds.pictures.trials[trials]
    clusters = splits.connected_groups(pictures)
    if np.unique(clusters).size < splits.MIN_CLUSTERS:
        clusters = pictures[:, 0]
    groups = np.array(inputs.judgements.triplets.group)[trials]
    return Testing(pairs, trials, folds.pictures.groups[pairs], clusters, groups)


def outcomes(inputs: JointInputs, runs: Sequence[JointRun], stage: Stage) -> Outcomes:
    """What pairs and trials earn at a stage, each by the run that did not see its pictures."""
    parts = []
    for run in runs:
        adapter = None
        if stage != "before":
            adapter = run.start if stage == "start" else run.adapters[stage]
        pairs = inputs.pairs.take(inputs.folds.test_pairs(run.fold))
        similarity = pairs.similarity() if adapter is None else pairs.mapped_similarity(adapter)
        trials = inputs.judgements.triplets.take(inputs.folds.test_trials(run.fold))
        left, right = (
            _similarity(inputs, trials.ref, side, adapter) for side in (trials.left, trials.right)
        )
        parts.append(
            (asymmetric_recall.ranks_of(similarity), two_afc.credit(left, right, trials.vote))
        )
    return Outcomes(*map(np.concatenate, zip(*parts, strict=True)))


def _similarity(inputs: JointInputs, first: Array, second: Array, adapter: Adapter | None) -> Array:
    """(T,) similarity of judged images, NaN where no backbone has evidence about one of them.

    Side by side it is the sum of the backbones' cosines; missing evidence counts as the mean.
    """
    used, index = np.unique(np.stack([first, second]), return_inverse=True)
    first, second = index.reshape(2, -1)
    values = inputs.images[used]
    evident = adapters.has_evidence(values)

    def cosine(rows: Array) -> Array:
        features = Features("", np.arange(len(rows)), np.nan_to_num(rows), len(rows))
        return triplet_scores.pair_similarity(features, first, second, "cosine")

    if adapter is not None:
        total = cosine(adapter(values))
    else:
        total, start = np.zeros(len(first)), 0
        for width in inputs.pairs.dims:
            block = values[:, start : start + width]
            has_block = ~np.isnan(block[:, 0])
            both = has_block[first] & has_block[second]
            part = cosine(block)
            total += np.where(both, part, part[both].mean() if both.any() else 0)
            start += width
    return np.where(evident[first] & evident[second], total, np.nan)


def score(outcome: Outcomes, tested: Testing) -> JointScore:
    """Both scores of one stage."""
    one_group = np.zeros(len(tested.pairs))
    return JointScore(
        _mean((outcome.ranks <= 1).astype(np.float64), one_group, tested.pair_clusters),
        _mean(outcome.credits, tested.trial_groups, tested.trial_clusters),
    )


def gain(before: Outcomes, after: Outcomes, tested: Testing) -> JointScore:
    """How much higher `after` scores than `before`, paired."""
    one_group = np.zeros(len(tested.pairs))
    hits_before, hits_after = (x.ranks <= 1 for x in (before, after))
    return JointScore(
        bootstrap.difference(
            hits_before.astype(np.float64),
            hits_after.astype(np.float64),
            one_group,
            tested.pair_clusters,
            zero_is_exact=False,
        ),
        bootstrap.difference(
            before.credits,
            after.credits,
            tested.trial_groups,
            tested.trial_clusters,
            zero_is_exact=False,
        ),
    )


def _mean(earned: Array, groups: Array, clusters: Array) -> Score:
    """The mean of the groups' means; the bootstrap draws clusters of items."""
    if np.ptp(earned) == 0 and earned[0] in (0, 1):  # no spread: the exact bound
        first = np.unique(clusters, return_index=True)[1]
        return two_afc.over_groups(earned[first], groups[first].tolist())
    return bootstrap.difference(np.zeros(earned.size), earned, groups, clusters)
