"""Experiments: drawing forced-choice questions, catch trials, storing and listing them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore.data import named_folders, text_files, thumbnails
from simcore.data.answers import experiment_store
from simcore.data.answers.experiment_store import remove as remove
from simcore.data.answers.schema import Experiment, Question
from simcore.errors import BadDataError, unknown_name
from simcore.lab.library import duplicates, features, subsets
from simcore.models import registry
from simcore.results import Result
from simcore.sim import metrics
from simcore.types import Array, Collection, ImageSet

RANDOM = "random"
FACE_BACKBONES = ("face-cnn", "face")  # the authors' detector first
FACE_CROPS = ("faces-cnn", "faces")  # before ":NETWORK": its features of the crops
MAX_QUESTIONS, MAX_CONSENT, MAX_CONDITIONS = 2000, 5000, 12


@dataclass(frozen=True, eq=False)
class QuestionPool:
    """Queries, the gallery to choose from, and (Q,) the gallery column of each mate or -1."""

    queries: ImageSet
    gallery: ImageSet
    target: Array

    @classmethod
    def of(cls, collection: Collection) -> "QuestionPool":
        """The pool of a collection; without mates both sides are its images."""
        queries, gallery = collection.sides()
        if collection.right is None:
            return cls(queries, gallery, np.full(len(queries), -1))
        return cls(queries, gallery, collection.pairs().target)


def nearest(collection: Collection, pool: QuestionPool, backbone: str, row: int) -> Array:
    """Gallery columns, most similar first by a backbone; those without evidence are left out.

    Raises:
        BadDataError: features are missing. UnknownNameError: no such backbone.
    """
    query = features.for_side(collection, pool.queries, backbone).take([row])
    gallery = features.for_side(collection, pool.gallery, backbone)
    values = metrics.pairwise(query, gallery, registry.get(backbone).metric)[0]
    order = np.argsort(-values, kind="stable")
    return order[~np.isnan(values[order])]


def make_options(
    pool: QuestionPool, row: int, nearest_columns: Array, choices: int, random: np.random.Generator
) -> list[int] | None:
    """The nearest distinct images; the mate replaces a random one if it is not among them.

    As in rosenfeld2018, 4.3: "If the top-5 images retrieved did not contain the correct answer, we
    randomly replaced one of them with it." None if there are too few images.
    """
    keys, mate = pool.gallery.keys, int(pool.target[row])
    excluded = {pool.queries.keys[row]} | ({keys[mate]} if mate >= 0 else set())
    taken: dict[str, int] = {}
    for column in nearest_columns.tolist():
        key = keys[column]
        if column == mate or (key not in excluded and key not in taken):
            taken[key] = column
        if len(taken) == choices:
            break
    if len(taken) < choices:
        return None
    columns = list(taken.values())
    if mate >= 0 and mate not in columns:
        columns[int(random.integers(choices))] = mate
    return [columns[i] for i in random.permutation(choices)]


def make_question(pool: QuestionPool, row: int, columns: Sequence[int], condition: str) -> Question:
    """A question about a query with gallery columns to choose from."""
    mate = int(pool.target[row])
    return Question(
        condition=condition,
        catch=False,
        query=pool.queries.ids[row],
        query_key=pool.queries.keys[row],
        options=[[pool.gallery.ids[i], pool.gallery.keys[i]] for i in columns],
        mate=columns.index(mate) if mate >= 0 else -1,
    )


def catch_trials(
    pool: QuestionPool, count: int, choices: int, random: np.random.Generator
) -> list[Question]:
    """Questions with an obvious answer: the query itself among random images.

    Raises:
        BadDataError: there are too few images.
    """
    gallery, questions = pool.gallery, []
    for row in random.permutation(len(pool.queries))[:count].tolist():
        query, key = pool.queries.ids[row], pool.queries.keys[row]
        mate = int(pool.target[row])
        distractors = {k: i for i, k in enumerate(gallery.keys) if k != key and i != mate}
        if len(distractors) < choices - 1:
            raise BadDataError(
                f"A catch trial needs {choices - 1} other images, but there are {len(distractors)}."
            )
        columns = random.choice(list(distractors.values()), choices - 1, replace=False)
        options = [[gallery.ids[i], gallery.keys[i]] for i in columns.tolist()]
        place = int(random.integers(choices))
        options.insert(place, [query, key])
        questions.append(
            Question(
                condition="catch",
                catch=True,
                query=query,
                query_key=key,
                options=options,
                mate=place,
            )
        )
    if len(questions) < count:
        raise BadDataError(
            f"{count} catch trials need as many queries; there are {len(questions)}."
        )
    return questions


@dataclass(frozen=True)
class Condition:
    """One condition of an experiment.

    Attributes:
        by: "random", or the backbone whose nearest images are the distractors.
        subset: of the collection's pairs, a name of `subsets.SUBSETS`.
        count: number of questions.
    """

    by: str
    subset: str = "all"
    count: int = 20

    @property
    def name(self) -> str:
        """The label that answers are grouped by.

        >>> Condition("face", "tlld").name, Condition("random").name
        ('face, tlld', 'random')
        """
        return self.by if self.subset == "all" else f"{self.by}, {self.subset}"


@dataclass(frozen=True)
class Plan:
    """How an experiment is drawn.

    Attributes:
        choices: images to choose from, 2 to 9, including the mate.
        catch: number of catch trials (the query itself is among the choices).
        seed: draws the questions and shuffles each participant's order.
        consent: text that a participant agrees to first; "" for none.
    """

    conditions: tuple[Condition, ...]
    choices: int = 5
    catch: int = 0
    seed: int = 0
    consent: str = ""

    def __post_init__(self) -> None:
        if not 2 <= self.choices <= 9:
            raise BadDataError(f"A question has 2 to 9 choices, not {self.choices}.")
        if not 1 <= len(self.conditions) <= MAX_CONDITIONS:
            raise BadDataError(
                f"An experiment has 1 to {MAX_CONDITIONS} conditions, not {len(self.conditions)}."
            )
        if len({condition.name for condition in self.conditions}) < len(self.conditions):
            raise BadDataError("A condition is given twice. Give each one once.")
        counts = [condition.count for condition in self.conditions]
        if min(counts) < 1 or self.catch < 0 or sum(counts) + self.catch > MAX_QUESTIONS:
            raise BadDataError(
                f"Each condition needs at least one question, and all together, catch trials "
                f"included, at most {MAX_QUESTIONS:,}; got {counts} and {self.catch} catch trials."
            )
        if not 0 <= self.seed < 2**31:
            raise BadDataError(f"The seed must be 0 to {2**31 - 1:,}, not {self.seed}.")
        if len(self.consent) > MAX_CONSENT:
            raise BadDataError(
                f"The consent text has {len(self.consent):,} characters. "
                f"Shorten it to {MAX_CONSENT:,}."
            )


def read_consent(path: Path) -> str:
    """The text of a file that participants agree to.

    Raises:
        BadDataError: absent, no regular file, too large, or in an encoding that is not read.
    """
    return text_files.read_text(path, 4 * MAX_CONSENT)  # bytes of its characters at most


def parse(conditions: Sequence[str], count: int, subset: str = "all") -> tuple[Condition, ...]:
    """Conditions from text such as "random", "face" or "face@tlld".

    >>> parse(["random", "face@tlld"], 20)[1]
    Condition(by='face', subset='tlld', count=20)
    """
    words = [word.strip().rpartition("@") for word in conditions if word.strip()]
    names = set(subsets.SUBSETS)
    return tuple(
        Condition(source, subset_name, count)
        if source and subset_name in names
        else Condition(f"{source}@{subset_name}" if source else subset_name, subset, count)
        for source, _, subset_name in words
    )


def rosenfeld2018_conditions(collection: str) -> tuple[Condition, ...]:
    """The six conditions of rosenfeld2018, section 4.3, with 20 questions each (Table 2b).

    Two on TLLobj (random, generic), four on TLLd (random, face, face-generic, generic), by the
    backbones of the paper where these have features: densenet121 and dlib's network for faces.
    Otherwise the generic network that judges near-duplicates, and the other face detector.

    Raises:
        UnknownNameError: no such collection.
        BadDataError: features of one kind are missing; names the command that makes them.
    """
    opened = subsets.open_subset(collection)

    def ready(kind: str, candidates: Sequence[str]) -> str:
        for backbone in candidates:
            if features.is_ready(opened, backbone):
                return backbone
        raise BadDataError(
            f"rosenfeld2018 needs {kind}, and {collection!r} has none. "
            f"Run `simcore extract {collection} --models {candidates[0]}` first."
        )

    generic = duplicates.generic_backbone(opened)
    face = ready("features of faces", FACE_BACKBONES)
    crops = [f"{crop}:{network}" for network in (generic, "densenet121") for crop in FACE_CROPS]
    face_generic = ready("generic features of face crops", crops)
    return tuple(
        Condition(by, subset)
        for subset, sources in (
            ("tllobj", (RANDOM, generic)),
            ("tlld", (RANDOM, face, face_generic, generic)),
        )
        for by in sources
    )


PRESETS = {"rosenfeld2018": rosenfeld2018_conditions}


def preset(name: str, collection: str) -> tuple[Condition, ...]:
    """The conditions of a published experiment, drawn from a collection.

    Args:
        name: one of `PRESETS`.
        collection: needs the features that choose the distractors.

    Raises:
        UnknownNameError: no such preset or collection. BadDataError: features are missing.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name](collection)


def create(name: str, collection: str, plan: Plan) -> Experiment:
    """Draw an experiment and store it.

    Args:
        name: of a-z, digits and . _ -, not in use yet.
        collection: needs features of the backbones that choose distractors. Without known mates
            there is no right answer, only agreement among people and with backbones.

    Raises:
        UnknownNameError: no such collection, subset or backbone.
        BadDataError: the name is invalid or taken, or there are too few pairs or features.
    """
    check_name(name)
    questions = draw(collection, plan)
    prepare_pictures(collection, questions)
    conditions = [
        {"name": c.name, "by": c.by, "subset": c.subset, "count": c.count} for c in plan.conditions
    ]
    record = {"source": "simcore", "catch": plan.catch, "conditions": conditions}
    experiment = Experiment(
        name=name,
        collection=collection,
        choices=plan.choices,
        seed=plan.seed,
        consent=plan.consent.strip(),
        plan=record,
        created=time.time(),
    )
    return experiment_store.add(experiment, questions)


def check_name(name: str) -> None:
    """Check that a new experiment can have this name.

    Raises:
        BadDataError: it is invalid or taken.
    """
    named_folders.check_name(name)
    if name in experiment_store.names():
        raise BadDataError(
            f"An experiment named {name!r} already exists. "
            "Choose another name or remove that one first."
        )


def draw(collection: str, plan: Plan) -> list[Question]:
    """The questions of a plan; the same plan and collection give the same questions."""
    random = np.random.default_rng(plan.seed)
    questions: list[Question] = []
    used: set[str] = set()
    for condition in plan.conditions:
        drawn = _condition(
            subsets.open_subset(collection, condition.subset), plan, condition, random, used
        )
        used |= {question.query_key for question in drawn}
        questions += drawn
    pool = QuestionPool.of(subsets.open_subset(collection, plan.conditions[0].subset))
    questions += catch_trials(pool, plan.catch, plan.choices, random)
    for number, question in enumerate(questions, 1):
        question.number = number
    return questions


@dataclass(frozen=True)
class ExperimentSummary(Result):
    """One row of `simcore experiments list`; `conditions` are their labels, `created` a time."""

    name: str
    collection: str
    choices: int
    conditions: tuple[str, ...]
    seed: int
    created: float
    questions: int
    participants: int
    answers: int


def summary(name: str) -> ExperimentSummary:
    """The summary of one experiment.

    Raises:
        UnknownNameError: no such experiment.
    """
    return _summary(experiment_store.get(name), experiment_store.counts()[name])


def listing() -> list[ExperimentSummary]:
    """One summary per experiment, newest first."""
    counts = experiment_store.counts()
    return [_summary(experiment_store.get(name), counts[name]) for name in experiment_store.names()]


def _summary(experiment: Experiment, counts: experiment_store.Counts) -> ExperimentSummary:
    return ExperimentSummary(
        name=experiment.name,
        collection=experiment.collection,
        choices=experiment.choices,
        conditions=tuple(c["name"] for c in experiment.plan.get("conditions", [])),
        seed=experiment.seed,
        created=experiment.created,
        questions=counts.questions,
        participants=counts.participants,
        answers=counts.answers,
    )


def prepare_pictures(collection: str, questions: Sequence[Question]) -> None:
    """Make the large images that participants see; without one the thumbnail is shown."""
    whole = subsets.open_subset(collection)
    files = {
        key: path for side in whole.sides() for key, path in zip(side.keys, side.paths, strict=True)
    }
    keys = {key for q in questions for key in (q.query_key, *(key for _, key in q.options))}
    for key in sorted(keys & files.keys()):
        thumbnails.make_large(key, files[key])


def _condition(
    collection: Collection,
    plan: Plan,
    condition: Condition,
    random: np.random.Generator,
    used: set[str],
) -> list[Question]:
    pool = QuestionPool.of(collection)
    order = [int(row) for row in random.permutation(len(pool.queries))]
    order.sort(key=lambda row: pool.queries.keys[row] in used)  # queries of other conditions last
    questions = []
    for row in order:
        columns = (
            random.permutation(len(pool.gallery))
            if condition.by == RANDOM
            else nearest(collection, pool, condition.by, row)
        )
        choices = make_options(pool, row, columns, plan.choices, random)
        if choices is not None:
            questions.append(make_question(pool, row, choices, condition.name))
        if len(questions) == condition.count:
            return questions
    raise BadDataError(
        f"Only {len(questions)} queries of {collection.name!r} ({condition.subset}) have "
        f"{plan.choices} distinct choices by {condition.by}. Ask at most that many questions."
    )
