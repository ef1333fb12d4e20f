"""Drawing the questions of an experiment: which images are shown, and the obvious ones."""

from collections.abc import Sequence

import numpy as np

from simcore.data.answers.schema import Question
from simcore.errors import BadDataError
from simcore.lab.library import subsets
from simcore.lab.people import disagreement, question_pool, tasks
from simcore.lab.people.plans import MATES, RANDOM, Condition, Plan
from simcore.lab.people.question_pool import QuestionPool
from simcore.lab.people.tasks import DIFFERENT, SAME
from simcore.types import Collection


def draw(collection: str, plan: Plan) -> list[Question]:
    """The questions of a plan; the same plan and collection give the same questions.

    Raises:
        UnknownNameError: no such collection, subset or backbone.
        BadDataError: there are too few images, or features are missing.
    """
    random = np.random.default_rng(plan.seed)
    questions: list[Question] = []
    used: set[str] = set()
    for condition in plan.conditions:
        drawn = draw_condition(
            subsets.open_subset(collection, condition.subset), plan, condition, random, used
        )
        used |= {question.query_key for question in drawn}
        questions += drawn
    pool = QuestionPool.of(subsets.open_subset(collection, plan.conditions[0].subset))
    questions += catch_trials(pool, plan, random)
    for number, question in enumerate(questions, 1):
        question.number = number
    return questions


def draw_condition(
    collection: Collection,
    plan: Plan,
    condition: Condition,
    random: np.random.Generator,
    used: set[str],
) -> list[Question]:
    """The questions of one condition.

    Args:
        used: content keys of queries of other conditions, which come last.

    Raises:
        UnknownNameError: no such backbone. BadDataError: too few images, or no features.
    """
    pool = QuestionPool.of(collection)
    if plan.rules is not tasks.MAFC:
        pool = pool if condition.by == MATES else pool.without_mates()
    order = [int(row) for row in random.permutation(len(pool.queries))]
    order.sort(key=lambda row: pool.queries.keys[row] in used)
    if condition.committee:
        return [
            make_question(pool, row, columns, condition.name, plan)
            for row, columns in disagreement.most_informative(
                collection, pool, plan, condition, order=order, random=random
            )
        ]
    questions = []
    for row in order:
        columns = _columns(collection, pool, condition.by, row, random)
        choices = question_pool.make_options(pool, row, columns, plan.n_drawn, random)
        if choices is not None:
            questions.append(make_question(pool, row, choices, condition.name, plan))
        if len(questions) == condition.count:
            return questions
    raise BadDataError(
        f"Only {len(questions)} queries of {collection.name!r} ({condition.subset}) have "
        f"{plan.n_drawn} distinct choices by {condition.by}. Ask at most that many questions."
    )


def _columns(
    collection: Collection, pool: QuestionPool, by: str, row: int, random: np.random.Generator
) -> np.ndarray:
    """Gallery columns in the order in which a condition takes them."""
    if by == RANDOM:
        return random.permutation(len(pool.gallery))
    if by == MATES:
        return pool.target[row : row + 1][pool.target[row : row + 1] >= 0]
    return question_pool.nearest(collection, pool, by, row)


def make_question(
    pool: QuestionPool, row: int, columns: Sequence[int], condition: str, plan: Plan
) -> Question:
    """A question about a query with gallery columns to choose from."""
    query, key, mate = pool.queries.ids[row], pool.queries.keys[row], int(pool.target[row])
    options = [[pool.gallery.ids[i], pool.gallery.keys[i]] for i in columns]
    if plan.rules is tasks.ODD_ONE_OUT:
        options.insert(0, [query, key])
    is_mafc = plan.rules is tasks.MAFC
    return Question(
        condition=condition,
        catch=False,
        query=query,
        query_key=key,
        options=options,
        mate=columns.index(mate) if is_mafc and mate >= 0 else -1,
    )


def catch_trials(pool: QuestionPool, plan: Plan, random: np.random.Generator) -> list[Question]:
    """Questions with an obvious answer.

    The query itself is among random images; of three images two are the same; two images are
    identical or, in every other question, unrelated.

    Raises:
        BadDataError: there are too few images.
    """
    questions: list[Question] = []
    for row in random.permutation(len(pool.queries))[: plan.catch].tolist():
        query = [pool.queries.ids[row], pool.queries.keys[row]]
        if plan.rules is tasks.ODD_ONE_OUT:
            options, answer = [query, query, *_unrelated(pool, row, 1, random)], 2
        elif plan.rules is tasks.SAME_DIFFERENT:
            answer = DIFFERENT if len(questions) % 2 else SAME
            options = [query] if answer == SAME else _unrelated(pool, row, 1, random)
        else:
            options = _unrelated(pool, row, plan.n_drawn - 1, random)
            answer = int(random.integers(plan.n_drawn))
            options.insert(answer, query)
        questions.append(
            Question(
                condition="catch",
                catch=True,
                query=query[0],
                query_key=query[1],
                options=options,
                mate=answer,
            )
        )
    if len(questions) < plan.catch:
        raise BadDataError(
            f"{plan.catch} catch trials need as many queries; there are {len(questions)}."
        )
    return questions


def _unrelated(
    pool: QuestionPool, row: int, count: int, random: np.random.Generator
) -> list[list[str]]:
    """Random different images of the gallery, neither the query nor its mate."""
    gallery, key, mate = pool.gallery, pool.queries.keys[row], int(pool.target[row])
    distractors = {k: i for i, k in enumerate(gallery.keys) if k != key and i != mate}
    if len(distractors) < count:
        raise BadDataError(
            f"A catch trial needs {count} other images, but there are {len(distractors)}."
        )
    columns = random.choice(list(distractors.values()), count, replace=False)
    return [[gallery.ids[i], gallery.keys[i]] for i in columns.tolist()]
