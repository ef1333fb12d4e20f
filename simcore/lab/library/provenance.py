"""What a learned backbone was shown, and so what may no longer judge it.

Pictures are known by their content, so it does not matter in which collection or set they lie.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from simcore.data import images
from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.lab.library import collections
from simcore.models import lineage
from simcore.types import Collection

UNSEEN = "unseen:"  # and a learned backbone's name: what shows no picture that it was shown


def training_overlap_warning(collection: str, models: Sequence[str], subset: str) -> str:
    """A sentence where numbers are about pairs that a backbone was learned from; else empty."""
    guilty = [
        name
        for name in trained_here(collections.open_(collection))
        if name in models and subset != f"unseen:{name.removeprefix(lineage.PREFIX)}"
    ]
    if not guilty:
        return ""
    own = guilty[0].removeprefix(lineage.PREFIX)
    return (
        f"{', '.join(guilty)} was learned from some of these very pairs, so its numbers are far "
        f"too good; the pairs that it never saw are the subset unseen:{own}"
    )


def overlap(name: str, keys: Iterable[str]) -> frozenset[str]:
    """The pictures among some that a learned backbone was learned from; none of any other."""
    if not name.startswith(lineage.PREFIX):
        return frozenset()
    return lineage.training_images(name) & {images.picture(key) for key in keys}


def trained_on_any(names: Iterable[str], keys: Sequence[str]) -> list[str]:
    """Those of some backbones that were learned from some of these pictures."""
    known = frozenset(images.picture(key) for key in keys)
    return [
        name
        for name in names
        if name.startswith(lineage.PREFIX) and lineage.training_images(name) & known
    ]


def require_unseen(what: str, digest: str, keys: Sequence[str], names: Sequence[str]) -> None:
    """What was learned from some pictures cannot be judged on them again.

    Args:
        what, digest: the collection or set of judgements. keys: of its pictures.
        names: backbones to start from.

    Raises:
        BadDataError: one of the backbones was.
    """
    whole = digest.partition("-")[0]
    for name in names:
        told = lineage.lineage(name) if name.startswith(lineage.PREFIX) else {}
        if told.get("digest", "").partition("-")[0] == whole or overlap(name, keys):
            raise BadDataError(
                f"found that {name} was learned from pictures of {what!r}, which would "
                "judge it again; leave it out, or learn on other data"
            )


def subsets(judged: JudgementSet) -> dict[str, str]:
    """Parts of a set of judgements, and what they hold: all, and what a learned backbone never saw.

    Backbones that were learned from none of its pictures are not among them.
    """
    found = {"all": "every trial"}
    if isinstance(judged.trials, Triplets):
        for name in trained_on_any(lineage.names(), judged.trials.images.keys):
            stem = name.removeprefix(lineage.PREFIX)
            found[UNSEEN + stem] = f"the trials with no picture that {name} was learned from"
    return found


def unseen_part(judged: JudgementSet, subset: str) -> JudgementSet:
    """The trials of a subset, over the pictures that they show.

    Raises:
        UnknownNameError: no such subset. BadDataError: no trial is left, or no triplets.
    """
    if subset == "all":
        return judged
    if not subset.startswith(UNSEEN):
        raise unknown_name("subset", subset, list(subsets(judged)))
    known = lineage.training_images(subset.removeprefix(UNSEEN))
    asked = judged.triplets
    shown = np.array([images.picture(key) in known for key in asked.images.keys], bool)
    rows = np.flatnonzero(~(shown[asked.ref] | shown[asked.left] | shown[asked.right]))
    if not rows.size:
        name = lineage.PREFIX + subset.removeprefix(UNSEEN)
        raise BadDataError(
            f"found that every trial of {judged.name!r} shows a picture that {name} was learned "
            "from; expected some that show none; judge it by another set"
        )
    return judged if rows.size == len(asked) else triplet_sets.part(judged, rows)


def trained_on_warning(judged: JudgementSet, models: Iterable[str]) -> str:
    """A sentence where scores are about pictures that a backbone was learned from; else empty.

    Args:
        judged: those that are scored, which may be a `part`.
    """
    guilty = trained_on_any(models, judged.trials.images.keys)
    if not guilty:
        return ""
    return (
        f"{', '.join(guilty)} was learned from some of these very pictures, so its scores are far "
        f"too good; the trials that it never saw are the subset {UNSEEN}"
        f"{guilty[0].removeprefix(lineage.PREFIX)}"
    )


def trained_here(collection: Collection) -> list[str]:
    """Learned backbones that some pictures of a collection were shown to, as pairs or otherwise."""
    keys = [key for side in collection.sides() for key in side.keys]
    by_digest = {
        name
        for name in lineage.names()
        if lineage.lineage(name)["digest"].startswith(collection.digest)
    }
    by_content = trained_on_any(lineage.names(), keys)
    return [name for name in lineage.names() if name in by_digest or name in by_content]
