"""Which images a learned backbone was trained on, and so what cannot judge it.

Images are compared by content, whatever collection or judgement set they belong to.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from simcore import memory
from simcore.data import images
from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.lab.library import collections
from simcore.models import lineage
from simcore.recipe import split_subset
from simcore.types import Collection, Labels

UNSEEN = "unseen:"  # + NAME: a subset without the training images of learned:NAME


def training_overlap_warning(collection: str, models: Sequence[str], subset: str) -> str:
    """A warning if some of the pairs are training pairs of a backbone, else ""."""
    trained = [
        name
        for name in trained_here(collections.open_(collection))
        if name in models and split_subset(subset)[0] != _unseen_subset(name)
    ]
    return _warning(trained, "pairs", "numbers")


def trained_on_warning(judgements: JudgementSet, models: Iterable[str]) -> str:
    """A warning if a backbone was trained on images of these judgements, else "".

    Args:
        judgements: a set, or the `unseen_part` of one.
    """
    trained = trained_on_any(models, judgements.trials.images.keys)
    return _warning(trained, "images", "scores")


def _warning(names: Sequence[str], data: str, numbers: str) -> str:
    if not names:
        return ""
    verb, whose = ("was", "its") if len(names) == 1 else ("were", "their")
    return (
        f"{', '.join(names)} {verb} trained on some of these {data}, so {whose} {numbers} are "
        f"optimistically biased. The subset {_unseen_subset(names[0])} leaves out what "
        f"{names[0]} was trained on."
    )


def _unseen_subset(name: str) -> str:
    return UNSEEN + name.removeprefix(lineage.PREFIX)


def trained_on_any(names: Iterable[str], keys: Sequence[str]) -> list[str]:
    """The backbones among `names` that were trained on some of these images."""
    learned = [name for name in names if name.startswith(lineage.PREFIX)]
    if not learned:
        return []
    pictures = frozenset(images.picture(key) for key in keys)
    return [name for name in learned if lineage.training_images(name) & pictures]


def trained_here(collection: Collection) -> list[str]:
    """Learned backbones that were trained on images of a collection, as pairs or otherwise."""
    names = lineage.names()
    if not names:
        return []
    sides = collection.sides()
    pictures = memory.get(
        ("pictures", *(side.digest for side in sides)),
        lambda: frozenset(images.picture(key) for side in sides for key in side.keys),
    )
    return [
        name
        for name in names
        if lineage.read(name).digest.startswith(collection.digest)
        or not pictures.isdisjoint(lineage.training_images(name))
    ]


def require_unseen(data: str, digest: str, keys: Sequence[str], names: Sequence[str]) -> None:
    """Refuse to train further on images that a backbone was trained on before.

    The new split would test the result on images that its base was trained on.

    Args:
        data, digest: the collection or judgement set. keys: of its images.
        names: backbones to start from.

    Raises:
        BadDataError: one of the backbones was trained on some of the images.
    """
    collection_digest = digest.partition("-")[0]  # without the mark of a subset
    for name in names:
        if not name.startswith(lineage.PREFIX):
            continue
        same_data = lineage.read(name).digest.partition("-")[0] == collection_digest
        if same_data or trained_on_any([name], keys):
            raise BadDataError(
                f"{name} was trained on images of {data!r}, so they cannot judge it again. Leave "
                "it out, or train on other data."
            )


def subsets(judgements: JudgementSet) -> Labels:
    """{subset: description} of a judgement set: "all", and "unseen:NAME" of learned backbones.

    Only backbones that were trained on some of its images are listed.
    """
    descriptions = {"all": "every trial"}
    if isinstance(judgements.trials, Triplets):
        for name in trained_on_any(lineage.names(), judgements.trials.images.keys):
            text = f"the trials without images that {name} was trained on"
            descriptions[_unseen_subset(name)] = text
    return descriptions


def unseen_part(judgements: JudgementSet, subset: str) -> JudgementSet:
    """The trials of a subset and the images that they show.

    Raises:
        UnknownNameError: no such subset. BadDataError: no trial is left, or no triplets.
    """
    if subset == "all":
        return judgements
    if not subset.startswith(UNSEEN):
        raise unknown_name("subset", subset, list(subsets(judgements)))
    seen = lineage.training_images(subset.removeprefix(UNSEEN))
    triplets = judgements.triplets
    trained = np.array([images.picture(key) in seen for key in triplets.images.keys], bool)
    rows = np.flatnonzero(
        ~(trained[triplets.ref] | trained[triplets.left] | trained[triplets.right])
    )
    if not rows.size:
        name = lineage.PREFIX + subset.removeprefix(UNSEEN)
        raise BadDataError(
            f"Every trial of {judgements.name!r} shows an image that {name} was trained on. Judge "
            "it with another set."
        )
    return judgements if rows.size == len(triplets) else triplet_sets.part(judgements, rows)
