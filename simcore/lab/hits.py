"""What is looked for, and what one recipe finds."""

from dataclasses import dataclass

from simcore.data.ann import Index
from simcore.errors import BadDataError
from simcore.specs import Recipe
from simcore.types import Array


@dataclass(frozen=True)
class Query:
    """What is asked for: an image of the collection by its id, or the bytes of any image file."""

    id: str | None = None
    image: bytes | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.image is None):
            raise BadDataError("found a query with both or neither of id and image; give one")


@dataclass(frozen=True, eq=False)
class Hits:
    """What one recipe finds for one query.

    Attributes:
        ids, keys: (k,) gallery images, most alike first.
        scores: (k,) similarity, higher = more alike.
        mate_id, mate_key, mate_rank, mate_score: the true mate, rank 1 = first, ties counted ahead
            of it; None where no mate is known or nothing is known about it.
        gallery: G, how many images were ranked.
        note: a sentence when evidence is missing or the search is approximate, else "".
        index: the index that the search went through, with its measured recall; None where
            everything was compared. Then the mate has a rank only if it is among the hits.
    """

    recipe: Recipe
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    scores: Array
    mate_id: str | None
    mate_key: str | None
    mate_rank: int | None
    mate_score: float | None
    gallery: int
    note: str
    index: Index | None = None

    def json(self) -> dict:
        """One row of the document that `simcore search --json` prints."""
        parts = self.recipe.parts
        return {
            "recipe": list(self.recipe.backbones),
            "combine": self.recipe.combine,
            "weights": [part.weight for part in parts],
            "hits": [
                {"rank": rank, "id": name, "score": float(score)}
                for rank, (name, score) in enumerate(zip(self.ids, self.scores, strict=True), 1)
            ],
            "mate": None
            if self.mate_id is None
            else {"id": self.mate_id, "rank": self.mate_rank, "score": self.mate_score},
            "search": "exact"
            if self.index is None
            else {"index": self.index.kind}
            | {"recall_at_10": self.index.recall, "queries": self.index.queries},
            "note": self.note,
        }
