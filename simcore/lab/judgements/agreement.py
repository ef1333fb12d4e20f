"""How well similarities agree with judgements: scores, people's own, and where both part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore.data.judgements.trials import JudgementSet, OddOneOut, SameDifferent, Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import human_ceiling, jnd, triplet_combinations, triplets, two_afc
from simcore.evaluate.judgements.two_afc import Counting
from simcore.lab.judgements import pair_similarities
from simcore.results import to_dict
from simcore.types import METRICS, Array, Score

COUNTINGS: tuple[Counting, ...] = ("share", "majority")
ALL = "all"


@dataclass(frozen=True, eq=False)
class Row:
    """One similarity under one metric.

    Attributes:
        models: its backbones or distances; several where it is a combination.
        combine: how they are added, "none" for one.
        whole: over all groups, each counting alike. groups: group -> score.
    """

    models: tuple[str, ...]
    metric: str
    combine: str
    whole: Score
    groups: dict[str, Score]

    @property
    def label(self) -> str:
        """Short text for tables."""
        names = " + ".join(self.models)
        return names if self.combine == "none" else f"{self.combine}({names})"


@dataclass(frozen=True, eq=False)
class Table:
    """Scores of a set of judgements.

    Attributes:
        score: what is scored, in words. groups: group -> trials.
        people: what people themselves reach: "ceiling", "crowd", "person" -> group -> score; only
            what their votes allow.
    """

    judged: JudgementSet
    score: str
    groups: dict[str, int]
    rows: tuple[Row, ...]
    people: dict[str, dict[str, Score]]

    def to_dict(self) -> dict:
        """The document that `simcore evaluate triplets --json` prints."""
        return {
            "judgements": self.judged.name,
            "votes": self.judged.votes,
            "score": self.score,
            "trials": sum(self.groups.values()),
            "groups": self.groups,
            "people": {
                who: {g: to_dict(s) for g, s in scores.items()}
                for who, scores in self.people.items()
            },
            "rows": [
                {
                    "models": list(row.models),
                    "metric": row.metric,
                    "combine": row.combine,
                    ALL: to_dict(row.whole),
                    "groups": {g: to_dict(s) for g, s in row.groups.items()},
                }
                for row in self.rows
            ],
            "notes": list(self.judged.notes),
        }


SCORES = {
    Triplets: "agreement with the votes (2AFC)",
    SameDifferent: "average precision of pairs that looked the same (JND)",
    OddOneOut: "odd one out, share found",
}


def table(
    judged: JudgementSet,
    names: Sequence[str],
    *,
    metrics: Sequence[str] = METRICS,
    combine: str = "none",
    counting: str = "share",
) -> Table:
    """Every similarity under every metric, and behind them their combination a metric.

    Args:
        names: backbones and distances that are ready; a distance has only its own metric and is
            part of the combination under each.
        combine: "none", "sum" or "zsum", for triplets.
        counting: "share", or "majority" as margaritescu2024 counts.

    Raises:
        UnknownNameError: no such name, metric, combination or counting. BadDataError: a similarity
            is not ready, or pairs and odd ones are asked to be combined.
    """
    _check(judged, metrics, combine, counting)
    wanted = pair_similarities.expand(names)
    if not wanted:
        raise BadDataError("found no similarity to score; expected at least one, such as hog")
    rows = [
        _row(
            judged,
            (name,),
            metric,
            "none",
            pair_similarities.values(judged, name, metric),
            counting,
        )
        for name in wanted
        for metric in pair_similarities.metrics_of(name, metrics)
    ]
    if combine != "none" and len(wanted) > 1:
        for metric in metrics:
            both = combined(judged, wanted, metric, combine)
            rows.append(_row(judged, tuple(wanted), metric, combine, both, counting))
    group = judged.trials.group
    return Table(
        judged,
        SCORES[type(judged.trials)],
        {g: group.count(g) for g in dict.fromkeys(group)},
        tuple(rows),
        _people(judged, counting),
    )


def combined(judged: JudgementSet, names: Sequence[str], metric: str, combine: str) -> Array:
    """(2, T) of a combination of similarities; only for triplets."""
    parts = []
    for name in names:
        (own,) = pair_similarities.metrics_of(name, [metric])
        left, right = pair_similarities.values(judged, name, own)
        parts.append((left, right))
    return np.stack(triplet_combinations.combined(parts, [1.0] * len(parts), combine=combine))


def disagreements(
    judged: JudgementSet,
    names: Sequence[str],
    *,
    metric: str = pair_similarities.OWN,
    combine: str = "zsum",
    group: str = ALL,
) -> list[dict]:
    """All triplets of a group, those first where the similarity and people are furthest apart.

    Args:
        names: one similarity, or several, which are combined.

    Returns:
        {"trial", "group", "ref", "left", "right" ({"id", "key"}), "vote", "votes_n", "said" (0..1,
        how firmly the similarity says right), "apart" (0..1)}; equal ones in the set's order.

    Raises:
        UnknownNameError: no such group. BadDataError: no triplets, or a similarity is not ready.
    """
    asked = judged.triplets
    if group != ALL and group not in asked.group:
        raise unknown_name("group", group, [ALL, *dict.fromkeys(asked.group)])
    wanted = pair_similarities.expand(names)
    if len(wanted) == 1:
        left, right = pair_similarities.values(
            judged, wanted[0], pair_similarities.metrics_of(wanted[0], [metric])[0]
        )
    else:
        left, right = combined(judged, wanted, metric, combine)
    said = human_ceiling.probability_right(left, right)
    apart = human_ceiling.disagreement(left, right, asked.vote)
    rows = np.flatnonzero([group in (ALL, g) for g in asked.group])
    rows = rows[np.argsort(-apart[rows], kind="stable")]

    def image(row: int) -> dict:
        return {"id": asked.images.ids[row], "key": asked.images.keys[row]}

    return [
        {
            "trial": int(t),
            "group": asked.group[t],
            "ref": image(asked.ref[t]),
            "left": image(asked.left[t]),
            "right": image(asked.right[t]),
            "vote": float(asked.vote[t]),
            "votes_n": int(asked.votes_n[t]),
            "said": float(said[t]),
            "apart": float(apart[t]),
        }
        for t in rows
    ]


def _check(judged: JudgementSet, metrics: Sequence[str], combine: str, counting: str) -> None:
    for metric in metrics:
        if metric not in (pair_similarities.OWN, *METRICS):
            raise unknown_name("metric", metric, (pair_similarities.OWN, *METRICS))
    if not metrics:
        raise BadDataError(f"found no metric; expected some of own, {', '.join(METRICS)}")
    if combine not in ("none", "sum", "zsum"):
        raise unknown_name("combination", combine, ("none", "sum", "zsum"))
    _counting(counting)
    if combine != "none" and not isinstance(judged.trials, Triplets):
        raise BadDataError(
            f"found {judged.name!r}, no set of triplets; expected triplets to combine similarities "
            "on; leave the combination out"
        )


def _counting(counting: str) -> Counting:
    if counting not in COUNTINGS:
        raise unknown_name("counting", counting, COUNTINGS)
    return counting


def _row(
    judged: JudgementSet,
    models: tuple[str, ...],
    metric: str,
    combine: str,
    values: Array,
    counting: str,
) -> Row:
    trials = judged.trials
    group = np.asarray(trials.group)
    if isinstance(trials, SameDifferent):
        scores = {
            g: jnd.average_precision(values[0, group == g], trials.same[group == g])
            for g in dict.fromkeys(trials.group)
        }
        return Row(models, metric, combine, jnd.over_groups(list(scores.values())), scores)
    if isinstance(trials, OddOneOut):
        earned = triplets.odd_one_out(*values).per_item
    else:
        left, right = values
        earned = two_afc.credit(left, right, trials.vote, counting=_counting(counting))
    return _scored(models, metric, combine, earned, trials.group)


def _scored(
    models: tuple[str, ...], metric: str, combine: str, earned: Array, group: Sequence[str]
) -> Row:
    by = two_afc.by_group(earned, group)
    whole = two_afc.over_groups(earned, group) if len(by) > 1 else two_afc.mean(earned, ALL)
    return Row(models, metric, combine, whole, by)


def _people(judged: JudgementSet, counting: str) -> dict[str, dict[str, Score]]:
    """What people reach, a group and over all; nothing for an order that is known."""
    trials = judged.trials
    if judged.votes != "human" or isinstance(trials, OddOneOut):
        return {}
    if isinstance(trials, SameDifferent):
        row = _row(judged, (), "", "", trials.same[None], counting)
        return {"ceiling": {ALL: row.whole} | row.groups}
    vote = trials.vote if counting == "share" else (np.sign(trials.vote - 0.5) + 1) / 2
    found = {"ceiling": _asked(trials, lambda v, _: human_ceiling.ceiling(v), vote)}
    if counting == "share":
        found["crowd"] = _asked(trials, human_ceiling.leave_one_out, vote)
        found["person"] = _asked(trials, human_ceiling.pairwise, vote)
    return {who: scores for who, scores in found.items() if scores}


def _asked(
    trials: Triplets, what: Callable[[Array, Array], Score | None], vote: Array
) -> dict[str, Score]:
    """A score of people's votes in every group, and the mean of these; {} where one has none."""
    group = np.asarray(trials.group)
    by: dict[str, Score] = {}
    for name in dict.fromkeys(trials.group):
        score = what(vote[group == name], trials.votes_n[group == name])
        if score is None:
            return {}
        by[name] = score
    earned = np.concatenate([score.per_item for score in by.values()])
    names = [g for g, score in by.items() for _ in range(score.per_item.size)]
    whole = two_afc.over_groups(earned, names)
    # A score keeps its items in float32; the mean of the groups' own values is exact.
    exact = float(np.mean([score.value for score in by.values()]))
    return {ALL: replace(whole, value=exact)} | by
