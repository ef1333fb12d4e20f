"""What a network can be fine-tuned on: the pairs of a collection, or a set of judgements.

Both give examples for training and validation, and test a network on pairs or trials without
training images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import triplets, two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.retrieval.asymmetric_recall import RecallOverRuns
from simcore.evaluate.statistics import bootstrap
from simcore.lab.judgements import sets as judgement_sets
from simcore.lab.library import collections, duplicates, subsets
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.results import Table, to_dict
from simcore.training import splits
from simcore.training.finetune import judgement_examples
from simcore.training.finetune.paradigms import Examples
from simcore.types import JSON, METRICS, Array, Collection, Features, ImageSet, Monitor, Score

# Before a name that a collection and a judgement set have in common.
PAIRS_PREFIX, JUDGEMENTS_PREFIX = "pairs:", "judgements:"
METRIC = METRICS[0]  # agreement is measured by cosine, as the recall of pairs is
EmbedRows = Callable[[Array], Array]  # rows of images -> (n, D) float32 features


class Evaluation(Protocol):
    """How a network does on the test data before and after training; None where unknown."""

    def to_dict(self) -> JSON:
        """The part of a run's JSON document that depends on the kind of data."""

    def to_table(self, names: Sequence[str], epoch: int) -> Table:
        """Rows before and after.

        Args:
            names: of the network before and after. epoch: the one that is kept.
        """

    def lineage_fields(self) -> JSON:
        """The fields of `models.lineage.Lineage` that depend on the kind of data."""


class TrainingData(Protocol):
    """Examples in three parts, over numbered images."""

    @property
    def name(self) -> str:
        """Of the collection or judgement set."""

    @property
    def digest(self) -> str:
        """Changes with the content."""

    @property
    def images(self) -> tuple[ImageSet, ...]:
        """The images, numbered from the first set through the last."""

    @property
    def train(self) -> Examples:
        """Examples that are learned from."""

    @property
    def validation(self) -> Examples:
        """Examples that decide when to stop."""

    def test(self, embed: EmbedRows) -> Array:
        """What `compare` needs of a network."""

    def compare(self, before: Array | None, after: Array | None) -> Evaluation:
        """The results of `test` before and after training; None where unknown."""

    def extract(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        """Compute the features of these backbones for the images."""


@dataclass(frozen=True)
class PairCounts:
    """How many pairs each part of a split has."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class TrialCounts:
    """How many trials each part of a split has.

    Attributes:
        undecided: of train and validation, without a majority: not learned from.
        across: in no part, because they show images of several.
        split: one of `splits.GUARANTEES`. shared: test trials with an image that training or
            validation trials show.
    """

    train: int
    validation: int
    test: int
    undecided: int
    across: int
    split: splits.TrialRule = "images"
    shared: int = 0

    @property
    def guarantee(self) -> str:
        """What the split guarantees, and how many test trials it is no guarantee for."""
        text = splits.GUARANTEES[self.split]
        if not self.shared:
            return text
        return f"{text} {self.shared:,} of {self.test:,} test trials show an image of training."


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
            _extract(side, names, monitor)


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of a network with people's judgements.

    Attributes:
        votes: mean share of the votes for the image that the network finds nearer, over groups.
        majority: share of the trials decided as by most people, over groups.
        groups: group -> score as in `votes`.
    """

    votes: Score
    majority: Score
    groups: dict[str, Score]


@dataclass(frozen=True, eq=False)
class TrialEvaluation:
    """Agreement on the test trials, before and after training.

    Attributes:
        difference: of the agreement with the votes, paired; None unless both are known.
    """

    judgements: str
    trials: TrialCounts
    test_trials: tuple[int, ...]
    before: Agreement | None
    after: Agreement | None
    difference: Score | None

    def to_dict(self) -> JSON:
        """For the document of a run."""
        document: JSON = {"judgements": self.judgements, "trials": to_dict(self.trials)}
        for stage, agreement in (("before", self.before), ("after", self.after)):
            document[stage] = agreement and {
                "agreement": to_dict(agreement.votes),
                "majority": to_dict(agreement.majority),
                "groups": to_dict(agreement.groups),
            }
        document["guarantee"] = self.trials.guarantee
        return document | {"difference": to_dict(self.difference)}

    def to_table(self, names: Sequence[str], epoch: int) -> Table:
        """One row before and one after, in percent with 95 % intervals."""
        rows = tuple(
            (name, _percent(agreement.votes), _percent(agreement.majority))
            for name, agreement in zip(names, (self.before, self.after), strict=True)
            if agreement is not None
        )
        counts, notes = self.trials, []
        if self.difference is not None:
            notes.append(f"Paired difference: {_percent(self.difference)} percentage points.")
        if counts.undecided:
            notes.append(f"{counts.undecided:,} judgements without a majority were not used.")
        if counts.across:
            notes.append(f"{counts.across:,} judgements with images of two parts were left out.")
        if counts.split != "images":
            notes.append(f"Split {counts.split!r}: {counts.guarantee}")
        title = (
            f"{self.judgements}: {counts.train:,} training, {counts.validation:,} validation and "
            f"{counts.test:,} test judgements, epoch {epoch} kept"
        )
        columns = ("", "agreement with votes %", "with majority %")
        return Table(columns, rows, title, tuple(notes))

    def lineage_fields(self) -> JSON:
        """Test trials and agreement."""
        return {
            "judgements": self.judgements,
            "test_trials": self.test_trials,
            "agreement": self.after and self.after.votes.value,
        }


def _percent(score: Score) -> str:
    return f"{100 * score.value:.1f}  [{100 * score.low:.1f}, {100 * score.high:.1f}]"


@dataclass(frozen=True, eq=False)
class JudgementData:
    """A set of triplets; images have the numbers that they have in the set."""

    judgements: JudgementSet
    split: splits.TrialSplit
    train: Examples
    validation: Examples

    @property
    def name(self) -> str:
        """Of the set."""
        return self.judgements.name

    @property
    def digest(self) -> str:
        """Of the set."""
        return self.judgements.digest

    @property
    def images(self) -> tuple[ImageSet, ...]:
        """Those of the set."""
        return (self.judgements.triplets.images,)

    def test(self, embed: EmbedRows) -> Array:
        """(2, T) similarity of each test trial's reference to its left and right image."""
        part = self.judgements.triplets.take(self.split.test)
        rows, index = np.unique(np.stack([part.ref, part.left, part.right]), return_inverse=True)
        ref, left, right = index.reshape(3, -1)
        features = Features("", np.arange(rows.size), embed(rows), rows.size)
        return np.stack(
            [triplets.pair_similarity(features, ref, side, METRIC) for side in (left, right)]
        )

    def compare(self, before: Array | None, after: Array | None) -> TrialEvaluation:
        """Agreement from the similarities before and after."""
        part = self.judgements.triplets.take(self.split.test)
        difference = None
        if before is not None and after is not None:
            credit_before, credit_after = (
                two_afc.credit(sides[0], sides[1], part.vote) for sides in (before, after)
            )
            difference = bootstrap.difference(
                credit_before,
                credit_after,
                np.array(part.group),
                splits.resampling_clusters(self.split),
            )
        return TrialEvaluation(
            self.name,
            self._counts(),
            tuple(self.split.test.tolist()),
            _agreement(part, before),
            _agreement(part, after),
            difference,
        )

    def _counts(self) -> TrialCounts:
        split = self.split
        rows = np.concatenate([split.train, split.validation])
        decided = judgement_examples.has_majority(self.judgements.triplets, split.images)[rows]
        return TrialCounts(
            len(split.train),
            len(split.validation),
            len(split.test),
            int((~decided).sum()),
            split.across,
            split.rule,
            split.shared,
        )

    def extract(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        """Compute the features of these backbones for the images of the set."""
        _extract(self.judgements.triplets.images, names, monitor)


def _agreement(trials: Triplets, sides: Array | None) -> Agreement | None:
    """Agreement with the votes, from (2, T) similarities to the left and right images."""
    if sides is None:
        return None
    left, right = sides
    share = two_afc.credit(left, right, trials.vote)
    majority = two_afc.credit(left, right, trials.vote, counting="majority")
    return Agreement(
        two_afc.over_groups(share, trials.group),
        two_afc.over_groups(majority, trials.group),
        two_afc.by_group(share, trials.group),
    )


def open_(
    name: str,
    paradigm: str,
    *,
    subset: str = "all",
    seed: int = 0,
    split: splits.TrialRule = "images",
    monitor: Monitor = Monitor(),
) -> TrainingData:
    """The pairs or the judgements of that name, split by the seed.

    Args:
        name: of a collection or a judgement set; "pairs:NAME" or "judgements:NAME" if both exist.
        subset: of a collection's pairs.
        split: of judgements, one of `splits.GUARANTEES`.

    Raises:
        UnknownNameError: no data of that name. BadDataError: the name is ambiguous, there is too
            little data, or pairs are to be split in a way that is of judgements.
    """
    kind, plain = resolve(name)
    if kind == "judgements":
        if subset != "all":
            raise BadDataError(
                f"Subsets are of a collection's pairs, and {plain!r} is a judgement set. Leave "
                f"out the subset {subset!r}."
            )
        judgements = judgement_sets.open_(plain, monitor=monitor)
        return _open_judgements(judgements, paradigm, seed, split)
    if split != "images":
        raise BadDataError(
            f"Split {split!r} and protocol paper are of judgements, and {plain!r} is a collection "
            "of pairs, whose split never shares an image. Leave the option out."
        )
    collection = subsets.open_subset(plain, subset)
    groups, _ = duplicates.pair_groups(collection)
    parts = splits.random_split(groups, seed)
    train, validation = (
        _pair_examples(len(groups), rows) for rows in (parts.train, parts.validation)
    )
    return PairData(collection, parts, train, validation)


def resolve(name: str) -> tuple[str, str]:
    """("pairs" or "judgements", the name without prefix).

    A name that a collection without mates and a judgement set have in common means the judgements:
    the collection holds their images and nothing to learn from.

    Raises:
        UnknownNameError: no data of that name.
        BadDataError: a collection of pairs and a judgement set have the name.
    """
    for prefix, kind in ((PAIRS_PREFIX, "pairs"), (JUDGEMENTS_PREFIX, "judgements")):
        if name.startswith(prefix):
            return kind, name.removeprefix(prefix)
    collection_names = collections.names()
    set_names = [*judgement_sets.names(), judgement_sets.KNOWN]
    if name not in collection_names:
        if name in set_names:
            return "judgements", name
        options = [*collection_names, *dict.fromkeys(set_names)]
        raise unknown_name("collection or judgement set", name, options)
    if name not in set_names:
        return "pairs", name
    if collections.summary(name).paired:
        raise BadDataError(
            f"{name!r} is a collection of pairs and a judgement set. Write {PAIRS_PREFIX}{name} "
            f"or {JUDGEMENTS_PREFIX}{name}."
        )
    return "judgements", name


def training_keys(data: TrainingData) -> list[str]:
    """Content keys of the images of training and validation, second negatives included.

    Images of undecided trials are among them: only images of test trials count as unseen.
    """
    keys = [key for images in data.images for key in images.keys]
    rows = [
        rows.ravel()
        for examples in (data.train, data.validation)
        for rows in (examples.singles, examples.negatives)
    ]
    return [keys[row] for row in np.unique(np.concatenate(rows))]


def _open_judgements(
    judgements: JudgementSet, paradigm: str, seed: int, rule: splits.TrialRule
) -> JudgementData:
    try:
        trials = judgements.triplets
    except BadDataError as error:
        raise BadDataError(
            f"{judgements.name!r} can test a network but not train it: only triplets can."
        ) from error
    split = splits.split_trials(splits.trial_images(trials), seed, rule)
    train, validation = (
        judgement_examples.examples(
            judgements, split, part, fourth=paradigm == "quadruplet", seed=seed
        )
        # Without validation trials the run has a fixed number of epochs and looks at none.
        for part in ("train", "train" if rule == "all" else "validation")
    )
    return JudgementData(judgements, split, train, validation)


def _pair_examples(count: int, rows: Array) -> Examples:
    negatives = np.empty((len(rows), 0), np.int64)
    return Examples(rows, rows + count, negatives, np.concatenate([rows, rows + count]))


def _extract(images: ImageSet, names: list[str], monitor: Monitor) -> None:
    specs = [registry.get(name) for name in names]
    extraction.extract(
        images, specs, store=FeatureStore.shared(), precision="fp32", monitor=monitor
    )
