"""An experiment's answers as comparisons of two: as a CSV, and as a set of judgements by name.

An answer that chose one of several pictures says something about every pair that it is part of:
`vote` is the share that preferred the second of those who chose one of both.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore.data.answers import experiments as kept
from simcore.data.trials import catalog
from simcore.data.trials.found import Found, Roster
from simcore.data.trials.nouns import Judgements
from simcore.errors import BadDataError
from simcore.lab import collections
from simcore.types import Collection, OnProgress

KIND = "answers"  # of a set of judgements that comes from an experiment


@dataclass(frozen=True)
class Comparison:
    """One query and two pictures, by content key, and how many of `votes` preferred b."""

    query: str
    a: str
    b: str
    vote: float
    votes: int
    group: str


def triplets(name: str) -> str:
    """The CSV `query,a,b,vote,group,votes` of file names.

    Raises:
        UnknownNameError: no such experiment, or its collection is gone.
    """
    found, collection = _asked(name)
    files = {
        key: f"{path.parent.name}/{path.name}"
        for side in collection.sides()
        for key, path in zip(side.keys, side.paths, strict=True)
    }
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["query", "a", "b", "vote", "group", "votes"])
    for one in found:
        named = [files[key] for key in (one.query, one.a, one.b)]
        write.writerow([*named, f"{one.vote:g}", one.group, one.votes])
    return out.getvalue()


def judgements(
    name: str, save: str, *, on_progress: OnProgress | None = None
) -> Judgements:  # fmt: skip
    """Remember them as a set of judgements, whose pictures stay where the collection has them.

    Raises:
        UnknownNameError: no such experiment, or its collection is gone.
        BadDataError: nobody has answered yet, or the set's name is taken.
    """
    found, collection = _asked(name)
    if not found:
        raise BadDataError(
            f"found no answer to {name!r} yet; expected some; ask people first, or import answers"
        )
    roster = Roster()
    rows: dict[str, tuple[str, Path]] = {}
    for mark, side in zip(("left", "right"), collection.sides(), strict=False):
        for image, path, key in zip(side.ids, side.paths, side.keys, strict=True):
            rows.setdefault(key, (f"{mark}:{image}", path))
    items = [[roster.number(*rows[key]) for key in (c.query, c.a, c.b)] for c in found]
    made = Found(
        "triplets", roster.ids, roster.paths, np.array(items, np.int64),
        np.array([c.vote for c in found]), np.array([c.votes for c in found], np.int64),
        tuple(c.group for c in found),
        notes=("an answer among several pictures counts for every pair that it is part of",),
        credits=collection.credits,
    )  # fmt: skip
    return catalog.keep(
        lambda _: made, name=save, kind=KIND, source=_source(name),
        trim=collection.left.trim, on_progress=on_progress,
    )  # fmt: skip


def kept_as(name: str) -> list[str]:
    """The sets of judgements that were made of an experiment's answers."""
    source = _source(name)
    return [one for one in catalog.names() if catalog.summary(one)["source"] == source]


def fresh(name: str) -> str:
    """A name for the next one that nobody has."""
    taken = catalog.names()
    more = (f"{name[:60]}-{n}" for n in range(2, 1000))
    return name if name not in taken else next(one for one in more if one not in taken)


def _source(name: str) -> str:
    return f"experiment {name}"


def _asked(name: str) -> tuple[list[Comparison], Collection]:
    """The comparisons of an experiment without its catch trials, and its collection.

    Questions with pictures that the collection no longer has are left out.
    """
    experiment = kept.get(name)
    collection = collections.open_(experiment.collection)
    there = {key for side in collection.sides() for key in side.keys}
    chosen: dict[int, list[int]] = {}
    for _, number, answer in kept.given(experiment):
        chosen.setdefault(number, []).append(answer.option)
    found = []
    for question in kept.questions(experiment):
        keys = [question.query_key, *(key for _, key in question.options)]
        if question.catch or not there.issuperset(keys):
            continue
        for a, b, votes, vote in _pairs(chosen.get(question.number, []), len(keys) - 1):
            found.append(
                Comparison(keys[0], keys[a + 1], keys[b + 1], vote, votes, question.condition)
            )
    return found, collection


def _pairs(chosen: list[int], options: int) -> Iterator[tuple[int, int, int, float]]:
    counts = [chosen.count(option) for option in range(options)]
    for a in range(options):
        for b in range(a + 1, options):
            if votes := counts[a] + counts[b]:
                yield a, b, votes, counts[b] / votes
