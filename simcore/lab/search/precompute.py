"""What the pages show first, computed right after an extraction and stored on disk.

Every result is stored as soon as it is finished, so a run that is stopped is continued by the next
one; what is stored already costs nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from simcore.data import result_cache
from simcore.errors import BadDataError, Stopped
from simcore.evaluate.combinations.subset_search import MAX_BACKBONES
from simcore.lab import jobs, recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, duplicates, features, models, subsets
from simcore.lab.search import maps, pair, stored_hits
from simcore.recipe import Question, Recipe
from simcore.types import Monitor

STAGE = "results"
MAX_SEARCHED = 11  # backbones; each further one doubles the subsets
MAX_PAIRS = 30_000  # with more, no combinations of backbones but their z-sum
CLAIMED_SUBSETS = ("tlld", "tlld-paper", "objects")  # that the page Claims opens
MAX_MORPHED = 2_000  # pairs; with more, only the map that the page opens with is prepared
NICENESS = 10  # added: pages that are open meanwhile go first


def run(name: str, *, monitor: Monitor = Monitor()) -> int:
    """Compute and store what the pages open with.

    Args:
        name: collection; with many pairs less is computed, without known mates maps and
            near-duplicates.
        monitor: asked to stop between the steps; what is finished stays stored.

    Returns:
        the number of finished steps.
    """
    try:
        backbones = tuple(collections.default_backbones(name)[:MAX_BACKBONES])
    except BadDataError:
        return 0
    steps = _steps(name, backbones, monitor)
    done = 0
    with _low_priority():
        for done, step in enumerate(steps):
            monitor.report(STAGE, done, len(steps))
            if monitor.stopped:
                return done
            # A step may lack what it needs, faces for example; the page says so where it matters.
            with suppress(BadDataError):
                try:
                    step()
                except Stopped:
                    return done
        result_cache.prune()
    monitor.report(STAGE, len(steps), len(steps))
    return len(steps)


def _steps(name: str, backbones: tuple[str, ...], monitor: Monitor) -> list[Callable[[], object]]:
    """The computations, those that most pages need first."""
    collection = collections.open_(name)
    pairs = 0 if collection.right is None else len(collection.right)
    few = pairs <= MAX_PAIRS
    question = Question(
        name, opening_recipes(backbones) if few else tuple(recipes.parse(backbones, "zsum"))
    )
    quiet = Monitor(stop=monitor.stop)  # the stages of one step would hide how many there are
    steps: list[Callable[[], object]] = []
    if 0 < pairs <= recall.MAX_RANKED:
        steps.append(lambda: recall.outcomes_of_each(question, monitor=quiet))
    if len(collection.left) <= MAX_PAIRS:
        steps.append(partial(stored_hits.make, collection, question.recipes, monitor=quiet))
    if few and pairs and 2 <= len(backbones) <= MAX_SEARCHED:
        steps.append(lambda: combinations.search(question, monitor=quiet))
    steps += _map_steps(question, monitor)
    if few and pairs:
        steps += [partial(pair.similarity_shares, collection, backbone) for backbone in backbones]
    steps.append(partial(_find_duplicates, name, quiet))
    if few and pairs:
        steps += [partial(_open_subset, name, subset, quiet) for subset in CLAIMED_SUBSETS]
    return steps


def _find_duplicates(name: str, monitor: Monitor) -> None:
    """Near-duplicates as the page Duplicates opens with them."""
    backbone = duplicates.candidates(name)[0]
    opening = duplicates.opening_thresholds(name, backbone)
    subsets.find_duplicates(
        name, by=backbone, within=opening.within, across=opening.across, monitor=monitor
    )


def _open_subset(name: str, subset: str, monitor: Monitor) -> None:
    """Which pairs are in a subset, and that they have features, without the feature store."""
    collection = subsets.open_subset(name, subset, monitor=monitor)
    for backbone in collections.extracted_backbones(name):
        features.is_ready(collection, backbone)


def _map_steps(question: Question, monitor: Monitor) -> list[Callable[[], object]]:
    """The UMAPs that Map and its morph open with, and the ranks that they are colored by.

    The map of the network that Map opens with comes first, then those of the other stops, unless
    there are so many images that each takes minutes.
    """
    quiet = Monitor(stop=monitor.stop)
    settings = maps.projection_settings("umap")
    recipes_ = [recipe for recipe in question.recipes if recipe.combine == "none"]
    recipes_ += [recipe for recipe in question.combinations if len(recipe.parts) == len(recipes_)]
    first = models.default_network([recipe.backbones[0] for recipe in question.singles])
    recipes_.sort(key=lambda recipe: recipe.backbones != (first,))
    collection = collections.open_(question.collection)
    if len(collection.left) > MAX_MORPHED:
        recipes_ = recipes_[:1]
    reverse = replace(question, recipes=tuple(recipes_), direction="rl")
    steps: list[Callable[[], object]] = [partial(maps.count_faces, collection)]
    if collection.right is not None and len(collection.left) <= MAX_PAIRS:
        steps.append(lambda: recall.outcomes_of_each(reverse, monitor=quiet))
    for recipe in recipes_:
        steps.append(partial(maps.make, reverse.with_recipes(recipe), settings, monitor=quiet))
    return steps


def opening_recipes(backbones: tuple[str, ...]) -> tuple[Recipe, ...]:
    """The recipes that pages open with, and those after one backbone is removed.

    >>> [recipe.label for recipe in opening_recipes(("hog", "color"))]
    ['hog', 'color', 'zsum(hog + color)']
    """
    chosen = list(recipes.parse(backbones, "zsum"))
    if len(backbones) > 2:
        for removed in backbones:
            rest = [name for name in backbones if name != removed]
            chosen.append(recipes.parse(rest, "zsum")[-1])
    return tuple(chosen)


@contextmanager
def _low_priority() -> Iterator[None]:
    """Lower the priority of this process if it is a job's own; it cannot be raised again."""
    if hasattr(os, "nice") and jobs.in_job():
        os.nice(NICENESS)
    yield
