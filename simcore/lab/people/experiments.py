"""Experiments: planned, drawn, stored and listed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simcore.data import named_folders, text_files, thumbnails
from simcore.data.answers import experiment_store
from simcore.data.answers.experiment_store import remove as remove
from simcore.data.answers.schema import Experiment, Question
from simcore.errors import BadDataError, unknown_name
from simcore.lab.library import duplicates, features, subsets
from simcore.lab.people.drawing import draw as draw
from simcore.lab.people.plans import MAX_CONDITIONS as MAX_CONDITIONS
from simcore.lab.people.plans import MAX_CONSENT as MAX_CONSENT
from simcore.lab.people.plans import RANDOM as RANDOM
from simcore.lab.people.plans import Condition as Condition
from simcore.lab.people.plans import Plan as Plan
from simcore.results import Result

FACE_BACKBONES = ("face-cnn", "face")  # the authors' detector first
FACE_CROPS = ("faces-cnn", "faces")  # before ":NETWORK": its features of the crops


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
        task=plan.task,
        exposure=plan.exposure_ms,
        gap=plan.gap_ms,
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


@dataclass(frozen=True)
class ExperimentSummary(Result):
    """One row of `simcore experiments list`.

    Attributes:
        task: what is asked, a name of `tasks.TASKS`.
        choices: number of answers that a question has.
        conditions: their labels.
        created: time.
        exposure: ms that images are shown; 0 = until the answer. gap: ms between two images.
    """

    name: str
    task: str
    collection: str
    choices: int
    conditions: tuple[str, ...]
    seed: int
    created: float
    questions: int
    participants: int
    answers: int
    exposure: int
    gap: int


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
        task=experiment.task,
        collection=experiment.collection,
        choices=experiment.choices,
        conditions=tuple(c["name"] for c in experiment.plan.get("conditions", [])),
        seed=experiment.seed,
        created=experiment.created,
        questions=counts.questions,
        participants=counts.participants,
        answers=counts.answers,
        exposure=experiment.exposure,
        gap=experiment.gap,
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
