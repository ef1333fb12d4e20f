"""The demo: a collection that needs no manual download, its features, and a table of recall."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Thread

from simcore.errors import SimError
from simcore.evaluate.combinations import subset_search, subset_statistics
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, extraction, models
from simcore.recipe import Question
from simcore.results import RecallTable, Result, Table
from simcore.types import JSON, Monitor

NAME = "emoji"
FIRST = "color"
STOPPED = "Stopped. What was finished is kept; start the demo again to resume."


@dataclass(frozen=True)
class Stage(Result):
    """One stage of the demo.

    Attributes:
        seconds: on the clock. cpu_seconds: of this process, all its cores together.
    """

    name: str
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Demo:
    """Recall on the demo collection, a sentence on how the last row was chosen, and the time."""

    table: RecallTable
    remark: str
    stages: tuple[Stage, ...] = ()

    def to_dict(self) -> JSON:
        """The document of the table, with the remark and the stages."""
        stages = [stage.to_dict() for stage in self.stages]
        return self.table.to_dict() | {"remark": self.remark, "stages": stages}

    def to_stages_table(self) -> Table:
        """Where the time went."""
        wall = sum(stage.seconds for stage in self.stages)
        cpu = sum(stage.cpu_seconds for stage in self.stages)
        rows = [
            (stage.name, f"{stage.seconds:.1f}", f"{stage.cpu_seconds:.1f}")
            for stage in (*self.stages, Stage("all", wall, cpu))
        ]
        return Table(("stage", "seconds", "CPU seconds"), tuple(rows))


class _Stopwatch:
    """Notes how long each stage took."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._start()

    def _start(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def lap(self, name: str) -> None:
        """The stage that ends now, since the one before it."""
        wall, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        self.stages.append(Stage(name, round(wall, 2), round(cpu, 2)))
        self._start()


def prepare(*, device: str = "auto", monitor: Monitor = Monitor()) -> Demo:
    """Add and extract the emoji collection and compute its recall; cached parts are reused.

    Raises:
        SimError: a download failed and its content is not in the cache.
        Stopped: `monitor` asked to stop.
    """
    watch = _Stopwatch()
    # Beside what keeps one core busy at most; a daemon does not delay a stop.
    Thread(target=subset_search.compile_kernel, name="compile", daemon=True).start()
    if NAME not in collections.names():
        collections.add("emoji", None, name=NAME, monitor=monitor.part(0, 0.25).raising(STOPPED))
    monitor.check(STOPPED)
    watch.lap("collection")
    backbones = models.demo_names()
    networks = Thread(target=_prepare_networks, args=(backbones, device, monitor), daemon=True)
    networks.start()
    # One that needs no download comes first, so that a page can search while the others follow.
    extraction.extract(NAME, [FIRST], device=device, monitor=monitor.part(0.25, 0.35))
    monitor.check(STOPPED)
    watch.lap(f"features of {FIRST}")
    while networks.is_alive():
        networks.join(0.1)
        monitor.check(STOPPED)
    models.fetch(backbones, monitor=monitor.part(0.35, 0.5).raising(STOPPED))
    monitor.check(STOPPED)
    watch.lap("weights")
    extraction.extract(NAME, backbones, device=device, monitor=monitor.part(0.5, 0.95))
    monitor.check(STOPPED)
    watch.lap("features of all")
    monitor.report("recall", 0, 1, overall=0.95)
    demo = score(NAME, backbones)
    watch.lap("recall")
    return replace(demo, stages=tuple(watch.stages))


def _prepare_networks(backbones: Sequence[str], device: str, monitor: Monitor) -> None:
    """Fetch and compile the networks while the first features are computed.

    Whatever fails here fails again, with its reason, where the result is needed.
    """
    with suppress(SimError):
        models.fetch(backbones, monitor=Monitor(stop=monitor.stop))
        extraction.compile_networks(NAME, backbones, device=device)


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
