"""The machines of a duel: what each backbone, and the best sum of them, answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.answers.schema import Question
from simcore.errors import BadDataError
from simcore.evaluate.judgements import forced_choice_sums
from simcore.evaluate.judgements.forced_choice_sums import MAX_BACKBONES
from simcore.lab import recipes
from simcore.lab.library import collections, features, similarity, subsets
from simcore.lab.people import drawing, question_pool
from simcore.lab.people.plans import RANDOM, Plan
from simcore.lab.people.question_pool import QuestionPool
from simcore.models import registry
from simcore.recipe import Part, Recipe
from simcore.results import Result
from simcore.sim import combine, metrics, recipe_blocks
from simcore.types import Array, Collection, Monitor

PRACTICE = 300  # questions on which the best sum is chosen
MIN_PRACTICE = 20  # with fewer, nothing is chosen: all backbones are added
BEST_SUM = "best sum"


@dataclass(frozen=True)
class Machine(Result):
    """One opponent of the group.

    Attributes:
        name: of the backbone, or "best sum".
        members: the backbones that are added; the name itself for a single one.
        choices: one per question, index of the option that it finds most similar; -1 without
            evidence.
    """

    name: str
    members: tuple[str, ...]
    choices: tuple[int, ...]


@dataclass(frozen=True)
class Machines:
    """All opponents.

    Attributes:
        machines: one per backbone, then the best sum if there are two or more.
        practice: number of other questions on which the best sum was chosen; 0 for the sum of all.
    """

    machines: tuple[Machine, ...]
    practice: int


def default_backbones(collection: str) -> list[str]:
    """The backbones that play where none are named: the first 12 that are extracted.

    Raises:
        UnknownNameError: no such collection. BadDataError: none is extracted.
    """
    return collections.default_backbones(collection)[:MAX_BACKBONES]


def play(
    collection: str,
    plan: Plan,
    questions: Sequence[Question],
    backbones: Sequence[str],
    *,
    monitor: Monitor = Monitor(),
) -> Machines:
    """Let backbones, and their best z-sum, answer the questions of a duel from stored features.

    The sum is chosen by its hits on other questions that are drawn in the same way, none of them
    about a query of the duel.

    Args:
        plan: that the questions were drawn with.
        backbones: 1 to 12 different ones.

    Raises:
        UnknownNameError: no such collection or backbone. BadDataError: features are missing, or too
            many backbones. Stopped: the monitor asked to stop.
    """
    if not 1 <= len(set(backbones)) == len(backbones) <= MAX_BACKBONES:
        raise BadDataError(
            f"A duel takes 1 to {MAX_BACKBONES} different backbones, not {len(backbones)}. "
            "Name those that will play."
        )
    opened = subsets.open_subset(collection)
    practice = _practice(collection, plan, {question.query_key for question in questions})
    asked = [*questions, *practice]
    values = []
    for number, backbone in enumerate(backbones):
        monitor.check()
        monitor.report("Machines answer", number, len(backbones))
        values.append(_option_values(opened, asked, backbone))
    mate = np.array([question.mate for question in asked])
    n_asked = len(questions)
    machines = [
        Machine(name, (name,), _answers(own[:n_asked], mate[:n_asked]))
        for name, own in zip(backbones, values, strict=True)
    ]
    if len(backbones) > 1:
        summands, known = _summands(opened, backbones, values)
        members = tuple(range(len(backbones)))
        if len(practice) >= MIN_PRACTICE:
            members = forced_choice_sums.best_sum(
                summands[:, n_asked:], known[:, n_asked:], mate[n_asked:]
            )
        else:
            practice = []
        rows = list(members)
        total = forced_choice_sums.add(summands[rows, :n_asked], known[rows, :n_asked])
        names = tuple(backbones[k] for k in members)
        machines.append(Machine(BEST_SUM, names, _answers(total, mate[:n_asked])))
    monitor.report("Machines answer", len(backbones), len(backbones))
    return Machines(tuple(machines), len(practice))


def _answers(values: Array, mate: Array) -> tuple[int, ...]:
    return tuple(forced_choice_sums.choices(values, mate).tolist())


def _practice(collection: str, plan: Plan, asked: set[str]) -> list[Question]:
    """Further questions about other queries, with distractors of the same kind.

    Questions on which a committee of backbones disagrees are few, so that further ones are random.
    """
    random = np.random.default_rng([plan.seed, len(asked)])
    questions: list[Question] = []
    share = PRACTICE // len(plan.conditions)
    for condition in plan.conditions:
        opened = subsets.open_subset(collection, condition.subset)
        pool = QuestionPool.of(opened)
        drawn: list[Question] = []
        for row in random.permutation(len(pool.queries)).tolist():
            if pool.queries.keys[row] in asked or len(drawn) == share:
                continue
            columns = (
                random.permutation(len(pool.gallery))
                if condition.by == RANDOM or condition.committee
                else question_pool.nearest(opened, pool, condition.by, row)
            )
            options = question_pool.make_options(pool, row, columns, plan.choices, random)
            if options is not None:
                drawn.append(drawing.make_question(pool, row, options, condition.name, plan))
        questions += drawn
    return questions


def _option_values(collection: Collection, questions: Sequence[Question], backbone: str) -> Array:
    """(N, V) similarity of each query to its options; NaN = no evidence."""
    sides = collection.sides()
    query_rows, gallery_rows = ({key: row for row, key in enumerate(s.keys)} for s in sides)
    queries, gallery = (features.for_side(collection, side, backbone) for side in sides)
    metric = registry.get(backbone).metric
    rows = []
    for question in questions:
        query = queries.take([query_rows[question.query_key]])
        options = gallery.take([gallery_rows[key] for _, key in question.options])
        rows.append(metrics.pairwise(query, options, metric)[0])
    return np.stack(rows)


def _summands(
    collection: Collection, backbones: Sequence[str], values: Sequence[Array]
) -> tuple[Array, Array]:
    """(M, N, V) terms of a z-sum, standardized by each backbone's whole matrix, and evidence."""
    recipe = recipes.resolve(Recipe(tuple(Part(name) for name in backbones), "zsum"))
    similarity.read_moments(collection, [recipe], "lr")  # from disk, where they are
    sides = similarity.sides(collection, backbones, "lr", None, "none")
    terms = recipe_blocks.recipe_terms(recipe, sides)
    summands = [combine.on_grid(own, term) for own, term in zip(values, terms, strict=True)]
    return np.stack(summands), ~np.isnan(np.stack(values))
