"""Storage of annotators' reviews of pairs: one row per action, undone but never changed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Integer, cast, func, select

from simcore.data.answers.database import read_session, write_session
from simcore.data.answers.schema import Judgement
from simcore.errors import BadDataError

# Actions. tag, untag: the value is the tag; note: the text, "" clears it; accept, refuse: the
# content key of another image that is an equally good mate; copy, no-copy: of a copy of the mate;
# seen: reviewed without comment.
KINDS = ("tag", "untag", "note", "accept", "refuse", "copy", "no-copy", "seen")
MOST = {"tag": 40, "untag": 40, "note": 2000}  # characters

RENAMED_TAGS = {"colour": "color"}  # as stored by older versions -> as read

BAD = frozenset({"bad pair", "duplicate"})  # pairs with these tags are excluded from recall

PairKeys = tuple[str, str]


@dataclass
class Review:
    """The current review of one pair by one annotator."""

    tags: set[str] = field(default_factory=set)
    note: str = ""
    accepted: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)

    def apply(self, kind: str, value: str) -> None:
        """Apply one more action."""
        if kind == "note":
            self.note = value
        for adds, removes, values in (
            ("tag", "untag", self.tags),
            ("accept", "refuse", self.accepted),
            ("copy", "no-copy", self.copies),
        ):
            if kind == adds:
                values.add(value)
            elif kind == removes:
                values.discard(value)


Reviews = Mapping[PairKeys, Mapping[str, Review]]  # pair -> annotator -> review


def add_review(judgement: Judgement) -> None:
    """Store one action; it is on disk when this returns.

    Raises:
        BadDataError: no such action, no annotator, or a text that is empty or too long.
    """
    kind, value = judgement.kind, judgement.value
    if kind not in KINDS:
        raise BadDataError(f"Unknown review action {kind[:40]!r}. Use one of {', '.join(KINDS)}.")
    limit = MOST.get(kind, 64)
    if len(value) > limit or (not value and kind not in {"note", "seen"}):
        raise BadDataError(f"A {kind} must have 1 to {limit} characters, not {len(value)}.")
    if not 1 <= len(judgement.annotator) <= 60:
        length = len(judgement.annotator)
        raise BadDataError(f"An annotator's name must have 1 to 60 characters, not {length}.")
    judgement.said = time.time()
    judgement.undone = False
    with write_session() as session:
        session.add(judgement)


def undo(collection: str, annotator: str) -> Judgement | None:
    """Undo an annotator's last action on a collection; None if there is none."""
    query = (
        select(Judgement)
        .where(Judgement.collection == collection, Judgement.annotator == annotator)
        .where(Judgement.undone.is_(False))
        .order_by(Judgement.id.desc())
        .limit(1)
    )
    with write_session() as session:
        judgement = session.scalar(query.with_for_update())
        if judgement is not None:
            judgement.undone = True
    return judgement


def judgements(collection: str) -> list[Judgement]:
    """All actions on a collection that were not undone, in order."""
    query = select(Judgement).where(Judgement.collection == collection)
    with read_session() as session:
        rows = session.scalars(query.where(Judgement.undone.is_(False)).order_by(Judgement.id))
        actions = list(rows)
        session.expunge_all()  # stored rows never change
    for action in actions:
        if action.kind in {"tag", "untag"}:
            action.value = RENAMED_TAGS.get(action.value, action.value)
    return actions


def current_reviews(collection: str) -> Reviews:
    """{pair: {annotator: review}}, from all actions that were not undone."""
    reviews: dict[PairKeys, dict[str, Review]] = {}
    for judgement in judgements(collection):
        pair = reviews.setdefault((judgement.query_key, judgement.mate_key), {})
        pair.setdefault(judgement.annotator, Review()).apply(judgement.kind, judgement.value)
    return reviews


def last_change(collection: str) -> int:
    """A number that changes with every action on a collection and every undo."""
    of_collection = Judgement.collection == collection
    query = select(func.count(), func.coalesce(func.sum(cast(Judgement.undone, Integer)), 0))
    with read_session() as session:
        count, undone = session.execute(query.where(of_collection)).one()
    return int(count) * 2_000_003 + int(undone)


def agreed_reviews(reviews: Reviews) -> dict[PairKeys, set[str]]:
    """{pair: tags that at least half of its reviewers gave}."""
    return {
        pair: most([review.tags for review in by_annotator.values()])
        for pair, by_annotator in reviews.items()
    }


def most(sets: Sequence[set[str]]) -> set[str]:
    """The items that at least half of the sets contain.

    >>> sorted(most([{"a", "b"}, {"b"}, set()])), sorted(most([{"a"}, set()]))
    (['b'], ['a'])
    """
    items: set[str] = set().union(*sets)
    return {item for item in items if 2 * sum(item in group for group in sets) >= len(sets)}


def bad_pairs(collection: str) -> set[PairKeys]:
    """The pairs that at least half of their annotators tagged as bad or duplicate."""
    return {
        pair for pair, tags in agreed_reviews(current_reviews(collection)).items() if tags & BAD
    }
