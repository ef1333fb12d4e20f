"""Single questions of an experiment: a query, its mate if it has one, and distractors."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data import thumbnails
from simcore.data.answers import experiment_store
from simcore.data.answers.schema import Experiment, Question
from simcore.errors import BadDataError
from simcore.lab.library import features, subsets
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Collection, ImageSet

RANDOM = "random"
MOST_QUESTIONS, MOST_CONSENT, MOST_CONDITIONS = 2000, 5000, 12
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, eq=False)
class QuestionPool:
    """What is asked about, what is chosen from, and the (Q,) gallery column of each mate or -1."""

    queries: ImageSet
    gallery: ImageSet
    target: Array

    @classmethod
    def of(cls, collection: Collection) -> "QuestionPool":
        """Those of a collection; without mates both sides are its images."""
        queries, gallery = collection.sides()
        if collection.right is None:
            return cls(queries, gallery, np.full(len(queries), -1))
        return cls(queries, gallery, collection.pairs().target)


def nearest(collection: Collection, sides: QuestionPool, by: str, row: int) -> Array:
    """Gallery columns, most alike first by a backbone; those without evidence are left out.

    Raises:
        BadDataError: its features have not been extracted. UnknownNameError: no such backbone.
    """
    query = features.for_side(collection, sides.queries, by).take([row])
    gallery = features.for_side(collection, sides.gallery, by)
    values = metrics.pairwise(query, gallery, registry.get(by).metric)[0]
    order = np.argsort(-values, kind="stable")
    return order[~np.isnan(values[order])]


def make_options(
    sides: QuestionPool, row: int, near: Array, choices: int, random: np.random.Generator
) -> list[int] | None:
    """The nearest few, all different pictures; where the mate is not among them, it replaces one.

    As in rosenfeld2018: "If the top-5 images retrieved did not contain the correct answer, we
    randomly replaced one of them with it." None where there are too few.
    """
    keys, mate = sides.gallery.keys, int(sides.target[row])
    barred = {sides.queries.keys[row]} | ({keys[mate]} if mate >= 0 else set())
    taken: dict[str, int] = {}
    for column in near.tolist():
        key = keys[column]
        if column == mate or (key not in barred and key not in taken):
            taken[key] = column
        if len(taken) == choices:
            break
    if len(taken) < choices:
        return None
    columns = list(taken.values())
    if mate >= 0 and mate not in columns:
        columns[int(random.integers(choices))] = mate
    return [columns[i] for i in random.permutation(choices)]


def make_question(
    sides: QuestionPool, row: int, columns: Sequence[int], condition: str
) -> Question:
    """A question about a query, with the gallery's columns to choose from."""
    mate = int(sides.target[row])
    return Question(
        condition=condition,
        catch=False,
        query=sides.queries.ids[row],
        query_key=sides.queries.keys[row],
        options=[[sides.gallery.ids[i], sides.gallery.keys[i]] for i in columns],
        mate=columns.index(mate) if mate >= 0 else -1,
    )


def catch_trials(
    sides: QuestionPool, count: int, choices: int, random: np.random.Generator
) -> list[Question]:
    """Questions with an obvious answer: the query itself among pictures drawn at random.

    Raises:
        BadDataError: there are too few pictures.
    """
    gallery, found = sides.gallery, []
    for row in random.permutation(len(sides.queries))[:count].tolist():
        name, key = sides.queries.ids[row], sides.queries.keys[row]
        mate = int(sides.target[row])
        others = {k: i for i, k in enumerate(gallery.keys) if k != key and i != mate}
        if len(others) < choices - 1:
            raise BadDataError(
                f"found {len(others)} other pictures; expected {choices - 1} for a catch trial"
            )
        columns = random.choice(list(others.values()), choices - 1, replace=False)
        shown = [[gallery.ids[i], gallery.keys[i]] for i in columns.tolist()]
        place = int(random.integers(choices))
        shown.insert(place, [name, key])
        found.append(
            Question(
                condition="catch", catch=True, query=name, query_key=key, options=shown, mate=place
            )
        )
    if len(found) < count:
        raise BadDataError(f"found {len(found)} queries; expected {count} for the catch trials")
    return found


@dataclass(frozen=True)
class Condition:
    """One row of questions.

    Attributes:
        by: "random", or the backbone whose nearest pictures are the distractors.
        subset: the part of the collection's pairs that is drawn from, see `selection.SUBSETS`.
        count: how many questions.
    """

    by: str
    subset: str = "all"
    count: int = 20

    @property
    def name(self) -> str:
        """What answers are grouped by.

        >>> Condition("face", "tlld").name, Condition("random").name
        ('face, tlld', 'random')
        """
        return self.by if self.subset == "all" else f"{self.by}, {self.subset}"


@dataclass(frozen=True)
class Plan:
    """How an experiment is drawn.

    Attributes:
        choices: pictures below a query, 2 to 9, its mate among them.
        catch: questions whose answer is obvious: the query itself is among the choices.
        seed: draws the questions and shuffles what each participant sees.
        consent: what a participant agrees to first; "" = nothing is asked.
    """

    conditions: tuple[Condition, ...]
    choices: int = 5
    catch: int = 0
    seed: int = 0
    consent: str = ""

    def __post_init__(self) -> None:
        if not 2 <= self.choices <= 9:
            raise BadDataError(f"found {self.choices} choices; expected 2 to 9")
        if not 1 <= len(self.conditions) <= MOST_CONDITIONS:
            raise BadDataError(
                f"found {len(self.conditions)} conditions; expected 1 to {MOST_CONDITIONS}"
            )
        if len({condition.name for condition in self.conditions}) < len(self.conditions):
            raise BadDataError("found a condition twice; expected each one once")
        counts = [condition.count for condition in self.conditions]
        if min(counts) < 1 or self.catch < 0 or sum(counts) + self.catch > MOST_QUESTIONS:
            raise BadDataError(
                f"found {counts} questions and {self.catch} catch trials; expected at least 1 a "
                f"condition and at most {MOST_QUESTIONS:,} together"
            )
        if not 0 <= self.seed < 2**31:
            raise BadDataError(f"found the seed {self.seed}; expected 0 to {2**31 - 1:,}")
        if len(self.consent) > MOST_CONSENT:
            raise BadDataError(
                f"found a consent text of {len(self.consent):,} characters; expected at most "
                f"{MOST_CONSENT:,}"
            )


def parse(conditions: Sequence[str], count: int, subset: str = "all") -> tuple[Condition, ...]:
    """Conditions from words like "random", "face" or "face@tlld".

    >>> parse(["random", "face@tlld"], 20)[1]
    Condition(by='face', subset='tlld', count=20)
    """
    split = [word.strip().rpartition("@") for word in conditions if word.strip()]
    known = set(subsets.SUBSETS)
    return tuple(
        Condition(by, part, count)
        if by and part in known
        else Condition(f"{by}@{part}" if by else part, subset, count)
        for by, _, part in split
    )


def create(name: str, collection: str, plan: Plan) -> Experiment:
    """Draw an experiment and keep it.

    Args:
        name: of letters a-z, digits and . _ - ; not in use yet.
        collection: its backbones that choose distractors are extracted. Without known mates there
            is no right answer, and people are compared with each other and with machines only.

    Raises:
        UnknownNameError: no such collection, subset or backbone.
        BadDataError: the name cannot be used, or there are too few pairs or features.
    """
    check_name(name)
    questions = draw(collection, plan)
    prepare_pictures(collection, questions)
    conditions = [
        {"name": c.name, "by": c.by, "subset": c.subset, "count": c.count} for c in plan.conditions
    ]
    built = {"source": "simcore", "catch": plan.catch, "conditions": conditions}
    experiment = Experiment(
        name=name,
        collection=collection,
        choices=plan.choices,
        seed=plan.seed,
        consent=plan.consent.strip(),
        plan=built,
        created=time.time(),
    )
    return experiment_store.add(experiment, questions)


def check_name(name: str) -> None:
    """That an experiment may be called this.

    Raises:
        BadDataError: it may not, or the name is in use.
    """
    if not NAME.fullmatch(name):
        raise BadDataError(
            f"found the experiment name {name[:80]!r}; expected up to 64 of a-z, 0-9, . _ - and "
            "a letter or digit first"
        )
    if name in experiment_store.names():
        raise BadDataError(
            f"found an experiment named {name!r} already; expected a new name; "
            "choose another one or remove that one first"
        )


def draw(collection: str, plan: Plan) -> list[Question]:
    """The questions of a plan; the same plan on the same collection draws the same ones."""
    random = np.random.default_rng(plan.seed)
    drawn: list[Question] = []
    used: set[str] = set()
    for condition in plan.conditions:
        found = _condition(
            subsets.open_subset(collection, condition.subset), plan, condition, random, used
        )
        used |= {question.query_key for question in found}
        drawn += found
    everything = QuestionPool.of(subsets.open_subset(collection, plan.conditions[0].subset))
    drawn += catch_trials(everything, plan.catch, plan.choices, random)
    for number, question in enumerate(drawn, 1):
        question.number = number
    return drawn


def names() -> list[str]:
    """All experiments, newest first."""
    return experiment_store.names()


def listing() -> list[dict]:
    """One summary an experiment, newest first."""
    counts = experiment_store.counts()
    return [summary(experiment_store.get(name), counts[name]) for name in experiment_store.names()]


def summary(experiment: Experiment, counts: dict[str, int]) -> dict:
    """What `simcore experiments list --json` prints of one."""
    return {
        "name": experiment.name,
        "collection": experiment.collection,
        "choices": experiment.choices,
        "conditions": [c["name"] for c in experiment.plan.get("conditions", [])],
        "seed": experiment.seed,
        "created": experiment.created,
    } | counts


def remove(name: str) -> None:
    """Forget an experiment and every answer to it."""
    experiment_store.remove(name)


def prepare_pictures(collection: str, questions: Sequence[Question]) -> None:
    """Make the large pictures that participants see; the thumbnail serves where that is all."""
    found = subsets.open_subset(collection)
    where = {
        key: (path, side.trim)
        for side in found.sides()
        for key, path in zip(side.keys, side.paths, strict=True)
    }
    needed = {key for q in questions for key in (q.query_key, *(key for _, key in q.options))}
    for key in sorted(needed & where.keys()):
        path, trim = where[key]
        thumbnails.make_large(key, path, trim=trim)


def _condition(
    collection: Collection,
    plan: Plan,
    condition: Condition,
    random: np.random.Generator,
    used: set[str],
) -> list[Question]:
    sides = QuestionPool.of(collection)
    order = [int(row) for row in random.permutation(len(sides.queries))]
    order.sort(key=lambda row: sides.queries.keys[row] in used)  # those of other conditions last
    found = []
    for row in order:
        near = (
            random.permutation(len(sides.gallery))
            if condition.by == RANDOM
            else nearest(collection, sides, condition.by, row)
        )
        choices = make_options(sides, row, near, plan.choices, random)
        if choices is not None:
            found.append(make_question(sides, row, choices, condition.name))
        if len(found) == condition.count:
            return found
    raise BadDataError(
        f"found {len(found)} queries of {collection.name!r} in {condition.subset} that "
        f"{condition.by} can give {plan.choices} different choices for; expected "
        f"{condition.count}; ask fewer questions"
    )
