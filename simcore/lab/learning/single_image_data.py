"""Single images as training data of self-supervised fine-tuning (singleton sets, Table A.1).

Where they were drawn from a set of judgements, the result is tested on its trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data import images
from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError
from simcore.lab.judgements import sets
from simcore.lab.learning import judgement_data
from simcore.lab.learning.judgement_data import TrialCounts, TrialEvaluation
from simcore.lab.library import collections, extraction
from simcore.results import Table
from simcore.training import splits
from simcore.training.finetune.paradigms import SELF_SUPERVISED, SUPERVISED, EmbedRows, Examples
from simcore.training.splits import TrialRule, TrialSplit
from simcore.types import JSON, Array, Collection, ImageSet, Monitor

_NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class SingleImageEvaluation:
    """Agreement on the trials that the images were drawn from.

    Attributes:
        collection: the images.
        judgements_digest: of the set of these trials, "" without one.
    """

    collection: str
    judgements_digest: str
    trials: TrialEvaluation

    def to_dict(self) -> JSON:
        """For the document of a run."""
        return {
            "collection": self.collection,
            "judgements_digest": self.judgements_digest,
            **self.trials.to_dict(),
        }

    def to_table(self, names: Sequence[str], epoch: int) -> Table:
        """One row before and one after, if there are trials to test on."""
        return self.trials.to_table(names, epoch, source=self.collection)

    def lineage_fields(self) -> JSON:
        """The images, the test trials and agreement."""
        return {"collection": self.collection, **self.trials.lineage_fields()}


@dataclass(frozen=True, eq=False)
class SingleImageData:
    """Images 0 to N - 1 are those of a collection; those of the judgements follow.

    Attributes:
        judgements: the set that is tested on, None without one.
        test_rows: of its trials. rule: what is known about them.
    """

    collection: Collection
    judgements: JudgementSet | None
    test_rows: Array
    rule: TrialRule
    train: Examples
    validation: Examples

    @property
    def name(self) -> str:
        """Of the collection."""
        return self.collection.name

    @property
    def digest(self) -> str:
        """Of the collection."""
        return self.collection.digest

    @property
    def images(self) -> tuple[ImageSet, ...]:
        """Those of the collection, then those of the judgements."""
        judged = self.judgements
        return (self.collection.left, *([judged.triplets.images] if judged is not None else []))

    def test(self, embed: EmbedRows) -> Array:
        """(2, T) similarity of each test trial's reference to its left and right image."""
        if self.judgements is None:
            return np.empty((2, 0))
        first = len(self.collection.left)
        trials = self.judgements.triplets.take(self.test_rows)
        return judgement_data.similarities(trials, lambda rows: embed(rows + first))

    def compare(self, before: Array | None, after: Array | None) -> SingleImageEvaluation:
        """Agreement from the similarities before and after."""
        n_train, n_validation = (len(part.singles) for part in (self.train, self.validation))
        n_validation = 0 if self.rule == "all" else n_validation
        judged, n_test = self.judgements, len(self.test_rows)
        shared = 0
        if judged is not None and self.rule == "all":
            shared = int((~_unseen(judged, self.collection.left)).sum())
        counts = TrialCounts(
            n_train, n_validation, n_test, 0, 0, self.rule, shared, learned_from="images"
        )
        if judged is None:
            trials = TrialEvaluation("", counts, (), None, None, None)
            return SingleImageEvaluation(self.name, "", trials)
        numbers = splits.trial_images(judged.triplets)
        split = TrialSplit(_NO_ROWS, _NO_ROWS, self.test_rows, numbers, "all")
        trials = judgement_data.evaluate(judged, split, counts, before, after)
        return SingleImageEvaluation(self.name, judged.digest, trials)

    def extract(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        """Compute the features of these backbones for all images."""
        for side in self.images:
            extraction.extract_images(side, names, monitor)


def open_(
    name: str, paradigm: str, *, seed: int = 0, rule: TrialRule = "images"
) -> SingleImageData:
    """The images of a collection without mates.

    Of a singleton set the trials of its judgements are tested on that show none of its images; by
    rule "all" (protocol paper) every trial, and every image is learned from.

    Raises:
        UnknownNameError: no such collection.
        BadDataError: a paradigm that learns from triplets, another rule, or too few images.
    """
    if paradigm in SUPERVISED:
        raise BadDataError(
            f"{name!r} holds single images, and {paradigm} learns from triplets. Choose "
            f"{', '.join(SELF_SUPERVISED)}."
        )
    if rule == "references":
        raise BadDataError("Single images have no references. Choose the split images.")
    collection = collections.open_(name)
    numbers: dict[str, int] = {}
    groups = np.array(
        [numbers.setdefault(images.picture(key), len(numbers)) for key in collection.left.keys]
    )
    train, validation, _ = splits.split_rows(groups, seed, test=0.0)
    if rule == "all":
        train = validation = np.arange(len(groups))
    if min(len(train), len(validation)) < 2:
        raise BadDataError(
            f"{name!r} has {len(groups)} images; at least 2 are needed to learn from and 2 to "
            "decide when to stop. Use more images."
        )
    judged, rows = _judgements_of(name), _NO_ROWS
    if judged is not None:
        rows = np.arange(len(judged.triplets))
        rows = rows if rule == "all" else rows[_unseen(judged, collection.left)]
        judged = judged if rows.size else None
    parts = (_examples(part) for part in (train, validation))
    return SingleImageData(collection, judged, rows, rule, *parts)


def _judgements_of(name: str) -> JudgementSet | None:
    """The set that a singleton set was drawn from, if it is still there."""
    source = next((s.judgements for s in sets.singleton_sets() if s.name == name), "")
    return sets.open_(source) if source in sets.names() else None


def _unseen(judged: JudgementSet, seen: ImageSet) -> Array:
    """(T,) whether a trial shows none of these images."""
    pictures = {images.picture(key) for key in seen.keys}
    triplets = judged.triplets
    shown = np.array([images.picture(key) in pictures for key in triplets.images.keys], bool)
    return ~(shown[triplets.ref] | shown[triplets.left] | shown[triplets.right])


def _examples(rows: Array) -> Examples:
    return Examples(_NO_ROWS, _NO_ROWS, np.empty((0, 0), np.int64), rows)
