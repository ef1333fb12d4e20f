"""Review of failure cases: the queue, annotators' tags and accepted mates, undo, the summary."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore import memory
from simcore.data.answers import review_store
from simcore.data.answers.review_store import PairKeys, Reviews
from simcore.data.answers.review_store import Review as Review
from simcore.data.answers.review_store import current_reviews as current_reviews
from simcore.data.answers.schema import Judgement
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import inter_annotator
from simcore.evaluate.retrieval.recall import recall_at
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features, similarity, subsets
from simcore.recipe import Question, Recipe
from simcore.results import Result, Table
from simcore.sim import rank
from simcore.types import Array, Collection

# What makes two images look alike, and what is wrong with a pair (from the papers' discussions).
# Tags are stored as they are written here; `review_store` renames those of older versions.
FACETS = (
    "color",
    "shape",
    "texture",
    "pose",
    "layout",
    "face",
    "expression",
    "semantic part",
    "duplicate",
    "bad pair",
)

KS = (1, 5, 10)
SO_FAR_SECONDS = 0.5  # of ranking, after each tag


@dataclass(frozen=True)
class FailureCase:
    """A query whose mate is not at rank 1.

    Attributes:
        query: id of the left image.
        rank: of its mate.
        margin: similarity of the best other image minus that of the mate; NaN without evidence
            about the mate.
    """

    query: str
    rank: int
    margin: float


def queue(name: str, recipe: Recipe) -> list[FailureCase]:
    """The failures of a recipe, largest margin first.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = collections.open_(name)
    (outcomes,) = recall.outcomes_of_each(Question(name, (recipe,)))
    ranks, margin = outcomes.ranks, outcomes.margins
    failed = np.flatnonzero(ranks > 1)
    order = np.argsort(-np.nan_to_num(margin[failed], nan=-np.inf), kind="stable")
    ids = collection.left.ids
    return [FailureCase(ids[i], int(ranks[i]), float(margin[i])) for i in failed[order]]


def pair(name: str, query: str) -> tuple[PairKeys, str]:
    """The content keys of a query and its mate, and the mate's id.

    Raises:
        UnknownNameError: no such query.
    """
    pairs = pairs_of(collections.open_(name))
    if query not in pairs:
        raise unknown_name(f"image in {name!r}", query, pairs)
    return pairs[query]


def pairs_of(collection: Collection) -> Mapping[str, tuple[PairKeys, str]]:
    """Query id -> (content keys of the query and its mate, the mate's id)."""
    return memory.get(("pairs by query", collection.digest), lambda: dict(_by_query(collection)))


def _by_query(collection: Collection) -> Iterator[tuple[str, tuple[PairKeys, str]]]:
    pairs = collection.pairs()
    mates = pairs.gallery.take(pairs.target)
    keys = zip(pairs.queries.keys, mates.keys, strict=True)
    yield from zip(pairs.queries.ids, zip(keys, mates.ids, strict=True), strict=True)


def add_review(name: str, query: str, annotator: str, kind: str, value: str = "") -> None:
    """Store one review action; it is on disk when this returns.

    Args:
        query: id of the left image of the pair.
        kind: one of `review_store.KINDS`.
        value: the tag, the note, or the id of a right image (accept, refuse, copy, no-copy).

    Raises:
        BadDataError: an unknown kind, a name, tag or note that is empty or too long, or the mate
            itself given as another mate.
        UnknownNameError: no such query or right image.
    """
    (query_key, mate_key), mate = pair(name, query)
    stored = " ".join(value.split())
    if kind in {"accept", "refuse", "copy", "no-copy"}:
        gallery = collections.open_(name).pairs().gallery
        if stored not in gallery.row_of:
            raise unknown_name(f"right image in {name!r}", stored, gallery.ids)
        stored = gallery.keys[gallery.row_of[stored]]
        if stored == mate_key:
            raise BadDataError(f"{mate!r} is the mate itself. Choose another right image.")
    elif kind == "note":
        stored = value.strip()
    review_store.add_review(
        Judgement(
            collection=name,
            query=query,
            query_key=query_key,
            mate=mate,
            mate_key=mate_key,
            annotator=" ".join(annotator.split()),
            kind=kind,
            value=stored,
        )
    )


def undo(name: str, annotator: str) -> str | None:
    """Undo an annotator's last action; returns the id of its query, None if there was none."""
    action = review_store.undo(name, " ".join(annotator.split()))
    return None if action is None else action.query


def own_tags(reviews: Reviews) -> list[str]:
    """Tags beyond `FACETS` that annotators use, sorted."""
    used = {tag for by in reviews.values() for review in by.values() for tag in review.tags}
    return sorted(used - set(FACETS))


def export(name: str) -> Table:
    """All review actions that were not undone, one per row.

    Raises:
        UnknownNameError: no such collection.
    """
    collections.open_(name)
    return Table(
        ("query", "mate", "annotator", "kind", "value", "said", "query_key", "mate_key"),
        tuple(
            (
                action.query,
                action.mate,
                action.annotator,
                action.kind,
                action.value,
                f"{action.said:.3f}",
                action.query_key,
                action.mate_key,
            )
            for action in review_store.judgements(name)
        ),
    )


@dataclass(frozen=True)
class Annotator:
    """An annotator and the number of pairs that they reviewed."""

    name: str
    pairs: int


@dataclass(frozen=True)
class TagAgreement:
    """Agreement on one tag over the pairs with two or more reviews.

    Attributes:
        same: share of these pairs on which all agree.
        alpha: Krippendorff's, nominal; None if it is undefined.
    """

    tag: str
    pairs: int
    same: float
    alpha: float | None


@dataclass(frozen=True)
class RecallAtKs:
    """Recall at several k with 95 % intervals, by k as text."""

    pairs: int
    recall: Mapping[str, float]
    ci95: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class ReviewedRecall:
    """Recall of a recipe as it is, without bad pairs, and with other mates accepted as well."""

    recipe: str
    as_it_is: RecallAtKs
    without_bad_pairs: RecallAtKs
    others_accepted: RecallAtKs


@dataclass(frozen=True)
class TaggedRecall:
    """One backbone on the pairs with a tag; the median rank says most where hits are few."""

    hits: int
    recall_10: float
    median_rank: float


@dataclass(frozen=True)
class Facet:
    """One tag: how many pairs have it, and how each backbone does on them."""

    tag: str
    pairs: int
    backbones: Mapping[str, TaggedRecall]


@dataclass(frozen=True)
class ReviewSummary(Result):
    """What `simcore review summary` prints.

    Attributes:
        left_out: pairs that at least half of their annotators tagged as bad or duplicate.
    """

    collection: str
    pairs: int
    reviewed: int
    annotators: tuple[Annotator, ...]
    agreement: tuple[TagAgreement, ...]
    left_out: int
    recall: tuple[ReviewedRecall, ...]
    facets: tuple[Facet, ...]


def summary(name: str, queried: Sequence[Recipe]) -> ReviewSummary:
    """What the reviews of a collection show.

    A tag, another mate or a copy counts if at least half of a pair's annotators gave it.

    Args:
        queried: whose recall is reported; those of single backbones also by tag.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection, reviews = collections.open_(name), current_reviews(name)
    tags = review_store.agreed_reviews(reviews)
    singles = [recipe for recipe in queried if recipe.combine == "none"]
    return ReviewSummary(
        collection=name,
        pairs=len(collection.left),
        reviewed=len(reviews),
        annotators=_annotators(reviews),
        agreement=_agreement(reviews),
        left_out=len(collection.left) - len(subsets.open_subset(name, "reviewed").left),
        recall=tuple(_recall(name, recipe, reviews) for recipe in queried),
        facets=_facets(collection, singles, tags),
    )


def recall_so_far(name: str, recipe: Recipe) -> ReviewedRecall | None:
    """The recall of one recipe with what annotators have tagged by now.

    Without a pair the scale of a z-sum changes, so that all mates have to be ranked again: None
    where that takes longer than `SO_FAR_SECONDS`, since it happens while somebody tags.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    question = Question(name, (recipe,), subset="reviewed")
    if recall.seconds(question) > SO_FAR_SECONDS:
        return None
    return _recall(name, recipe, current_reviews(name))


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for the `summary` of a question's recipes.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    return recall.is_quick(replace(question, subset="reviewed"))


def _annotators(reviews: Reviews) -> tuple[Annotator, ...]:
    names = sorted({name for by in reviews.values() for name in by})
    return tuple(Annotator(n, sum(n in by for by in reviews.values())) for n in names)


def _agreement(reviews: Reviews) -> tuple[TagAgreement, ...]:
    shared = [by for by in reviews.values() if len(by) >= 2]
    tags = sorted({tag for by in shared for review in by.values() for tag in review.tags})
    rows = []
    for tag in tags:
        votes = [[tag in review.tags for review in by.values()] for by in shared]
        counts = np.array([[len(row) - sum(row), sum(row)] for row in votes])
        same = float(np.mean([len(set(row)) == 1 for row in votes]))
        alpha = inter_annotator.krippendorff_alpha(counts)
        rows.append(TagAgreement(tag, len(shared), same, alpha))
    return tuple(rows)


def _recall(name: str, recipe: Recipe, reviews: Reviews) -> ReviewedRecall:
    reviewed = subsets.open_subset(name, "reviewed")
    ranks = recall.ranks(name, recipe, subset="reviewed")
    accepted = _accepted_columns(reviewed, reviews)
    return ReviewedRecall(
        recipe=recipe.label,
        as_it_is=_recall_at_ks(recall.ranks(name, recipe)),
        without_bad_pairs=_recall_at_ks(ranks),
        others_accepted=_recall_at_ks(_best_accepted(reviewed, recipe, ranks, accepted)),
    )


def _rows(collection: Collection) -> dict[PairKeys, int]:
    return {keys: row for row, (keys, _) in enumerate(pairs_of(collection).values())}


def _accepted_columns(collection: Collection, reviews: Reviews) -> dict[int, list[int]]:
    """Row -> gallery columns of images that annotators accept as mates or copies of it."""
    rows = _rows(collection)
    columns: dict[str, int] = {}
    for column, key in enumerate(collection.pairs().gallery.keys):
        columns.setdefault(key, column)
    accepted = {}
    for pair_keys, by in reviews.items():
        keys = review_store.most([review.accepted | review.copies for review in by.values()])
        present = [columns[key] for key in sorted(keys) if key in columns]
        if pair_keys in rows and present:
            accepted[rows[pair_keys]] = present
    return accepted


def _best_accepted(
    collection: Collection, recipe: Recipe, ranks: Array, accepted: Mapping[int, Sequence[int]]
) -> Array:
    """(Q,) the best rank among the mate and the accepted images."""
    if not accepted:
        return ranks
    pairs, best = collection.pairs(), ranks.copy()
    queries = {b: features.for_side(collection, pairs.queries, b) for b in recipe.backbones}
    for row, columns in accepted.items():
        query = {name: each.take(np.array([row])) for name, each in queries.items()}
        values = similarity.recipe_row(collection, recipe, "lr", query)
        others = rank.mate_ranks(np.tile(values, (len(columns), 1)), np.array(columns))
        best[row] = min(best[row], int(others.min()))
    return best


def _recall_at_ks(ranks: Array) -> RecallAtKs:
    scores = {str(k): recall_at(ranks, k) for k in KS if k <= max(len(ranks), 1)}
    return RecallAtKs(
        pairs=len(ranks),
        recall={k: score.value for k, score in scores.items()},
        ci95={k: (score.low, score.high) for k, score in scores.items()},
    )


def _facets(
    collection: Collection, singles: Sequence[Recipe], tags: Mapping[PairKeys, set[str]]
) -> tuple[Facet, ...]:
    rows = _rows(collection)
    by_tag: dict[str, list[int]] = {}
    for pair_keys, agreed in tags.items():
        for tag in agreed if pair_keys in rows else ():
            by_tag.setdefault(tag, []).append(rows[pair_keys])
    ranks = {recipe.backbones[0]: recall.ranks(collection.name, recipe) for recipe in singles}
    order = {tag: n for n, tag in enumerate(FACETS)}
    return tuple(
        Facet(
            tag,
            len(by_tag[tag]),
            {name: _tagged_recall(of[np.array(by_tag[tag])]) for name, of in ranks.items()},
        )
        for tag in sorted(by_tag, key=lambda tag: (order.get(tag, len(order)), tag))
    )


def _tagged_recall(ranks: Array) -> TaggedRecall:
    return TaggedRecall(
        hits=int((ranks == 1).sum()),
        recall_10=float((ranks <= 10).mean()),
        median_rank=float(np.median(ranks)),
    )
