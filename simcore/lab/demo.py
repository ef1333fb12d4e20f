"""The demo: a collection that needs no manual download, its features, and a table of recall."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcore.evaluate.combinations import subset_statistics
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, extraction, models
from simcore.recipe import Question
from simcore.results import RecallTable
from simcore.types import JSON, Monitor

NAME = "emoji"
FIRST = "color"
STOPPED = "Stopped. What was finished is kept; start the demo again to resume."


@dataclass(frozen=True)
class Demo:
    """Recall on the demo collection, and a sentence on how the last row was chosen."""

    table: RecallTable
    remark: str

    def to_dict(self) -> JSON:
        """The document of the table, with the remark."""
        return self.table.to_dict() | {"remark": self.remark}


def prepare(*, device: str = "auto", monitor: Monitor = Monitor()) -> Demo:
    """Add and extract the emoji collection and compute its recall; cached parts are reused.

    Raises:
        SimError: a download failed and its content is not in the cache.
        Stopped: `monitor` asked to stop.
    """
    if NAME not in collections.names():
        collections.add("emoji", None, name=NAME, monitor=monitor.part(0, 0.25).raising(STOPPED))
    monitor.check(STOPPED)
    backbones = models.demo_names()
    # One that needs no download comes first, so that a page can search while the others follow.
    extraction.extract(NAME, [FIRST], device=device, monitor=monitor.part(0.25, 0.35))
    monitor.check(STOPPED)
    models.fetch(backbones, monitor=monitor.part(0.35, 0.5).raising(STOPPED))
    monitor.check(STOPPED)
    extraction.extract(NAME, backbones, device=device, monitor=monitor.part(0.5, 0.95))
    monitor.check(STOPPED)
    monitor.report("recall", 0, 1, overall=0.95)
    return score(NAME, backbones)


def score(name: str, backbones: Sequence[str]) -> Demo:
    """Recall of every backbone, and of the z-sum that finds the most mates."""
    search = combinations.search(Question(name, tuple(recipes.parse(backbones))))
    best = subset_statistics.best(search.hits["zsum"])
    held_out = search.held_out("zsum")
    scored = [*recipes.parse(backbones), combinations.subset_recipe(best.models, "zsum")]
    remark = (
        f"The last row is the best of all {2 ** len(backbones) - 1:,} z-sums, chosen on the same "
        "pairs, so its recall is optimistically biased"
    )
    if held_out is not None:
        remark += f": cross-validated, such a sum finds {held_out.hits:,} of {search.pairs:,} mates"
    return Demo(recall.recall(Question(name, tuple(scored))), f"{remark}.")
