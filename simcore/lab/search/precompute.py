"""What the pages show first, computed right after an extraction and stored on disk.

Every result is stored as soon as it is finished, so a run that is stopped is continued by the next
one; what is stored already costs nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from simcore.data import result_cache
from simcore.errors import BadDataError, Stopped
from simcore.evaluate.combinations.subset_search import MAX_BACKBONES
from simcore.lab import jobs, recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, duplicates, subsets
from simcore.lab.search import pair
from simcore.recipe import Question, Recipe
from simcore.types import Monitor

STAGE = "results"
MAX_SEARCHED = 11  # backbones; each further one doubles the subsets
MAX_PAIRS = 30_000  # beyond, a page computes what it is asked for
NICENESS = 10  # added: pages that are open meanwhile go first


def run(name: str, *, monitor: Monitor = Monitor()) -> int:
    """Compute and store what the pages that evaluate pairs open with.

    Args:
        name: collection; without known mates, or with too many pairs, nothing is done.
        monitor: asked to stop between the steps; what is finished stays stored.

    Returns:
        the number of finished steps.
    """
    collection = collections.open_(name)
    if collection.right is None or len(collection.left) > MAX_PAIRS:
        return 0
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
    question = Question(name, opening_recipes(backbones))
    quiet = Monitor(stop=monitor.stop)  # the stages of one step would hide how many there are
    steps: list[Callable[[], object]] = [
        lambda: recall.outcomes_of_each(question, monitor=quiet),
    ]
    if 2 <= len(backbones) <= MAX_SEARCHED:
        steps.append(lambda: combinations.search(question))
    steps += [partial(pair.similarity_shares, collection, backbone) for backbone in backbones]
    if duplicates.default_backbone_if_ready(collection):
        steps.append(lambda: subsets.find_duplicates(name))
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
