"""What an experiment found: people, machines, and how they agree."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Answer, Experiment, Question
from simcore.errors import BadDataError
from simcore.evaluate.judgements import forced_choice, inter_annotator
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Score

Given = Sequence[tuple[int, int, Answer]]


def analyse(
    name: str, models: Sequence[str] | None = None, *, attentive: bool = False, seed: int = 0
) -> dict:
    """Everything of section 4.3 of rosenfeld2018, and what goes beyond it.

    Args:
        models: machines to stand beside people; None = every backbone whose features are there.
        attentive: leave out participants who failed a catch trial.
        seed: of the intervals.

    Returns:
        The document that `simcore experiments analyse --json` prints.

    Raises:
        UnknownNameError: no such experiment. BadDataError: nobody has answered yet, or features of
            a machine asked for are missing.
    """
    experiment = experiment_store.get(name)
    asked = {question.number: question for question in experiment_store.questions(experiment)}
    everything = experiment_store.answers(experiment)
    people = participants(asked, everything)
    failed = {row["participant"] for row in people if row["catch_passed"] < row["catch_answered"]}
    given = [
        (person, number, answer)
        for person, number, answer in everything
        if not asked[number].catch and not (attentive and person in failed)
    ]
    if not given:
        raise BadDataError(
            f"found no answers to {name!r} to analyse; expected at least one; invite people first"
        )
    real = [question for question in asked.values() if not question.catch]
    table = _Table(real, given)
    machines = {} if models == [] else _machines(experiment, real, models)
    return {
        "experiment": name,
        "collection": experiment.collection,
        "choices": experiment.choices,
        "questions": len(real),
        "participants": len({person for person, _, _ in given}),
        "answers": len(given),
        "left_out": sorted(failed) if attentive else [],
        "conditions": [
            _condition(condition, table, machines, seed)
            for condition in [*dict.fromkeys(q.condition for q in real), None]
        ],
        "agreement": asdict(forced_choice.agreement_by_question(table.counts, table.mate)),
        "places": asdict(forced_choice.places(table.place, experiment.choices)),
        "people": people,
        "asked": _asked(real, table.counts),
    }


def participants(asked: dict[int, Question], given: Given) -> list[dict]:
    """One row a participant: answers, right ones, catch trials passed, median seconds."""
    rows = []
    for person in sorted({number for number, _, _ in given}):
        mine = [(asked[n], answer) for p, n, answer in given if p == person]
        plain = [(q, a) for q, a in mine if not q.catch]
        right = [a.option == q.mate for q, a in plain if q.mate >= 0]
        catches = [a.option == q.mate for q, a in mine if q.catch]
        rows.append(
            {
                "participant": person,
                "answers": len(plain),
                "right": sum(right) if right or not plain else None,
                "catch_answered": len(catches),
                "catch_passed": sum(catches),
                "median_seconds": float(np.median([a.seconds for _, a in mine])),
            }
        )
    return rows


def _asked(questions: Sequence[Question], counts: Array) -> list[dict]:
    """One row a question with answers, those that most agree on first (Fig. 4)."""
    share = inter_annotator.majority(counts)
    order = np.argsort(-np.nan_to_num(share, nan=-1), kind="stable")
    return [
        {
            "number": questions[n].number,
            "condition": questions[n].condition,
            "query": questions[n].query,
            "query_key": questions[n].query_key,
            "options": questions[n].options,
            "mate": questions[n].mate,
            "counts": counts[n, : len(questions[n].options)].tolist(),
            "majority": float(share[n]),
        }
        for n in order.tolist()
        if np.isfinite(share[n])
    ]


class _Table:
    """Answers as arrays; questions and people numbered from 0."""

    def __init__(self, questions: Sequence[Question], given: Given) -> None:
        row = {question.number: n for n, question in enumerate(questions)}
        numbers = {p: n for n, p in enumerate(sorted({person for person, _, _ in given}))}
        self.person = np.array([numbers[person] for person, _, _ in given])
        self.question = np.array([row[number] for _, number, _ in given])
        self.option = np.array([answer.option for _, _, answer in given])
        self.place = np.array([answer.place for _, _, answer in given])
        self.seconds = np.array([answer.seconds for _, _, answer in given])
        self.mate = np.array([question.mate for question in questions])
        self.condition = np.array([question.condition for question in questions])
        wide = max(len(question.options) for question in questions)
        self.counts = inter_annotator.tally(
            self.question, self.option, shape=(len(questions), wide)
        )
        known = self.mate[self.question] >= 0
        self.right = np.where(known, self.option == self.mate[self.question], np.nan)
        self.others = inter_annotator.agreement_with_others(self.counts, self.question, self.option)


def _condition(name: str | None, table: _Table, machines: dict[str, Array], seed: int) -> dict:
    """One column of Table 2b; None = all conditions together."""
    rows = np.ones(len(table.mate), bool) if name is None else table.condition == name
    mine = rows[table.question]
    person, question = table.person[mine], table.question[mine]
    right = forced_choice.score("right", table.right[mine], person, question, seed=seed)
    ceiling = forced_choice.score("ceiling", table.others[mine], person, question, seed=seed)
    majority = inter_annotator.majority(table.counts[rows])
    seconds = table.seconds[mine]
    return {
        "condition": "all" if name is None else name,
        "questions": int(rows.sum()),
        "answers": int(mine.sum()),
        "human": _told(right),
        "ceiling": _told(ceiling),
        "majority": float(np.nanmean(majority)) if np.isfinite(majority).any() else None,
        "median_seconds": float(np.median(seconds)) if seconds.size else None,
        "machines": [
            _machine(model, picked, rows, mine, table, seed) for model, picked in machines.items()
        ],
    }


def _machine(model: str, picked: Array, rows: Array, mine: Array, table: _Table, seed: int) -> dict:
    """A machine's accuracy, and how often a person chose what it chose."""
    right = (picked == table.mate)[rows & (table.mate >= 0)].astype(np.float64)
    ci95 = list(interval(right)) if right.size else None
    question, person = table.question[mine], table.person[mine]
    same = np.where(picked[question] < 0, np.nan, picked[question] == table.option[mine])
    with_people = forced_choice.score("same", same.astype(np.float64), person, question, seed=seed)
    return {
        "model": model,
        "right": float(right.mean()) if right.size else None,
        "ci95": ci95,
        "no_evidence": int((picked[rows] < 0).sum()),
        "with_people": _told(with_people),
    }


def _machines(
    experiment: Experiment, questions: Sequence[Question], models: Sequence[str] | None
) -> dict[str, Array]:
    """For each backbone the option that it finds most alike, (N,); -1 where it knows nothing."""
    if models is None:
        if experiment.collection not in collections.names():
            return {}  # the answers stand without the pictures
        models = [
            count.backbone
            for count in collections.feature_counts(experiment.collection)
            if count.complete
        ]
    collection = collections.open_(experiment.collection)
    sides = collection.sides()
    where = [{key: row for row, key in enumerate(side.keys)} for side in sides]
    found = {}
    for model in registry.expand_groups(list(models)):
        queries, gallery = (features.for_side(collection, side, model) for side in sides)
        metric = registry.get(model).metric
        picked = np.full(len(questions), -1)
        for n, question in enumerate(questions):
            keys = [key for _, key in question.options]
            if question.query_key in where[0] and all(key in where[1] for key in keys):
                query = queries.take([where[0][question.query_key]])
                options = gallery.take([where[1][key] for key in keys])
                picked[n] = _best(metrics.pairwise(query, options, metric)[0], question.mate)
        found[model] = picked
    return found


def _best(values: Array, mate: int) -> int:
    """The option most alike; -1 without evidence. A tie with the mate is no hit, as elsewhere."""
    if np.isnan(values).all():
        return -1
    best = np.flatnonzero(values == np.nanmax(values))
    return int(best[0] if best.size == 1 or best[0] != mate else best[1])


def _told(score: Score) -> dict | None:
    if not score.per_item.size:
        return None
    return {"value": score.value, "ci95": [score.low, score.high]}
