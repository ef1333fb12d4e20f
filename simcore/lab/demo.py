"""The first run: a collection that needs no download by hand, features, and a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcore.evaluate.combinations import subset_statistics
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, extraction, models
from simcore.results import RecallTable
from simcore.types import Monitor

NAME = "emoji"


@dataclass(frozen=True)
class Demo:
    """The table of the demo collection and a sentence on how its last row was chosen."""

    table: RecallTable
    remark: str

    def to_dict(self) -> dict:
        """The recall document with the remark."""
        return self.table.to_dict() | {"remark": self.remark}


def prepare(*, device: str = "auto", monitor: Monitor = Monitor()) -> Demo:
    """Make the emoji collection ready and score it; everything found in the cache is reused.

    Raises:
        SimError: pip cannot fetch what is needed, and it is not in the cache.
    """
    if NAME not in collections.names():
        collections.add("emoji", None, name=NAME, monitor=monitor)
    backbones = models.demo_names()
    models.fetch(backbones, monitor=monitor)
    extraction.extract(NAME, backbones, device=device, monitor=monitor)
    return score(NAME, backbones)


def score(name: str, backbones: Sequence[str]) -> Demo:
    """Recall of every backbone, and of the z-sum that finds the most mates."""
    found = combinations.search(name, backbones)
    best = subset_statistics.best(found.hits["zsum"])
    fair = found.held_out("zsum")
    asked = [*recipes.parse(backbones), combinations.recipe(best.models, "zsum")]
    remark = (
        f"The last row is the best of all {2 ** len(backbones) - 1:,} z-sums, chosen on these very "
        f"pairs; chosen on other pairs than it is judged on, such a sum finds {fair['hits']:,} of "
        f"{found.pairs:,}."
    )
    return Demo(recall.recall(name, asked), remark)
