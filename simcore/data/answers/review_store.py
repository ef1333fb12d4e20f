"""Keeping what annotators say of pairs: one row a saying, taken back but never changed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Integer, cast, func, select

from simcore.data.answers.database import read_session, write_session
from simcore.data.answers.schema import Judgement
from simcore.errors import BadDataError

# tag and untag: value = the tag; note: the text, "" clears it; accept and refuse: the content key
# of another picture that is as good a mate; copy and no-copy: of one that is the mate once more;
# seen: looked at, nothing to say.
KINDS = ("tag", "untag", "note", "accept", "refuse", "copy", "no-copy", "seen")
MOST = {"tag": 40, "untag": 40, "note": 2000}  # characters

BAD = frozenset({"bad pair", "duplicate"})  # tags of pairs that a fair count leaves out

PairKeys = tuple[str, str]


@dataclass
class Review:
    """What one annotator says of one pair, all sayings together."""

    tags: set[str] = field(default_factory=set)
    note: str = ""
    accepted: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)

    def hear(self, kind: str, value: str) -> None:
        """Take one more saying into account."""
        if kind == "note":
            self.note = value
        for gives, takes, held in (
            ("tag", "untag", self.tags),
            ("accept", "refuse", self.accepted),
            ("copy", "no-copy", self.copies),
        ):
            if kind == gives:
                held.add(value)
            elif kind == takes:
                held.discard(value)


def add_review(judgement: Judgement) -> None:
    """Keep one saying; it is on disk when this returns.

    Raises:
        BadDataError: no such kind, no annotator, or a text that is empty or too long.
    """
    kind, value = judgement.kind, judgement.value
    if kind not in KINDS:
        raise BadDataError(f"found a judgement {kind[:40]!r}; expected one of {', '.join(KINDS)}")
    most = MOST.get(kind, 64)
    if len(value) > most or (not value and kind not in {"note", "seen"}):
        raise BadDataError(f"found a {kind} of {len(value)} characters; expected 1 to {most}")
    if not 1 <= len(judgement.annotator) <= 60:
        raise BadDataError(
            f"found an annotator's name of {len(judgement.annotator)} characters; expected 1 to 60"
        )
    judgement.said = time.time()
    judgement.undone = False
    with write_session() as session:
        session.add(judgement)


def undo(collection: str, annotator: str) -> Judgement | None:
    """Take back the last thing that an annotator said of a collection; None where there is none."""
    mine = (
        select(Judgement)
        .where(Judgement.collection == collection, Judgement.annotator == annotator)
        .where(Judgement.undone.is_(False))
        .order_by(Judgement.id.desc())
        .limit(1)
    )
    with write_session() as session:
        found = session.scalar(mine.with_for_update())
        if found is not None:
            found.undone = True
    return found


def judgements(collection: str) -> list[Judgement]:
    """All that was said of a collection and not taken back, in order."""
    wanted = select(Judgement).where(Judgement.collection == collection)
    with read_session() as session:
        kept = session.scalars(wanted.where(Judgement.undone.is_(False)).order_by(Judgement.id))
        return list(kept)


def current_reviews(collection: str) -> dict[PairKeys, dict[str, Review]]:
    """{pair: {annotator: what they say}}, from everything that was not taken back."""
    found: dict[PairKeys, dict[str, Review]] = {}
    for one in judgements(collection):
        pair = found.setdefault((one.query_key, one.mate_key), {})
        pair.setdefault(one.annotator, Review()).hear(one.kind, one.value)
    return found


def last_change(collection: str) -> int:
    """Changes whenever something is said of a collection or taken back."""
    mine = Judgement.collection == collection
    said = select(func.count(), func.coalesce(func.sum(cast(Judgement.undone, Integer)), 0))
    with read_session() as session:
        many, undone = session.execute(said.where(mine)).one()
    return int(many) * 2_000_003 + int(undone)


def agreed_reviews(standing: Mapping[PairKeys, Mapping[str, Review]]) -> dict[PairKeys, set[str]]:
    """{pair: tags that at least half of those who looked at it gave}."""
    return {pair: most([one.tags for one in said.values()]) for pair, said in standing.items()}


def most(sets: Sequence[set[str]]) -> set[str]:
    """What at least half of the sets hold.

    >>> sorted(most([{"a", "b"}, {"b"}, set()])), sorted(most([{"a"}, set()]))
    (['b'], ['a'])
    """
    every: set[str] = set().union(*sets)
    return {item for item in every if 2 * sum(item in one for one in sets) >= len(sets)}


def bad_pairs(collection: str) -> set[PairKeys]:
    """The pairs that at least half of their annotators call bad or doubled."""
    return {
        pair for pair, tags in agreed_reviews(current_reviews(collection)).items() if tags & BAD
    }
