"""Verbs on judgements: add, open, list, remove, and their images as a collection."""

from functools import lru_cache
from pathlib import Path

from simcore.data import home
from simcore.data.collections import catalog as shelf
from simcore.data.trials import catalog
from simcore.data.trials.nouns import Judgements
from simcore.errors import BadDataError, unknown
from simcore.types import Collection, OnProgress

KINDS = catalog.KINDS
KNOWN = "known"  # the set that needs no download; made when it is first asked for


def add(
    kind: str,
    path: str | Path | None = None,
    *,
    name: str,
    images: str | Path | None = None,
    size: int | None = None,
    seed: int = 0,
    grade: int = 100,
    others: bool = False,
    on_progress: OnProgress | None = None,
) -> Judgements:
    """Read a set of judgements and remember it under `name`.

    Args:
        kind: one of `KINDS`.
        path: folder, file, tar or zip; None for "known".
        images: folder of the images, where they lie apart.
        size: at most so many trials a group, drawn with `seed`; None keeps all.
        grade: least percentage of catch trials passed (hsj, birds-16).
        others: keep the further images of 8rank2 trials, for quadruplets.

    Raises:
        BadDataError: nothing usable was found, or the name is taken or not allowed.
        UnknownNameError: no such kind.
    """
    return catalog.add(
        kind,
        path,
        name=name,
        images=images,
        size=size,
        seed=seed,
        grade=grade,
        others=others,
        on_progress=on_progress,
    )


def names() -> list[str]:
    """Names of all remembered sets, sorted."""
    return catalog.names()


def listing() -> list[dict]:
    """One summary a set, as `summary` gives it."""
    return [summary(name) for name in names()]


def summary(name: str) -> dict:
    """What is known without opening it: name, kind, source, shape, trials, images, groups, votes.

    Also created (UTC), notes, credits, digest and skipped ([{"what", "reason"}]).

    Raises:
        UnknownNameError: no such set.
    """
    told = catalog.summary(name)
    skipped = [{"what": what, "reason": reason} for what, reason in told["skipped"]]
    return told | {"skipped": skipped}


def open_(name: str, *, on_progress: OnProgress | None = None) -> Judgements:
    """A set by its name; the one that needs no download is made when it is first asked for.

    Raises:
        UnknownNameError: no such set.
    """
    if name not in names():
        if name != KNOWN:
            raise unknown("set of judgements", name, [*names(), KNOWN])
        return add(KNOWN, name=KNOWN, on_progress=on_progress)
    place = home.cache() / "trials" / name / "judgements.json"
    return _open(name, str(place), place.stat().st_mtime_ns)


def remove(name: str) -> None:
    """Forget a set, and the collection that shows its images; features stay."""
    shown = _collection(name)
    catalog.remove(name)
    if shown is not None:
        shelf.remove(shown)


def collection(name: str, *, on_progress: OnProgress | None = None) -> Collection:
    """The images of a set as a collection without mates, made when it is first asked for.

    It is called like the set, or like the set with "-images" where that name is taken.

    Raises:
        UnknownNameError: no such set. BadDataError: both names are taken.
    """
    if (there := _collection(name)) is not None:
        return shelf.open(there)
    judged = open_(name)
    taken = shelf.names()
    free = next((n for n in (name, f"{name[:57]}-images") if n not in taken), None)
    if free is None:
        raise BadDataError(
            f"found collections named {name!r} and {name[:57] + '-images'!r} already; expected one "
            "of the names free for the images of these judgements; remove one"
        )
    return shelf.adopt(
        judged.trials.images,
        "judgements",
        name=free,
        source=_source(name),
        credits=judged.credits,
        on_progress=on_progress,
    )


def _collection(name: str) -> str | None:
    for one in shelf.names():
        told = shelf.summary(one)
        if told["kind"] == "judgements" and told["source"] == _source(name):
            return one
    return None


def _source(name: str) -> str:
    return f"judgements {name}"


@lru_cache(maxsize=8)
def _open(name: str, _place: str, _made: int) -> Judgements:
    return catalog.open(name)
