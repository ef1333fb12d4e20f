"""Running evaluations on a collection and putting the numbers into tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate import associative
from simcore.evaluate.bootstrap import interval
from simcore.evaluate.recall import curve as recall_curve
from simcore.evaluate.recall import recall_at
from simcore.evaluate.votes import correlations
from simcore.lab import collections, features, recipes, retrieve, selection
from simcore.models import registry
from simcore.specs import Recipe
from simcore.types import Direction, Score


@dataclass(frozen=True)
class RecallRow:
    """Recall of one recipe: {k: Score}, values in 0..1."""

    recipe: Recipe
    recall: dict[int, Score]

    def hits(self, k: int) -> int:
        """How many queries found their mate among the first k."""
        return round(float(self.recall[k].per_item.sum()))


@dataclass(frozen=True)
class RecallTable:
    """Recall of several recipes on the same pairs."""

    collection: str
    pairs: int
    metric: str
    direction: Direction
    rows: tuple[RecallRow, ...]
    subset: str = "all"

    def json(self) -> dict:
        """The document that `simcore evaluate recall --json` prints."""
        return {
            "collection": self.collection,
            "pairs": self.pairs,
            "metric": self.metric,
            "direction": self.direction,
            "subset": self.subset,
            "rows": [_row_json(row) for row in self.rows],
        }


def recall(
    name: str,
    asked: Sequence[Recipe],
    *,
    direction: Direction = "lr",
    ks: Sequence[int] = (1, 5, 10),
    metric: str = "own",
    subset: str = "all",
) -> RecallTable:
    """Share of queries whose mate is among the first k, for every recipe and k.

    Args:
        name: a collection of pairs with features.
        asked: recipes, one row each.
        metric: only written into the table; the recipes decide.
        subset: a part of the pairs, see `selection.SUBSETS`.

    Raises:
        BadDataError: no known mates, features missing, or a k outside 1..G.
    """
    found = retrieve.ranks_of_each(name, asked, direction, subset=subset)
    rows = [
        RecallRow(recipe, {k: recall_at(ranks, k) for k in ks})
        for recipe, ranks in zip(asked, found, strict=True)
    ]
    pairs = len(selection.open_(name, subset).pairs(direction))
    return RecallTable(name, pairs, metric, direction, tuple(rows), subset)


def curve(
    name: str, asked: Sequence[Recipe], *, direction: Direction = "lr", subset: str = "all"
) -> dict:
    """Recall at every k for every recipe (Fig. 2b): {"k", "rows": [{"recipe", "recall"}]}."""
    gallery = len(selection.open_(name, subset).pairs(direction).gallery)
    found = retrieve.ranks_of_each(name, asked, direction, subset=subset)
    rows = [
        {
            "recipe": list(one.backbones),
            "combine": one.combine,
            "label": one.label,
            "recall": recall_curve(ranks, gallery).tolist(),
        }
        for one, ranks in zip(asked, found, strict=True)
    ]
    return {"collection": name, "subset": subset, "gallery": gallery, "rows": rows}


def cosine_minus_l2(
    name: str, models: Sequence[str], *, subset: str = "all", direction: Direction = "lr"
) -> dict:
    """Recall by cosine minus recall by L2 at every k (Fig. 2a)."""
    curves = [
        curve(name, recipes.parse(models, metric=metric), direction=direction, subset=subset)
        for metric in ("cosine", "l2")
    ]
    rows = [
        {
            "recipe": one["recipe"],
            "difference": [a - b for a, b in zip(one["recall"], other["recall"], strict=True)],
        }
        for one, other in zip(curves[0]["rows"], curves[1]["rows"], strict=True)
    ]
    return {"collection": name, "subset": subset, "rows": rows}


def associative_recall(
    name: str,
    recipe: Recipe,
    *,
    subset: str = "all",
    direction: Direction = "lr",
    sizes: Sequence[int] = associative.SIZES,
    repetitions: int = 10,
    seed: int = 0,
) -> dict:
    """Correct choices among m images (Table 2a): exact, and drawn as the paper drew them."""
    found = retrieve.ranks(name, recipe, direction, subset=subset)
    gallery = len(selection.open_(name, subset).pairs(direction).gallery)
    rows = []
    for m in (size for size in sizes if size <= gallery):
        exact = associative.exact(found, gallery, m)
        low, high = interval(exact.astype("float32"))
        draws = associative.simulated(found, gallery, m, repetitions=repetitions, seed=seed)
        rows.append(
            {
                "m": m,
                "exact": float(exact.mean()),
                "ci95": [low, high],
                "simulated": float(draws.mean()),
                "spread": float(draws.std()),
            }
        )
    return {"collection": name, "subset": subset, "recipe": recipe.label, "rows": rows}


def votes(name: str, recipe: Recipe, *, subset: str = "all", direction: Direction = "lr") -> dict:
    """Correlation of up- and down-votes with each pair's similarity.

    Only CSLS, which looks at the gallery, makes a pair's similarity depend on the direction.

    Raises:
        BadDataError: the collection has no votes.
    """
    collection = selection.open_(name, subset)
    if collection.votes is None:
        raise BadDataError(
            f"found no votes for {name!r}; expected a CSV with id, wins, fails; "
            "add the collection again with --votes"
        )
    alike = retrieve.mate_scores(name, recipe, direction, subset=subset)
    rows = {
        kind: [vars(found) for found in correlations(collection.votes[:, column], alike)]
        for column, kind in enumerate(("up", "down"))
    }
    return {"collection": name, "subset": subset, "recipe": recipe.label, "votes": rows}


def faces(name: str, *, detector: str = "face") -> dict:
    """Faces an image and agreement of the two sides (Fig. 5c).

    Args:
        detector: a name of `selection.DETECTORS`.
    """
    found = selection.count_faces(name, detector)
    return {
        "collection": name,
        "detector": detector,
        "images": 2 * len(found.left),
        "histogram": found.histogram.tolist(),
        "table": found.table.tolist(),
        "right_if_left": None if np.isnan(found.agreement) else found.agreement,
        "pairs_with_faces": int(found.faces.sum()),
        "pairs_without": int(found.objects.sum()),
    }


def duplicates(name: str, *, by: str = "", within: float = 0.10, across: float = 0.15) -> dict:
    """Near-duplicates and what each protocol keeps."""
    found = selection.find_duplicates(name, by=by, within=within, across=across)
    return {
        "collection": name,
        "by": found.by,
        "within": found.within,
        "across": found.across,
        "twins": [
            vars(twin) | {"refused": refused}
            for twin, refused in zip(found.twins, found.refused, strict=True)
        ],
        "kept": found.kept,
    }


def lifts(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    direction: Direction = "lr",
    metric: str = "own",
) -> dict:
    """What grid pooling, centring and CSLS add to each backbone: hits, one step after another.

    A backbone with a "-grid" twin whose features are ready goes on from that twin.

    Returns:
        {"steps", "rows": [{"backbone", "hits": one a step, None where there is no twin}]}.
    """
    steps = ("as the papers", "3 x 3 grid", "+ centring", "+ CSLS")
    pairs = selection.open_(name, subset).pairs(direction)
    rows = []
    for model in registry.expand(list(models)):
        grid = f"{model}-grid"
        there = grid in registry.names() and features.ready(collections.open_(name), grid)
        ways = [(model, "none"), (grid if there else "", "none"),
                (grid if there else model, "center"),
                (grid if there else model, "center+csls")]  # fmt: skip
        found: list[int | None] = []
        for backbone, lift in ways:
            if not backbone:
                found.append(None)
                continue
            (recipe,) = recipes.parse([backbone], metric=metric, lift=lift)
            ranks = retrieve.ranks(name, recipe, direction, subset=subset)
            found.append(int((ranks == 1).sum()))
        rows.append({"backbone": model, "hits": found})
    return {
        "collection": name, "subset": subset, "pairs": len(pairs), "steps": list(steps),
        "rows": rows,
    }  # fmt: skip


def _row_json(row: RecallRow) -> dict:
    recipe = row.recipe
    document: dict = {
        "recipe": list(recipe.backbones),
        "combine": recipe.combine,
        "recall": {str(k): score.value for k, score in row.recall.items()},
        "hits": {str(k): row.hits(k) for k in row.recall},
        "ci95": {str(k): [score.low, score.high] for k, score in row.recall.items()},
    }
    if recipe.lift != "none":
        document["lift"] = recipe.lift
    if any(part.weight != 1 for part in recipe.parts):
        document["weights"] = [part.weight for part in recipe.parts]
    return document
