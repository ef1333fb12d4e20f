"""What a network can be fine-tuned on: a collection's pairs, or a set of judgements.

Either says which examples are learned from, which choose the epoch, and what the network is worth
on the ones that it never sees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simcore.data.judgements.trials import JudgementSet
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import triplets, two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.statistics import bootstrap
from simcore.lab.judgements import sets as judgements_sets
from simcore.lab.library import collections, duplicates, subsets
from simcore.learn import splits
from simcore.learn.finetune import judgement_examples
from simcore.learn.finetune.paradigms import Examples
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.results import to_dict
from simcore.types import METRICS, Array, Collection, Features, ImageSet, Monitor

PAIRS, JUDGED = "pairs:", "judgements:"  # before a name that a collection and a set share
METRIC = METRICS[0]  # what agreement is measured by, as recall of pairs is: cosine
Rows = Callable[[Array], Array]  # rows of pictures -> (n, D) float32 features


class TrainingData(Protocol):
    """Examples in three parts, over numbered pictures."""

    @property
    def name(self) -> str:
        """Of the collection or set."""

    @property
    def digest(self) -> str:
        """Changes with what is in it."""

    @property
    def images(self) -> tuple[ImageSet, ...]:
        """The pictures, one set after the other."""

    @property
    def train(self) -> Examples:
        """What is learned from."""

    @property
    def check(self) -> Examples:
        """What says when to end."""

    @property
    def parts(self) -> dict[str, int]:
        """How many there are of each, and what else was counted."""

    def worth(self, features: Rows) -> Array:
        """One value for each test pair, or test trial."""

    def result(self, before: Array | None, after: Array | None) -> dict[str, Any]:
        """Both in words, for the document of a run."""

    def lineage(self, after: Array) -> dict[str, Any]:
        """What a learned backbone remembers of it."""

    def publish(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        """Make the features of these backbones for the pictures that judge."""


@dataclass(frozen=True, eq=False)
class PairData:
    """A collection's pairs: pictures 0 to N - 1 on the left, N to 2 N - 1 on the right."""

    collection: Collection
    split: splits.Split
    train: Examples
    check: Examples

    @property
    def name(self) -> str:
        return self.collection.name

    @property
    def digest(self) -> str:
        return self.collection.digest

    @property
    def images(self) -> tuple[ImageSet, ...]:
        pairs = self.collection.pairs()
        return pairs.queries, pairs.gallery

    @property
    def parts(self) -> dict[str, int]:
        return {part: len(getattr(self.split, part)) for part in ("train", "validation", "test")}

    def worth(self, features: Rows) -> Array:
        """(T,) asymmetric ranks of the test pairs by cosine."""
        test = self.split.test
        return asymmetric_recall.ranks_of(
            features(test) @ features(test + len(self.collection.left)).T
        )

    def result(self, before: Array | None, after: Array | None) -> dict[str, Any]:
        found = {"before": before, "after": after}
        return {"collection": self.name, "pairs": self.parts} | {
            stage: None if ranks is None else asymmetric_recall.over_runs([ranks]).to_dict()
            for stage, ranks in found.items()
        }

    def lineage(self, after: Array) -> dict[str, Any]:
        ids = self.collection.left.ids
        table = asymmetric_recall.over_runs([after]).to_dict()["aR"]
        return {
            "collection": self.name,
            "test_ids": [ids[row] for row in self.split.test],
            "aR": {k: told["mean"] for k, told in table.items()},
        }

    def publish(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        for side in self.images:
            _extract(side, names, monitor)


@dataclass(frozen=True, eq=False)
class JudgementData:
    """A set of triplets; pictures are numbered as the set numbers them."""

    judged: JudgementSet
    split: splits.TrialSplit
    train: Examples
    check: Examples

    @property
    def name(self) -> str:
        return self.judged.name

    @property
    def digest(self) -> str:
        return self.judged.digest

    @property
    def images(self) -> tuple[ImageSet, ...]:
        return (self.judged.triplets.images,)

    @property
    def parts(self) -> dict[str, int]:
        split = self.split
        told = {part: len(getattr(split, part)) for part in ("train", "validation", "test")}
        learned = np.concatenate([split.train, split.validation])
        certain = judgement_examples.has_majority(self.judged.triplets, split.shown)[learned]
        return told | {"undecided": int((~certain).sum()), "across": split.across}

    def worth(self, features: Rows) -> Array:
        """(2, T) similarity of each test trial's reference to its left and right picture."""
        part = self.judged.triplets.take(self.split.test)
        used, place = np.unique(np.stack([part.ref, part.left, part.right]), return_inverse=True)
        ref, left, right = place.reshape(3, -1)
        values = Features("", np.arange(used.size), features(used), used.size)
        return np.stack(
            [triplets.pair_similarity(values, ref, side, METRIC) for side in (left, right)]
        )

    def result(self, before: Array | None, after: Array | None) -> dict[str, Any]:
        told: dict[str, Any] = {"judgements": self.name, "trials": self.parts}
        part = self.judged.triplets.take(self.split.test)
        earned: list[Array] = []
        for stage, sides in (("before", before), ("after", after)):
            told[stage] = None
            if sides is not None:
                left, right = sides
                share = two_afc.credit(left, right, part.vote)
                most = two_afc.credit(left, right, part.vote, counting="majority")
                earned.append(share)
                told[stage] = {
                    "agreement": to_dict(two_afc.over_groups(share, part.group)),
                    "majority": to_dict(two_afc.over_groups(most, part.group)),
                    "groups": {
                        group: to_dict(score)
                        for group, score in two_afc.by_group(share, part.group).items()
                    },
                }
        told["difference"] = None
        if len(earned) == 2:
            cluster = splits.connected_groups(self.split.shown[self.split.test])
            found = bootstrap.difference(earned[0], earned[1], np.array(part.group), cluster)
            told["difference"] = to_dict(found)
        return told

    def lineage(self, after: Array) -> dict[str, Any]:
        return {
            "judgements": self.name,
            "test_trials": self.split.test.tolist(),
            "agreement": self.result(None, after)["after"]["agreement"]["value"],
        }

    def publish(self, names: list[str], monitor: Monitor = Monitor()) -> None:
        _extract(self.judged.triplets.images, names, monitor)


def open_(
    name: str,
    paradigm: str,
    *,
    subset: str = "all",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> TrainingData:
    """The collection of pairs, or the set of judgements, of that name, split by the seed.

    Args:
        name: where both have it, with "pairs:" or "judgements:" in front.
        subset: of a collection's pairs.

    Raises:
        UnknownNameError: neither has it. BadDataError: both have it; or too little to learn from.
    """
    kind, plain = resolve(name)
    if kind == "judgements":
        if subset != "all":
            raise BadDataError(
                f"found the subset {subset!r} for the judgements {plain!r}; expected none, since "
                "subsets are of a collection's pairs; leave it out"
            )
        return _judged(judgements_sets.open_(plain, monitor=monitor), paradigm, seed)
    collection = subsets.open_subset(plain, subset)
    groups, _ = duplicates.pair_groups(collection)
    split = splits.random_split(groups, seed)
    train, check = (_pairs(len(groups), rows) for rows in (split.train, split.validation))
    return PairData(collection, split, train, check)


def resolve(name: str) -> tuple[str, str]:
    """("pairs" or "judgements", the name alone).

    A collection without mates has nothing to learn from, so a set of the same name goes first: it
    is the set's own pictures.

    Raises:
        UnknownNameError: no such name. BadDataError: a collection of pairs and a set both have it.
    """
    for mark, kind in ((PAIRS, "pairs"), (JUDGED, "judgements")):
        if name.startswith(mark):
            return kind, name.removeprefix(mark)
    shelf, sets = collections.names(), [*judgements_sets.names(), judgements_sets.KNOWN]
    judged = name in sets
    if name not in shelf:
        if not judged:
            raise unknown_name(
                "collection or set of judgements", name, [*shelf, *dict.fromkeys(sets)]
            )
        return "judgements", name
    if judged and collections.summary(name).paired:
        raise BadDataError(
            f"found a collection of pairs and a set of judgements both named {name!r}; expected "
            f"one; say {PAIRS}{name} or {JUDGED}{name}"
        )
    return ("judgements" if judged else "pairs"), name


def _judged(judged: JudgementSet, paradigm: str, seed: int) -> JudgementData:
    try:
        asked = judged.triplets
    except BadDataError as error:
        raise BadDataError(f"{error}; such judgements can judge a network, not teach it") from error
    split = splits.split_trials(splits.shown_images(asked), seed)
    four = paradigm == "quadruplet"
    train, check = (
        judgement_examples.examples(judged, split, part, fourth=four, seed=seed)
        for part in ("train", "validation")
    )
    return JudgementData(judged, split, train, check)


def _pairs(count: int, rows: Array) -> Examples:
    strangers = np.empty((len(rows), 0), np.int64)
    return Examples(rows, rows + count, strangers, np.concatenate([rows, rows + count]))


def learned_from(source: TrainingData) -> list[str]:
    """Content keys of the pictures of training and validation, second negatives included.

    Those of undecided judgements are among them, so that what is left is what was judged by.
    """
    keys = [key for images in source.images for key in images.keys]
    shown = [
        rows.ravel()
        for one in (source.train, source.check)
        for rows in (one.singles, one.strangers)
    ]
    return [keys[row] for row in np.unique(np.concatenate(shown))]


def _extract(images: ImageSet, names: list[str], monitor: Monitor) -> None:
    specs = [registry.get(name) for name in names]
    extraction.extract(
        images, specs, store=FeatureStore.shared(), precision="fp32", monitor=monitor
    )
