"""A collection's pairs as training data of fine-tuning, and recall of its test pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.retrieval.asymmetric_recall import RecallOverRuns
from simcore.lab.library import duplicates, extraction, subsets
from simcore.results import Table, to_dict
from simcore.training import splits
from simcore.training.finetune.paradigms import EmbedRows, Examples
from simcore.types import JSON, Array, Collection, ImageSet, Monitor


@dataclass(frozen=True)
class PairCounts:
    """How many pairs each part of a split has."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, eq=False)
class PairEvaluation:
    """Asymmetric recall of the test pairs, before and after training."""

    collection: str
    pairs: PairCounts
    test_ids: tuple[str, ...]
    before: RecallOverRuns | None
    after: RecallOverRuns | None

    def to_dict(self) -> JSON:
        """For the document of a run."""
        stages = {"before": self.before, "after": self.after}
        return {"collection": self.collection, "pairs": to_dict(self.pairs)} | {
            stage: None if recall is None else recall.to_dict() for stage, recall in stages.items()
        }

    def to_table(self, names: Sequence[str], epoch: int) -> Table:
        """One row before and one after, in percent."""
        ks = asymmetric_recall.KS
        rows = tuple(
            (name, *(f"{100 * recall.at(k)[0]:.1f}" for k in ks))
            for name, recall in zip(names, (self.before, self.after), strict=True)
            if recall is not None
        )
        title = f"{self.collection}: {self.pairs.test:,} test pairs, epoch {epoch} kept"
        return Table(("", *(f"aR@{k} %" for k in ks)), rows, title)

    def lineage_fields(self) -> JSON:
        """Test pairs and recall."""
        ks = asymmetric_recall.KS if self.after else ()
        return {
            "collection": self.collection,
            "test_ids": self.test_ids,
            "recall": {str(k): self.after.at(k)[0] for k in ks if self.after},
        }


@dataclass(frozen=True, eq=False)
class PairData:
    """A collection's pairs: images 0 to N - 1 are the left ones, N to 2 N - 1 the right ones."""

    collection: Collection
    split: splits.Split
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
        """Left and right."""
        pairs = self.collection.pairs()
        return pairs.queries, pairs.gallery

    def test(self, embed: EmbedRows) -> Array:
        """(T,) asymmetric ranks of the test pairs by cosine."""
        rows = self.split.test
        return asymmetric_recall.ranks_of(embed(rows) @ embed(rows + len(self.collection.left)).T)

    def compare(self, before: Array | None, after: Array | None) -> PairEvaluation:
        """Recall from the ranks before and after."""
        counts = PairCounts(*(len(getattr(self.split, part)) for part in splits.PART_NAMES))
        ids = self.collection.left.ids
        recalls = (
            None if ranks is None else asymmetric_recall.over_runs([ranks])
            for ranks in (before, after)
        )
        return PairEvaluation(self.name, counts, tuple(ids[r] for r in self.split.test), *recalls)

    def extract(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        """Compute the features of these backbones for both sides."""
        for side in self.images:
            extraction.extract_images(side, names, monitor)


def open_(
    name: str, *, subset: str = "all", seed: int = 0, monitor: Monitor = Monitor()
) -> PairData:
    """The pairs of a collection, split by the seed.

    Raises:
        UnknownNameError: no such collection or subset. BadDataError: too few pairs.
        Stopped: the monitor asked to stop.
    """
    collection = subsets.open_subset(name, subset, monitor=monitor)
    groups, _ = duplicates.pair_groups(collection, monitor=monitor)
    parts = splits.random_split(groups, seed)
    train, validation = (_examples(len(groups), rows) for rows in (parts.train, parts.validation))
    return PairData(collection, parts, train, validation)


def _examples(count: int, rows: Array) -> Examples:
    negatives = np.empty((len(rows), 0), np.int64)
    return Examples(rows, rows + count, negatives, np.concatenate([rows, rows + count]))
