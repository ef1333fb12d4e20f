"""The sections of a paper about pairs as steps, with everything that their numbers depend on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from simcore.lab.evaluate import recall
from simcore.lab.library import collections, duplicates, features, subsets
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Section
from simcore.lab.people import experiments
from simcore.lab.printed_values import PrintedTable
from simcore.recipe import Question
from simcore.types import JSON


@dataclass(frozen=True)
class PaperStep:
    """A table or figure that can be made for any question.

    Attributes:
        title: which one.
        make: makes it.
        printed: the numbers of the paper.
        further_inputs: what its numbers depend on besides the pairs and the backbones.
    """

    title: str
    make: Callable[[Question], Section]
    printed: PrintedTable | None = None
    further_inputs: Callable[[Question], JSON] | None = None


def steps(paper_steps: Sequence[PaperStep], paper: str, question: Question) -> tuple[Step, ...]:
    """The steps of a paper for one question."""
    shared = inputs(question) | {"paper": paper}
    return tuple(
        Step(
            step.title,
            partial(step.make, question),
            shared | (step.further_inputs(question) if step.further_inputs else {}),
            step.printed,
        )
        for step in paper_steps
    )


def inputs(question: Question) -> JSON:
    """Everything that most numbers about a question depend on.

    The collection's name is shown in notes and commands, its ids in captions.
    """
    whole = collections.open_(question.collection)
    part = subsets.open_subset(question.collection, question.subset)
    return {
        "question": repr(question),
        "collection": whole.digest,
        "pairs": recall.pairs_digest(part),
        "features": {
            name: str(features.collection_key(whole, name)) for name in question.backbones
        },
    }


def face_inputs(question: Question) -> JSON:
    """The features of the face detectors."""
    whole = collections.open_(question.collection)
    return {name: str(features.collection_key(whole, name)) for name in subsets.DETECTORS}


def duplicate_inputs(question: Question) -> JSON:
    """The judge of near-duplicates, and what people refused."""
    whole = collections.open_(question.collection)
    judge = duplicates.default_backbone_if_ready(whole)
    key = features.collection_key(whole, judge) if judge else None
    return face_inputs(question) | {
        "judge": str(key),
        "refused": sorted(duplicates.read_verdicts(question.collection)),
    }


def people_inputs(question: Question) -> JSON:
    """The experiments on the collection and how many answers they have."""
    return {
        "experiments": [
            (row.name, row.created, row.participants, row.answers)
            for row in experiments.listing()
            if row.collection == question.collection
        ]
    }


def state(question: Question) -> str:
    """Changes with everything that a section may have been left out for."""
    whole = collections.open_(question.collection)
    complete = [row.backbone for row in features.counts(whole) if row.complete]
    return repr((complete, whole.votes is not None, people_inputs(question)))
