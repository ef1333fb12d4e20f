"""How long work takes, in CPU seconds, estimated before it is done.

A page computes up to `MAX_SECONDS` while its visitor waits; what takes longer is a job with
progress. What counts is the work (pairs x backbones x metrics), not the number of pairs. The rates
are of one core; `python -m benchmarks.estimates` compares them with what is measured. A factor of
two makes no difference to whether a visitor waits.
"""

from collections.abc import Iterable, Sequence

from simcore.lab import jobs, permissions, recipes
from simcore.models import registry
from simcore.recipe import Part, Recipe
from simcore.types import Metric

MAX_SECONDS = 3.0
MAX_VISITOR_SECONDS = 30.0  # in workshop mode, where nobody can start a job
# Products or differences of two numbers per second; of a metric of one's own: unknown, so slow.
RATES: dict[Metric, float] = {"cosine": 30e9, "l2": 7e9, "l1": 6e9}
OWN_RATE = 1e9
RANKED = 2e-9  # seconds to rank one similarity, or to add it to a sum
SORTED = 80e-9  # to sort it among those of its query, for a sum of ranks or for CSLS
RESCORED = 10e-9  # to add it where weights depend on the query, or a second stage follows
# Of the search of all subsets: to compare an image with a mate under one backbone, and to decide
# whether one subset finds a mate.
LEAD, SUBSET = 2.5e-9, 7e-9
PROJECTED = 2.5e-7  # per number of the vectors, until a few directions and clusters are found
KINDS = 2  # of sums that are searched: plain and normalized


def is_short(seconds: float) -> bool:
    """Whether a page's visitor can wait for work of so many CPU seconds.

    >>> is_short(1.0), is_short(100.0)
    (True, False)
    """
    has_jobs = not hasattr(jobs.start, permissions.REFUSED)
    return seconds <= (MAX_SECONDS if has_jobs else MAX_VISITOR_SECONDS)


def comparison(backbone: str, metric: Metric, rows: int, columns: int) -> float:
    """Seconds to compare so many images with so many others.

    >>> round(comparison("mobilenetv2", "cosine", 6_016, 6_016), 1)
    1.5
    """
    return rows * columns * registry.get(backbone).dim / RATES.get(metric, OWN_RATE)


def moments(parts: Iterable[tuple[str, Metric]], pairs: int) -> float:
    """Seconds to compute the moments of whole matrices, of `pairs` rows and columns each.

    Args:
        parts: backbone and metric of each.
    """
    seconds = 0.0
    for backbone, metric in parts:
        dim = registry.get(backbone).dim
        # Cosines from D x D products of each side, distances from products of the features.
        columns = min(dim, pairs) if metric == "cosine" else pairs
        fast = "cosine" if metric == "l2" else metric
        seconds += comparison(backbone, fast, pairs, columns) + pairs * columns * RANKED
    return seconds


def ranks(chosen: Sequence[Recipe], pairs: int) -> float:
    """Seconds to rank all mates under some recipes, which share what they compare.

    >>> few = recipes.parse(["hog", "color"], "zsum")
    >>> ranks(few, 1_000) < 0.2 < 3 < ranks(few, 30_000)
    True
    """
    images = pairs * pairs
    compared = {
        (part.backbone, recipes.resolve_metric(part), recipe.post)
        for recipe in chosen
        for part in recipe.parts
    }
    seconds = 0.0
    for backbone, metric, post in compared:
        passes = 2 if post.endswith("csls") else 1
        seconds += passes * comparison(backbone, metric, pairs, pairs)
        seconds += images * SORTED / 4 if passes == 2 else 0.0  # a partition, not a sort
    slow = {"rrf": SORTED, "gated": RESCORED, "rerank": RESCORED}
    for recipe in chosen:
        seconds += images * len(recipe.parts) * slow.get(recipe.combine, RANKED)
    scaled = {
        (part.backbone, recipes.resolve_metric(part))
        for recipe in chosen
        if recipe.standardized
        for part in recipe.parts
    }
    return seconds + moments(scaled, pairs)


def subset_search(parts: Sequence[Part], pairs: int) -> float:
    """Seconds to search all subsets of some backbones, and to count what each of them finds.

    >>> round(subset_search([Part("hog"), Part("color")], 1_000), 2) < 0.3
    True
    """
    compared = {(part.backbone, recipes.resolve_metric(part)) for part in parts}
    seconds = sum(comparison(*each, pairs, pairs) for each in compared) + moments(compared, pairs)
    return seconds + KINDS * pairs * (LEAD * pairs * len(parts) + SUBSET * 2 ** len(parts))


def near_duplicates(backbone: str, metric: Metric, compared: float) -> float:
    """Seconds to compare images with each other and to list those that are near.

    Args:
        compared: how many pairs of images.
    """
    rate = RATES.get(metric, OWN_RATE)
    return compared * (registry.get(backbone).dim / rate + 2 * RANKED)


def projection(recipe: Recipe, images: int) -> float:
    """Seconds of a PCA of so many images, and of their clusters.

    >>> from simcore.recipe import Part
    >>> projection(Recipe((Part("hog"),)), 2_000) < 3
    True
    """
    width = sum(registry.get(part.backbone).dim for part in recipe.parts)
    return images * width * PROJECTED
