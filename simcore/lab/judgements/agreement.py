"""How well similarities agree with judgements: scores, and the human ceiling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore import memory
from simcore.data.judgements.trials import JudgementSet, OddOneOut, SameDifferent, Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import human_ceiling, jnd, triplet_combinations, triplets, two_afc
from simcore.evaluate.judgements.two_afc import Counting
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.library import provenance
from simcore.results import Cell, Table, to_dict
from simcore.types import JSON, METRICS, Array, QueryParams, Score

GroupScores = Mapping[str, Score]  # group -> score
PeopleScores = Mapping[str, GroupScores]  # key of PEOPLE -> their scores

COUNTINGS: tuple[Counting, ...] = ("share", "majority")
COMBINATIONS = ("none", "sum", "zsum")
ALL = "all"  # the mean over groups
CHANCE: dict[type, float] = {Triplets: 0.5, SameDifferent: 0.0, OddOneOut: 1 / 3}
SCORES: dict[type, str] = {  # type of trials -> what is scored
    Triplets: "agreement with the votes (2AFC)",
    SameDifferent: "average precision of pairs that looked the same (JND)",
    OddOneOut: "odd-one-out accuracy",
}
PEOPLE = {  # key in JSON -> label; what they are: `evaluate.judgements.human_ceiling`
    "ceiling": "people: ceiling",
    "crowd": "people: leave-one-out majority",
    "person": "people: inter-annotator agreement",
}


@dataclass(frozen=True)
class JudgementQuestion:
    """What is asked about a set of judgements; the fields are CLI options and URL parameters.

    Attributes:
        judgements: name of the set.
        models: backbones and perceptual distances.
        metrics: for backbones; "own" is the one each was made for.
        combine: "none", or "sum" or "zsum" to score the combination of all models as well.
        counting: "share": a triplet earns the share of votes for the nearer side (BAPPS);
            "majority": 1 or 0 (margaritescu2024).
        subset: "all", or "unseen:NAME": trials without images that learned:NAME was trained on.
    """

    judgements: str
    models: tuple[str, ...] = ()
    metrics: tuple[str, ...] = METRICS
    combine: str = "none"
    counting: str = "share"
    subset: str = "all"

    def open(self) -> JudgementSet:
        """The trials of the subset.

        Raises:
            UnknownNameError: no such set or subset. BadDataError: the subset is empty.
        """
        return provenance.unseen_part(sets.open_(self.judgements), self.subset)

    def with_models(self, models: Sequence[str]) -> "JudgementQuestion":
        """The same question about other models."""
        return replace(self, models=tuple(models))

    def with_combine(self, combine: str) -> "JudgementQuestion":
        """The same question with another combination."""
        return replace(self, combine=combine)

    def to_args(self) -> list[str]:
        """The arguments of `simcore evaluate triplets`; defaults are left out.

        >>> JudgementQuestion("mine", ("hog",), ("l2",)).to_args()
        ['mine', '--models', 'hog', '--metrics', 'l2']
        """
        options = {
            "models": (",".join(self.models), ""),
            "subset": (self.subset, "all"),
            "metrics": (",".join(self.metrics), ",".join(METRICS)),
            "combine": (self.combine, "none"),
            "counting": (self.counting, "share"),
        }
        changed = {name: value for name, (value, default) in options.items() if value != default}
        return [self.judgements, *(word for k, v in changed.items() for word in (f"--{k}", v))]

    def to_query(self) -> QueryParams:
        """The query parameters of the page that shows this; the subset only if it is not all."""
        query = {
            "judgements": self.judgements,
            "models": ",".join(self.models),
            "metrics": ",".join(self.metrics),
            "combine": self.combine,
            "counting": self.counting,
        }
        return query if self.subset == "all" else query | {"subset": self.subset}

    def validate(self) -> None:
        """Check what does not depend on the set, before long work.

        Raises:
            UnknownNameError: no such model, metric, combination or counting.
            BadDataError: no metric.
        """
        pair_similarities.expand(self.models)
        allowed = (pair_similarities.OWN, *METRICS)
        for metric in self.metrics:
            if metric not in allowed:
                raise unknown_name("metric", metric, allowed)
        if not self.metrics:
            raise BadDataError(f"Choose at least one metric of {', '.join(allowed)}.")
        if self.combine not in COMBINATIONS:
            raise unknown_name("combination", self.combine, COMBINATIONS)
        if self.counting not in COUNTINGS:
            raise unknown_name("counting", self.counting, COUNTINGS)


@dataclass(frozen=True, eq=False)
class AgreementRow:
    """The scores of one similarity, or of one combination, under one metric.

    Attributes:
        models: backbones or distances; several if it is a combination.
        metric: "own" for a distance.
        combine: how several are added, "none" for one.
        overall: the mean over groups, each group counting alike.
        groups: group -> score.
    """

    models: tuple[str, ...]
    metric: str
    combine: str
    overall: Score
    groups: GroupScores

    @property
    def label(self) -> str:
        """Short text for tables."""
        names = " + ".join(self.models)
        return names if self.combine == "none" else f"{self.combine}({names})"

    @property
    def scores(self) -> GroupScores:
        """`ALL` and every group -> score; a group of that name gives way to the mean."""
        return {ALL: self.overall, **self.groups} | {ALL: self.overall}

    def to_dict(self) -> JSON:
        """The row for JSON."""
        return {
            "models": list(self.models),
            "metric": self.metric,
            "combine": self.combine,
            ALL: to_dict(self.overall),
            "groups": to_dict(self.groups),
        }


@dataclass(frozen=True, eq=False)
class AgreementTable:
    """Scores of several similarities on a set of judgements.

    Attributes:
        judged: the trials.
        score: what is scored, in words.
        groups: group -> number of trials.
        rows: in the order asked for, combinations last.
        people: what people themselves reach: a key of `PEOPLE` -> `ALL` and every group -> score;
            only what the votes allow to compute.
    """

    judged: JudgementSet
    score: str
    groups: Mapping[str, int]
    rows: tuple[AgreementRow, ...]
    people: PeopleScores

    @property
    def best_first(self) -> list[AgreementRow]:
        """The rows by overall score, the highest first."""
        return sorted(self.rows, key=lambda row: -row.overall.value)

    def n_trials(self, group: str = ALL) -> int:
        """Number of trials in a group, or in all."""
        return sum(self.groups.values()) if group == ALL else self.groups[group]

    def to_dict(self) -> JSON:
        """The document that `simcore evaluate triplets --json` prints."""
        return {
            "judgements": self.judged.name,
            "votes": self.judged.votes,
            "score": self.score,
            "trials": self.n_trials(),
            "groups": dict(self.groups),
            "people": to_dict(self.people),
            "rows": [row.to_dict() for row in self.rows],
            "notes": list(self.judged.notes),
        }

    def to_table(self, *, groups: Sequence[str] | None = None, decimals: int = 2) -> Table:
        """People first, then one row per similarity and metric, the best first; in percent.

        Args:
            groups: the groups with a column; None for all.
        """
        groups = [name for name in (self.groups if groups is None else groups) if name != ALL]
        rows = [
            (
                label,
                metric,
                percent(scores[ALL], decimals, interval=True),
                *(percent(scores[group], decimals) for group in groups),
            )
            for label, metric, scores in self._labeled_scores()
        ]
        columns = ("similarity", "metric", f"{ALL} %", *(f"{group} %" for group in groups))
        by = "" if self.judged.votes == "human" else f" ({self.judged.votes}, not people's votes)"
        title = f"{self.judged.name}: {self.n_trials():,} trials, {self.score}{by}"
        return Table(columns, tuple(rows), title, self.judged.notes)

    def to_group_table(self, n_best: int) -> Table:
        """One row per group, one column for each of the best similarities; in percent."""
        best = self.best_first[:n_best]
        rows = tuple((g, *(percent(row.groups[g]) for row in best)) for g in self.groups)
        columns = ("group, %", *(f"{row.label} {row.metric}" for row in best))
        return Table(columns, rows, f"the best {len(best)} by group")

    def to_long_table(self) -> Table:
        """One row per similarity, metric and group, with plain numbers; for CSV."""
        rows: list[tuple[Cell, ...]] = [
            (label, metric, group, self.n_trials(group), *_finite(score))
            for label, metric, scores in self._labeled_scores()
            for group, score in scores.items()
        ]
        columns = ("similarity", "metric", "group", "trials", "score", "low", "high")
        return Table(columns, tuple(rows))

    def _labeled_scores(self) -> list[tuple[str, str, GroupScores]]:
        people = [(PEOPLE[key], "", scores) for key, scores in self.people.items()]
        return people + [(row.label, row.metric, row.scores) for row in self.best_first]


def percent(score: Score, decimals: int = 2, *, interval: bool = False) -> str:
    """A score in percent, with its 95 % confidence interval if asked; "" if there is none.

    >>> percent(Score("2afc", 0.5, 0.25, 0.75, np.ones(4)), interval=True)
    '50.00  [25.0, 75.0]'
    """
    if np.isnan(score.value):
        return ""
    text = f"{100 * score.value:.{decimals}f}"
    return text + (f"  [{100 * score.low:.1f}, {100 * score.high:.1f}]" if interval else "")


def _finite(score: Score) -> tuple[float | None, ...]:
    values = (score.value, score.low, score.high)
    return tuple(None if np.isnan(value) else value for value in values)


def table(question: JudgementQuestion) -> AgreementTable:
    """Score every similarity under every metric and, if asked, their combination per metric.

    Args:
        question: its models must be ready; a distance has only its own metric and takes part in
            the combination under each.

    Raises:
        UnknownNameError: no such set, model, metric, combination or counting.
        BadDataError: a similarity is not ready, or trials other than triplets are combined.
    """
    question.validate()
    judged = question.open()
    if question.combine != "none" and not isinstance(judged.trials, Triplets):
        raise BadDataError(
            f"Combinations need triplets, and {judged.name!r} is not a set of triplets. Leave the "
            "combination out."
        )
    models = tuple(pair_similarities.expand(question.models))
    if not models:
        raise BadDataError("Choose at least one similarity, such as hog.")
    key = (
        "agreement",
        judged.digest,
        judged.votes,
        tuple((model, pair_similarities.identity(judged, model)) for model in models),
        question.metrics,
        question.combine,
        question.counting,
    )
    rows, people = memory.get(key, lambda: _score(judged, question.with_models(models)))
    group = judged.trials.group
    counts = {name: group.count(name) for name in dict.fromkeys(group)}
    return AgreementTable(judged, SCORES[type(judged.trials)], counts, rows, people)


def _score(
    judged: JudgementSet, question: JudgementQuestion
) -> tuple[tuple[AgreementRow, ...], PeopleScores]:
    counting = _counting(question.counting)
    rows = [
        _row(judged, (model,), metric, pair_similarities.values(judged, model, metric), counting)
        for model in question.models
        for metric in pair_similarities.metrics_of(model, question.metrics)
    ]
    if question.combine != "none" and len(question.models) > 1:
        for metric in question.metrics:
            values = combined(judged, question.models, metric, question.combine)
            row = _row(judged, question.models, metric, values, counting)
            rows.append(replace(row, combine=question.combine))
    return tuple(rows), people(judged, counting)


def combined(judged: JudgementSet, models: Sequence[str], metric: str, combine: str) -> Array:
    """(2, T) values of a combination of similarities, as `pair_similarities.values`.

    Raises:
        BadDataError: a similarity is not ready.
    """
    sides = []
    for model in models:
        (model_metric,) = pair_similarities.metrics_of(model, [metric])
        left, right = pair_similarities.values(judged, model, model_metric)
        sides.append((left, right))
    return np.stack(triplet_combinations.combined(sides, [1.0] * len(sides), combine=combine))


def _counting(counting: str) -> Counting:
    return "share" if counting == "share" else "majority"


def _row(
    judged: JudgementSet, models: tuple[str, ...], metric: str, values: Array, counting: Counting
) -> AgreementRow:
    """Scores of (k, T) similarities, as a row that is not a combination."""
    trials = judged.trials
    if isinstance(trials, SameDifferent):
        group = np.asarray(trials.group)
        scores = {
            name: jnd.average_precision(values[0, group == name], trials.same[group == name])
            for name in dict.fromkeys(trials.group)
        }
        overall = jnd.over_groups(list(scores.values()))
        return AgreementRow(models, metric, "none", overall, scores)
    if isinstance(trials, OddOneOut):
        credit = triplets.odd_one_out(*values).per_item
    else:
        left, right = values
        credit = two_afc.credit(left, right, trials.vote, counting=counting)
    scores = two_afc.by_group(credit, trials.group)
    several = len(scores) > 1
    overall = two_afc.over_groups(credit, trials.group) if several else two_afc.mean(credit, ALL)
    return AgreementRow(models, metric, "none", overall, scores)


def people(judged: JudgementSet, counting: Counting = "share") -> PeopleScores:
    """What people reach: key of `PEOPLE` -> group -> score; empty for an order that is known."""
    trials = judged.trials
    if judged.votes != "human" or isinstance(trials, OddOneOut):
        return {}
    if isinstance(trials, SameDifferent):
        return {"ceiling": _row(judged, (), "", trials.same[None], counting).scores}
    vote = trials.vote if counting == "share" else (np.sign(trials.vote - 0.5) + 1) / 2
    scores = {"ceiling": _people_scores(trials, lambda v, _: human_ceiling.ceiling(v), vote)}
    if counting == "share":
        scores["crowd"] = _people_scores(trials, human_ceiling.leave_one_out, vote)
        scores["person"] = _people_scores(trials, human_ceiling.pairwise, vote)
    return {key: by_group for key, by_group in scores.items() if by_group}


def _people_scores(
    trials: Triplets, score: Callable[[Array, Array], Score | None], vote: Array
) -> GroupScores:
    """A score of the votes in every group and their mean; empty if a group has none."""
    group = np.asarray(trials.group)
    by_group: dict[str, Score] = {}
    for name in dict.fromkeys(trials.group):
        group_score = score(vote[group == name], trials.votes_n[group == name])
        if group_score is None:
            return {}
        by_group[name] = group_score
    credit = np.concatenate([item.per_item for item in by_group.values()])
    names = [name for name, item in by_group.items() for _ in range(item.per_item.size)]
    overall = two_afc.over_groups(credit, names)
    # A score keeps its items in float32; the mean of the groups' own values is exact.
    exact = float(np.mean([item.value for item in by_group.values()]))
    return {ALL: replace(overall, value=exact)} | by_group
