"""Collections in the Python API: added under a name, opened and listed by it."""

from pathlib import Path

from simcore.lab.library import collections
from simcore.lab.library.collections import CollectionSummary
from simcore.types import Collection, Monitor


def add(
    kind: str,
    path: Path | str | None = None,
    *,
    name: str,
    votes: Path | str | None = None,
    trim: int = 0,
    ignore_profiles: bool = False,
    monitor: Monitor = Monitor(),
) -> Collection:
    """Add a collection of images under a name.

    Args:
        kind: "tll", "pairs", "images" or "emoji", as for `simcore collections add`.
        path: a folder, a zip or a CSV; None for "emoji".
        votes: a CSV with the columns id, wins, fails.
        trim: rows cut from the bottom of every image, in px.
        ignore_profiles: leave colors as stored; by default embedded color profiles become sRGB.

    Raises:
        BadDataError: the name is taken, or the path has no usable image of that kind.
    """
    return collections.add(
        kind,
        path,
        name=name,
        votes=votes,
        trim=trim,
        ignore_profiles=ignore_profiles,
        monitor=monitor,
    )


def open_collection(name: str) -> Collection:
    """A collection that was added before.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return collections.open_(name)


def list_collections() -> list[CollectionSummary]:
    """What is recorded about every collection."""
    return collections.listing()
