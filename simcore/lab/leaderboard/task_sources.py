"""Where a task comes from: a collection of pairs, or a set of judgements."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from simcore.data.judgements.trials import JudgementSet, SameDifferent, Triplets
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.statistics.ranking import Items
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.judgements import agreement, pair_similarities, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.leaderboard.board_entries import Entry
from simcore.lab.leaderboard.board_tasks import Kind, Task
from simcore.lab.library import collections, extraction, features, models, provenance
from simcore.lab.library.models import BackboneInfo
from simcore.models import lineage
from simcore.recipe import PostProcessing, Question
from simcore.types import DIRECTIONS, Array, Collection, ImageSet, Monitor

NEEDS_GALLERY = "post-processing needs a gallery"
FACES_ONLY = "compares faces only, which most pictures do not show"
NOT_RANKED = "have no score per trial: their average precision looks at all trials together"
NOT_EXTRACTED = "features are not extracted yet"


class TaskSource(ABC):
    """A task with its pictures; what is looked up is remembered as long as this object lives."""

    task: Task
    images: tuple[ImageSet, ...]

    def __init__(self) -> None:
        self._keys: dict[str, FeatureKey | None] = {}

    @cached_property
    def _stored(self) -> frozenset[str]:
        """Backbones with any features."""
        return frozenset(FeatureStore.shared().backbones())

    @property
    def image_count(self) -> int:
        """Different pictures."""
        return len({key for images in self.images for key in images.keys})

    def feature_key(self, backbone: str) -> FeatureKey | None:
        """The key of a backbone's features; None where some are missing."""
        if backbone not in self._keys:
            is_stored = backbone in self._stored
            key = features.complete_key(self.images, backbone) if is_stored else None
            self._keys[backbone] = key
        return self._keys[backbone]

    @cached_property
    @abstractmethod
    def trained(self) -> frozenset[str]:
        """Learned backbones that were trained on some of the pictures."""

    @abstractmethod
    def obstacle(self, info: BackboneInfo, post: PostProcessing) -> str:
        """Why a backbone can never have a score here; "" if it can."""

    def reason(self, info: BackboneInfo, post: PostProcessing) -> str:
        """Why a backbone has no score; "" if it can have one."""
        if obstacle := self.obstacle(info, post):
            return obstacle
        return "" if self.feature_key(info.name) else info.reason or NOT_EXTRACTED

    @abstractmethod
    def extract(self, backbones: Sequence[str], *, fetch: bool, monitor: Monitor) -> None:
        """Compute the features of some backbones."""

    @abstractmethod
    def outcome(self, entry: Entry, *, compute: bool, monitor: Monitor = Monitor()) -> Array | None:
        """What happened to each item; None if it is not stored and not to be computed.

        Raises:
            Stopped: the monitor asked to stop; what is finished is kept.
        """


class PairSource(TaskSource):
    """The pairs of a collection."""

    def __init__(self, collection: Collection) -> None:
        super().__init__()
        self.collection = collection
        self.images = collection.sides()
        digest = _digest("pairs", recall.pairs_digest(collection))
        self.task = Task(collection.name, "pairs", digest, Items.plain(len(collection.left)))

    @cached_property
    def trained(self) -> frozenset[str]:
        """Learned backbones that were trained on some of the pairs."""
        return frozenset(provenance.trained_here(self.collection))

    def obstacle(self, info: BackboneInfo, post: PostProcessing) -> str:
        """There is none."""
        return ""

    def extract(self, backbones: Sequence[str], *, fetch: bool, monitor: Monitor) -> None:
        """Compute the features of some backbones."""
        extraction.extract(self.collection.name, backbones, fetch=fetch, monitor=monitor)

    def outcome(self, entry: Entry, *, compute: bool, monitor: Monitor = Monitor()) -> Array | None:
        """(2, Q) ranks of the mates in both directions."""
        (recipe,) = recipes.parse([entry.backbone], metric=entry.metric, post=entry.post)
        ranks: list[Array] = []
        for number, direction in enumerate(DIRECTIONS):
            question = Question(self.collection.name, (recipe,), direction)
            if compute:
                count = len(DIRECTIONS)
                part = monitor.part(number / count, (number + 1) / count)
                recall.outcomes_of_each(question, monitor=part)
            (outcomes,) = recall.stored_outcomes(question)
            if outcomes is None:
                return None
            ranks.append(outcomes.ranks)
        return np.stack(ranks)


class JudgementSource(TaskSource):
    """The trials of a set of judgements."""

    def __init__(self, judged: JudgementSet) -> None:
        super().__init__()
        self.judged = judged
        self.images = (judged.trials.images,)
        groups = {name: number for number, name in enumerate(dict.fromkeys(judged.trials.group))}
        group = np.array([groups[name] for name in judged.trials.group], np.int64)
        is_triplets = isinstance(judged.trials, Triplets)
        # Trials about the same reference are no independent evidence.
        cluster = judged.triplets.ref if is_triplets else np.arange(len(judged.trials))
        people = agreement.people(judged).get("ceiling", {}).get(agreement.ALL)
        kind: Kind = "triplets" if is_triplets else "odd one out"
        self.task = Task(
            judged.name,
            kind,
            _digest("judgements", judged.digest),
            Items(group, cluster),
            judged.votes,
            None if people is None else people.value,
        )

    @cached_property
    def trained(self) -> frozenset[str]:
        """Learned backbones that were trained on some of the images."""
        keys = self.judged.trials.images.keys
        return frozenset(provenance.trained_on_any(lineage.names(), keys))

    def obstacle(self, info: BackboneInfo, post: PostProcessing) -> str:
        """Trials have no gallery, and most have no faces."""
        if post != "none":
            return NEEDS_GALLERY
        return FACES_ONLY if "faces" in info.groups else ""

    def extract(self, backbones: Sequence[str], *, fetch: bool, monitor: Monitor) -> None:
        """Compute the features of some backbones whose weights are here."""
        ready = [info.name for info in models.listing(backbones) if info.ready]
        if ready:
            pair_similarities.prepare(self.judged, ready, monitor=monitor)

    def outcome(self, entry: Entry, *, compute: bool, monitor: Monitor = Monitor()) -> Array | None:
        """(T,) credit of each trial; takes no longer than reading it would.

        Raises:
            Stopped: the monitor asked to stop.
        """
        monitor.check()
        question = JudgementQuestion(self.judged.name, (entry.backbone,), (entry.metric,))
        (row,) = agreement.table(question).rows
        return np.round(row.overall.per_item.astype(np.float64), 6)


def open_(name: str, *, monitor: Monitor = Monitor()) -> TaskSource:
    """A collection of pairs, else a set of judgements, by name.

    Raises:
        UnknownNameError: there is neither. BadDataError: no known mates, or trials that have no
            score of their own.
    """
    judgement_sets = (*sets.names(), sets.KNOWN)
    if name in collections.names() and collections.summary(name).paired:
        return PairSource(collections.open_(name))
    if name not in judgement_sets:
        if name in collections.names():
            collections.open_(name).pairs()  # raises: it has no mates
        options = dict.fromkeys([*collections.names(), *judgement_sets])
        raise unknown_name("collection or set of judgements", name, options)
    judged = sets.open_(name, monitor=monitor)
    if isinstance(judged.trials, SameDifferent):
        raise BadDataError(
            f"The judgements {name!r} are same-or-different pairs. These {NOT_RANKED}. "
            f"Use `simcore evaluate triplets {name}`."
        )
    return JudgementSource(judged)


def names() -> list[str]:
    """All collections of pairs, then all sets of judgements that can be ranked."""
    pairs = [summary.name for summary in collections.listing() if summary.paired]
    judged = [summary.name for summary in sets.listing() if summary.shape != "same"]
    return [*pairs, *(name for name in [*judged, sets.KNOWN] if name not in pairs)]


def not_ranked() -> list[str]:
    """All sets of judgements that cannot be ranked."""
    return [summary.name for summary in sets.listing() if summary.shape == "same"]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
