"""What a network can be fine-tuned on: pairs, judgements, or single images.

All give examples for training and validation, and test a network on pairs or trials without
training images.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from simcore.errors import BadDataError, unknown_name
from simcore.lab.judgements import sets as judgement_sets
from simcore.lab.learning import judgement_data, pair_data, single_image_data
from simcore.lab.library import collections
from simcore.results import Table
from simcore.training import splits
from simcore.training.finetune.paradigms import EmbedRows, Examples
from simcore.types import JSON, Array, ImageSet, Monitor

# Before a name that a collection and a judgement set have in common.
PAIRS_PREFIX, JUDGEMENTS_PREFIX = "pairs:", "judgements:"


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


def open_(
    name: str,
    paradigm: str,
    *,
    subset: str = "all",
    seed: int = 0,
    split: splits.TrialRule = "images",
    monitor: Monitor = Monitor(),
) -> TrainingData:
    """The pairs, the judgements or the single images of that name, split by the seed.

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
        return judgement_data.open_(plain, paradigm, seed=seed, rule=split, monitor=monitor)
    if not collections.summary(plain).paired:
        if subset != "all":
            raise BadDataError(
                f"Subsets are of pairs, and {plain!r} holds single images. Leave out {subset!r}."
            )
        return single_image_data.open_(plain, paradigm, seed=seed, rule=split)
    if split != "images":
        raise BadDataError(
            f"Split {split!r} and protocol paper are of judgements, and {plain!r} is a collection "
            "of pairs, whose split never shares an image. Leave the option out."
        )
    return pair_data.open_(plain, subset=subset, seed=seed, monitor=monitor)


def resolve(name: str) -> tuple[str, str]:
    """("pairs" or "judgements", the name without prefix); a collection without mates is "pairs".

    A name that such a collection and a judgement set have in common means the judgements, whose
    images the collection holds.

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
