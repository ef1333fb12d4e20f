"""Trials whose every image is there and can be decoded; what is left out is counted and named."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simcore.data.collections.reading import read_all
from simcore.data.trials.found import Found
from simcore.data.trials.sets import draw
from simcore.errors import BadDataError
from simcore.types import Array, OnProgress, Skipped


def usable(
    found: Found, size: int | None, seed: int, on_progress: OnProgress | None, trim: int = 0
) -> tuple[Found, tuple[str, ...]]:
    """Trials that can be shown, over the images that they use, and the content keys of these.

    Args:
        size: at most so many trials a group, drawn from those whose images are there.
        trim: rows to cut from the bottom of every image.

    Raises:
        BadDataError: not one trial is left.
    """
    if not found.group:
        raise BadDataError("found no trial; expected at least one; look at the files")
    there = np.array([path.is_file() for path in found.paths], bool)

    def absent(image: int) -> str:
        return f"found no file {found.paths[image]}; expected the image; add it"

    kept = _without(found, ~there, absent, "missing")
    if size is not None:
        kept = _rows(kept, draw(kept.group, size, seed))
    seen = read_all([kept.paths[i] for i in _used(kept)], trim, on_progress)
    bad = np.array([path in seen and bool(seen[path].wrong) for path in kept.paths], bool)
    paths = kept.paths
    kept = _without(kept, bad, lambda image: seen[paths[image]].wrong, "unusable")
    used = _used(kept)
    place = np.full(len(kept.ids) + 1, -1, np.int64)  # the last place serves -1
    place[used] = np.arange(used.size)
    kept = replace(
        kept,
        ids=tuple(kept.ids[i] for i in used),
        paths=tuple(kept.paths[i] for i in used),
        items=place[kept.items],
        others=place[kept.others],
    )
    return kept, tuple(seen[path].key for path in kept.paths)


def _used(found: Found) -> Array:
    """Sorted rows of the images that some trial shows."""
    return np.unique(np.concatenate([found.items.ravel(), found.others[found.others >= 0]]))


def _rows(found: Found, rows: Array) -> Found:
    return replace(
        found,
        items=found.items[rows],
        vote=found.vote[rows],
        votes_n=found.votes_n[rows],
        group=tuple(found.group[i] for i in rows),
        others=found.others[rows] if found.others.size else found.others,
    )


def _without(found: Found, bad: Array, why: Callable[[int], str], word: str) -> Found:
    """Leaves out trials with a bad image; a bad one among the `others` is only taken out there.

    Raises:
        BadDataError: no trial is left.
    """
    uses = np.bincount(found.items[bad[found.items]], minlength=bad.size)
    named = np.flatnonzero(bad & ((uses > 0) | np.isin(np.arange(len(bad)), found.others)))
    if not named.size:
        return found
    lost = bad[found.items].any(axis=1)
    if lost.all():
        raise BadDataError(
            f"found no usable trial: {named.size:,} images are {word} ({why(int(named[0]))}); "
            "expected the images that the trials speak of; check the folder"
        )
    others = np.where((found.others >= 0) & bad[found.others], -1, found.others)
    note = f"{named.size:,} {word} images; {int(lost.sum()):,} of {lost.size:,} trials left out"
    told = [
        Skipped(found.ids[i], f"{why(int(i))} ({int(uses[i]):,} trials need it)") for i in named
    ]
    return replace(
        _rows(replace(found, others=others), np.flatnonzero(~lost)),
        notes=(*found.notes, note),
        skipped=(*found.skipped, *told),
    )
