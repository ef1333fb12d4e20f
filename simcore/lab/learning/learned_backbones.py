"""Learned backbones: listing, removal, loss curves, and what they changed on their test data."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.data import named_folders, state_files
from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.learning import adaptation
from simcore.lab.learning.judgement_data import METRIC
from simcore.lab.library import features, provenance, subsets
from simcore.models import adapter, lineage, registry
from simcore.models.extract import extraction
from simcore.models.lineage import PREFIX, Lineage
from simcore.results import Cell, Table
from simcore.sim import combine, rank
from simcore.sim.rank import Hits
from simcore.types import JSON, Array, Collection

NUMPY_SNIPPET = adapter.NUMPY_SNIPPET
check_available = lineage.check_available
read_lineage = lineage.read
unfinished = lineage.unfinished

JOINT = "joint"  # paradigm of what was learned from pairs and judgements together
N_NEAREST = 8  # images per row of a gallery (risser-maroux2021, Fig. 4)

# Options of jobs that were started by an older version -> today's.
_OLD_OPTIONS = {
    "--base": "--backbone",
    "--batch": "--batch-size",
    "--rate": "--learning-rate",
    "--rival": "--baseline",
}


@dataclass(frozen=True)
class LossCurve:
    """Losses of a run so far.

    Attributes:
        losses: on the training data. validation_losses: on the data that decide when to stop.
    """

    losses: tuple[float, ...] = ()
    validation_losses: tuple[float, ...] = ()


def write_curve(name: str, losses: Sequence[float], validation_losses: Sequence[float]) -> None:
    """Save the losses of a run for pages that watch it."""
    curve = {"loss": list(losses), "check": list(validation_losses)}
    state_files.write_json(lineage.path(name, "curve"), curve)


def read_curve(name: str) -> LossCurve:
    """The losses of a run so far; empty without a run of that name.

    Raises:
        BadDataError: the name is not allowed.
    """
    path = lineage.path(named_folders.check_name(name), "curve")
    curve = state_files.read_json(path, _parse_curve, rebuild=True)
    return curve or LossCurve()


def _parse_curve(document: JSON) -> LossCurve:
    return LossCurve(
        tuple(float(loss) for loss in document["loss"]),
        tuple(float(loss) for loss in document["check"]),
    )


def resume_args(args: Sequence[str]) -> list[str]:
    """The command line that resumes a job, also one that was started by an older version.

    >>> resume_args(["learn", "adaptation", "tll", "--protocol", "honest", "--rival"])
    ['learn', 'adaptation', 'tll', '--protocol', 'held-out', '--baseline']
    """
    current = [_OLD_OPTIONS.get(arg, arg) for arg in args]
    for position, arg in enumerate(current[:-1]):
        if arg == "--protocol" and current[position + 1] == "honest":
            current[position + 1] = "held-out"
    return current


def listing() -> list[Lineage]:
    """Every learned backbone, sorted by name."""
    return [lineage.read(name) for name in lineage.names()]


def summary_table() -> Table:
    """One row per learned backbone: what it was made from, and its score on unseen data."""
    rows = tuple(
        (
            info.name,
            info.paradigm,
            " + ".join(info.base),
            info.data,
            str(info.seed),
            _held_out(info),
        )
        for info in listing()
    )
    columns = ("backbone", "paradigm", "base", "trained on", "seed", "on held-out data, %")
    return Table(columns, rows)


def _held_out(info: Lineage) -> str:
    if math.isnan(info.held_out_score):
        return "not tested"
    return f"{100 * info.held_out_score:.1f} {info.score_name}"


def pair_table(collection: str) -> Table:
    """One row per backbone learned from a collection: aR of its test pairs, in percent."""
    ks = asymmetric_recall.KS
    rows = tuple(
        (
            info.name,
            info.paradigm,
            " + ".join(info.base),
            *(round(100 * (info.recall or {})[str(k)], 1) for k in ks),
            len(info.test_ids),
            info.seed,
        )
        for info in listing()
        if info.collection == collection and info.recall is not None
    )
    scores = (f"aR@{k} %" for k in ks)
    return Table(("backbone", "paradigm", "base", *scores, "test pairs", "seed"), rows)


def trial_table(judgements: str) -> Table:
    """One row per backbone learned from a judgement set or its images, with agreement on trials.

    Args:
        judgements: a set of judgements, or a singleton set.

    Returns:
        Agreement on unseen trials before and after, in percent.
    """
    rows: list[tuple[Cell, ...]] = []
    for info in listing():
        if judgements in (info.judgements, info.collection) and info.agreement is not None:
            before, after = (round(100 * agreement, 1) for agreement in _agreements(info))
            base = " + ".join(info.base)
            count = len(info.test_trials)
            rows.append((info.name, info.paradigm, base, before, after, count, info.seed))
    columns = ("backbone", "paradigm", "base", "before %", "after %", "test trials", "seed")
    return Table(columns, tuple(rows))


def joint_listing(collection: str, judgements: str) -> list[Lineage]:
    """The backbones learned from these pairs and judgements together, sorted by name."""
    return [
        info
        for info in listing()
        if info.paradigm == JOINT and (info.collection, info.judgements) == (collection, judgements)
    ]


def _agreements(info: Lineage) -> list[float]:
    """Agreement with the votes of unseen trials, before and after, 0..1."""
    if info.paradigm == JOINT:
        scores = info.result["scores"]
        return [scores[stage]["agreement"]["value"] for stage in ("before", "both")]
    return [info.result[stage]["agreement"]["value"] for stage in ("before", "after")]


def remove(name: str) -> None:
    """Delete a learned backbone and its features, or an unfinished run of that name.

    Raises:
        UnknownNameError: neither exists.
    """
    stem = name.removeprefix(PREFIX)
    if stem in lineage.unfinished():
        lineage.forget_unfinished(stem)
        if PREFIX + stem not in lineage.names():
            return
    if lineage.path(stem, "json") in lineage.damaged():
        lineage.remove(name)  # which features are its own is unknown now
        return
    FeatureStore.shared().drop(extraction.feature_key(registry.get(PREFIX + stem), "fp32"))
    lineage.remove(name)


def adapter_file(name: str) -> bytes:
    """An adapter's .npz, to be used elsewhere with `NUMPY_SNIPPET`.

    Raises:
        UnknownNameError: no such learned backbone.
    """
    stem = name.removeprefix(PREFIX)
    return lineage.path(stem, lineage.read(stem).file.rpartition(".")[2]).read_bytes()


@dataclass(frozen=True, eq=False)
class PairChanges:
    """A learned backbone and its base on the test pairs.

    Attributes:
        pairs: the T test pairs.
        hits: {"before", "after"}: the nearest right images of each left one and the rank of its
            mate, by the sum of the cosines of the base's backbones and by the learned features.
    """

    name: str
    pairs: Collection
    hits: dict[str, Hits]

    def ranks(self, stage: str) -> Array:
        """(T,) rank of the mate, left to right, "before" or "after"."""
        return self.hits[stage].mate_ranks

    def nearest(self, row: int, stage: str) -> list[int]:
        """Rows of the `N_NEAREST` right images most similar to a left one, those with evidence."""
        columns = self.hits[stage].columns[row]
        return [int(column) for column in columns if column >= 0]

    def rows(self, which: str) -> list[int]:
        """Test pairs that changed, largest change of rank first.

        Args:
            which: "found" (the mate is first now), "lost" (it no longer is) or "all".
        """
        before, after = self.ranks("before"), self.ranks("after")
        selected = {
            "found": (after == 1) & (before > 1),
            "lost": (after > 1) & (before == 1),
            "all": np.ones(len(after), bool),
        }[which]
        order = np.argsort(-np.abs(before - after), kind="stable")
        return [int(row) for row in order if selected[row]]


def pair_changes(name: str) -> PairChanges:
    """A learned backbone's test pairs before and after.

    Raises:
        UnknownNameError: no such learned backbone, or its collection was removed.
        BadDataError: features of its base are missing.
    """
    info = lineage.read(name)
    stem = info.name.removeprefix(PREFIX)
    pairs = subsets.open_subset(info.collection, f"{subsets.UNSEEN}{stem}")
    tables = tuple(features.key_to_read(pairs, model) for model in (info.name, *info.base))
    key = ("pair changes", info.name, pairs.digest, tables)
    return memory.get(key, lambda: _compare_pairs(info, pairs))


def _compare_pairs(info: Lineage, collection: Collection) -> PairChanges:
    data = adaptation.gather_inputs(collection, info.base)
    pairs = collection.pairs()
    queries, gallery = (
        features.for_side(collection, side, info.name) for side in (pairs.queries, pairs.gallery)
    )
    blocks = {"before": data.blocks(), "after": combine.matrices(queries, gallery, "cosine")}
    hits = {stage: _hits(each, pairs.target) for stage, each in blocks.items()}
    return PairChanges(info.name.removeprefix(PREFIX), collection, hits)


def _hits(blocks: Iterable[tuple[int, Array]], mates: Array) -> Hits:
    """The first hits of all queries from their similarities, a block of rows at a time."""
    return rank.joined_hits(
        [
            rank.first_hits(values, N_NEAREST, mates=mates[start : start + len(values)])
            for start, values in blocks
        ]
    )


@dataclass(frozen=True)
class TrialImage:
    """An image of a trial.

    Attributes:
        id: its name. key: content key, for thumbnails.
    """

    id: str
    key: str


@dataclass(frozen=True)
class ChangedTrial:
    """A test trial, and the side that base and learned backbone find nearer.

    Attributes:
        vote: share of the votes for right.
        before, after: "left", "right" or "a tie".
    """

    group: str
    ref: TrialImage
    left: TrialImage
    right: TrialImage
    vote: float
    before: str
    after: str


@dataclass(frozen=True, eq=False)
class TrialChanges:
    """A learned backbone and its base on the test trials.

    Attributes:
        judgements: the T test trials.
        credit: {"before", "after"}: (T,) 1 where the majority's side is nearer, 0 where the other
            one is, 0.5 for a tie.
        margin: {"before", "after"}: (T,) similarity to the right image less that to the left one.
    """

    name: str
    judgements: JudgementSet
    credit: dict[str, Array]
    margin: dict[str, Array]

    def rows(self, which: str) -> list[int]:
        """Test trials that changed, largest change first.

        Args:
            which: "right" (decided as the majority now), "wrong" (no longer) or "all".
        """
        change = self.credit["after"] - self.credit["before"]
        selected = {
            "right": change > 0,
            "wrong": change < 0,
            "all": np.ones(len(change), bool),
        }[which]
        shift = np.abs(self.margin["after"] - self.margin["before"])
        order = np.lexsort((-shift, -np.abs(change)))
        return [int(row) for row in order if selected[row]]

    def trial(self, row: int) -> ChangedTrial:
        """One of the trials."""
        triplets = self.judgements.triplets
        images = triplets.images
        ref, left, right = (
            TrialImage(images.ids[column[row]], images.keys[column[row]])
            for column in (triplets.ref, triplets.left, triplets.right)
        )
        sides = {-1: "left", 0: "a tie", 1: "right"}
        before, after = (sides[int(np.sign(self.margin[s][row]))] for s in ("before", "after"))
        vote = float(triplets.vote[row])
        return ChangedTrial(triplets.group[row], ref, left, right, vote, before, after)


def trial_changes(name: str) -> TrialChanges:
    """A learned backbone's test trials before and after.

    Raises:
        UnknownNameError: no such learned backbone, or its judgement set was removed.
        BadDataError: the set was replaced, or features are missing.
    """
    info = lineage.read(name)
    judgements = sets.open_(info.judgements)
    if judgements.digest != info.result.get("judgements_digest", info.digest):
        raise BadDataError(
            f"The judgements {judgements.name!r} are not those that {info.name} was trained on. "
            "Add those again under this name to see what changed."
        )
    part = triplet_sets.part(judgements, np.array(info.test_trials, np.int64))
    before = [pair_similarities.values(part, model, METRIC) for model in info.base]
    left_right = {
        # Several backbones: the sum of their cosines, of those with evidence.
        "before": before[0] if len(before) == 1 else np.nansum(before, axis=0),
        "after": pair_similarities.values(part, info.name, METRIC),
    }
    vote = part.triplets.vote
    credit = {
        stage: two_afc.credit(left, right, vote, counting="majority")
        for stage, (left, right) in left_right.items()
    }
    margin = {stage: right - left for stage, (left, right) in left_right.items()}
    return TrialChanges(info.name.removeprefix(PREFIX), part, credit, margin)


def triplet_sets_for_training() -> list[str]:
    """Judgement sets that can train a network: triplets, and the set that needs no download."""
    names = [name for name in sets.names() if sets.summary(name).shape == "triplets"]
    return sorted({*names, sets.KNOWN})


def singleton_sets() -> list[str]:
    """Names of single images that self-supervised paradigms can learn from."""
    return [singles.name for singles in sets.singleton_sets()]


def votes_source(name: str) -> str:
    """Whose votes a judgement set has: "human", or "known order"."""
    return sets.summary(name).votes if name in sets.names() else "known order"


def without_training_overlap(judgements: str, models: Sequence[str]) -> list[str]:
    """The backbones that were not trained on images of a judgement set."""
    if judgements not in sets.names():
        return list(models)  # the known order: made when it is first opened
    keys = sets.open_(judgements).trials.images.keys
    overlapping = provenance.trained_on_any(models, keys)
    return [model for model in models if model not in overlapping]
