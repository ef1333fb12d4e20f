"""The trials on which a similarity disagrees with people, the largest disagreement first."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import unknown_name
from simcore.evaluate.judgements import human_ceiling
from simcore.lab.judgements import agreement, pair_similarities
from simcore.lab.judgements.agreement import ALL, JudgementQuestion
from simcore.results import to_dict
from simcore.types import JSON


@dataclass(frozen=True)
class JudgementDisagreement:
    """One triplet, what people chose and what a similarity says.

    Attributes:
        trial: row of the triplet in its set.
        group: the kind of trial.
        ref, left, right: image ids.
        vote: share of people who chose right.
        votes_n: number of votes; 0 = unknown.
        prediction: 0..1, how firmly the similarity says right; 0.5 is a tie.
        disagreement: 0..1, the distance between vote and prediction.
    """

    trial: int
    group: str
    ref: str
    left: str
    right: str
    vote: float
    votes_n: int
    prediction: float
    disagreement: float

    @property
    def opposite(self) -> bool:
        """Whether people and the similarity choose different sides; a tie is not one."""
        return (self.vote - 0.5) * (self.prediction - 0.5) < 0

    def to_dict(self) -> JSON:
        """All fields for JSON."""
        return to_dict(self)


def largest_first(
    question: JudgementQuestion, *, metric: str = pair_similarities.OWN, group: str = ALL
) -> list[JudgementDisagreement]:
    """The triplets of a group, those with the largest disagreement first.

    Equal ones keep the order of the set.

    Args:
        question: one model, or several, which are combined (by z-sum unless `combine` is "sum").
        metric: of the backbones.

    Raises:
        UnknownNameError: no such group. BadDataError: no triplets, or a similarity is not ready.
    """
    judged = question.open()
    trials = judged.triplets
    if group != ALL and group not in trials.group:
        raise unknown_name("group", group, [ALL, *dict.fromkeys(trials.group)])
    models = pair_similarities.expand(question.models)
    if len(models) == 1:
        (model_metric,) = pair_similarities.metrics_of(models[0], [metric])
        left, right = pair_similarities.values(judged, models[0], model_metric)
    else:
        combine = "sum" if question.combine == "sum" else "zsum"
        left, right = agreement.combined(judged, models, metric, combine)
    prediction = human_ceiling.probability_right(left, right)
    disagreement = human_ceiling.disagreement(left, right, trials.vote)
    rows = np.flatnonzero([group in (ALL, name) for name in trials.group])
    rows = rows[np.argsort(-disagreement[rows], kind="stable")]
    ids = trials.images.ids
    return [
        JudgementDisagreement(
            trial=int(row),
            group=trials.group[row],
            ref=ids[trials.ref[row]],
            left=ids[trials.left[row]],
            right=ids[trials.right[row]],
            vote=float(trials.vote[row]),
            votes_n=int(trials.votes_n[row]),
            prediction=float(prediction[row]),
            disagreement=float(disagreement[row]),
        )
        for row in rows
    ]
