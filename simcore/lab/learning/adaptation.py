"""Adaptation and fusion on a collection: runs, their results, and the backbone they make."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.combinations import subset_statistics
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.retrieval.asymmetric_recall import RecallOverRuns
from simcore.evaluate.retrieval.recall import ranks_of
from simcore.lab import recipes
from simcore.lab.evaluate import combinations
from simcore.lab.learning.pair_data import PairCounts
from simcore.lab.library import features, provenance, subsets
from simcore.lab.library.collections import keys as content_keys
from simcore.lab.library.duplicates import pair_groups
from simcore.models import forward, lineage, registry
from simcore.models.adapter import Adapter
from simcore.models.extract import extraction
from simcore.models.lineage import Lineage
from simcore.recipe import POST_PROCESSING, Part, PostProcessing, Recipe
from simcore.results import Table, to_dict
from simcore.training import splits as learn_splits
from simcore.training.adapt import adaptation, fusion, inputs
from simcore.training.adapt.adaptation import AdaptationRun, AdaptationSettings, OnCurve
from simcore.training.adapt.fold_training import FusionSettings
from simcore.training.splits import Split
from simcore.types import DIRECTIONS, JSON, Array, Collection, Monitor

Settings = AdaptationSettings | FusionSettings
METHODS = ("paper", "fusion")
RUNS = 20  # risser-maroux2021, 4.2
MAX_RUNS = 1000
MAX_BACKBONES = 12  # of `baseline`: all 4,095 subsets, for each split and post-processing
STAGES = {"before": "before", "pca": "reduced", "after": "after"}  # JSON key -> field of a run


def make_settings(
    method: str,
    *,
    protocol: str = "held-out",
    sigma: float = 15,
    epochs: int = 150,
    seed: int = 0,
    **more: Any,
) -> Settings:
    """The settings of a method.

    Args:
        method: "paper", the function of risser-maroux2021, or "fusion".
        protocol, sigma, epochs: of method "paper".
        more: other fields of `AdaptationSettings`.

    Raises:
        UnknownNameError: no such method or protocol. BadDataError: a number out of range, or a
            field of the function for method "fusion".
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if method == "fusion":
        if more:
            raise BadDataError(
                f"Fusion has no {', '.join(more)}. Leave it out, or choose the method paper."
            )
        return FusionSettings(seed=seed)
    checked = adaptation.check_protocol(protocol)
    # A float, since 15 and 15.0 would be two names of one stored result.
    return AdaptationSettings(checked, float(sigma), epochs, seed=seed, **more)


@dataclass(frozen=True, eq=False)
class Baseline:
    """The best z-sum, selected for each split without its test pairs, on the same test pairs.

    Attributes:
        recall: on the test pairs. recipes: the z-sum that each split selected.
    """

    recall: RecallOverRuns
    recipes: tuple[Recipe, ...]

    def to_dict(self) -> JSON:
        """For the document of a run."""
        labels = [f"{recipe.label}, {recipe.post}" for recipe in self.recipes]
        return self.recall.to_dict() | {"chosen": labels}


@dataclass(frozen=True, eq=False)
class AdaptationResult:
    """Runs of adaptation or fusion on a collection.

    Attributes:
        runs: each with its own split.
        duplicates_by: the backbone that found the near-duplicates kept in one part; "" if only
            identical files were, because features of a generic network are missing. With protocol
            `paper` pairs are split at random, and it found those counted by `duplicates_across`.
        duplicates_across: test pairs with a near-duplicate among the training pairs, mean of the
            runs; 0 except with protocol `paper`.
        baseline: added by `with_baseline`.
    """

    collection: Collection
    models: tuple[str, ...]
    settings: Settings
    runs: tuple[AdaptationRun, ...]
    duplicates_by: str
    seconds: float
    duplicates_across: float = 0.0
    baseline: Baseline | None = None

    @property
    def adapter(self) -> Adapter:
        """That of the first run, the one that is saved."""
        return self.runs[0].adapter

    @property
    def method(self) -> str:
        """One of `METHODS`."""
        return "fusion" if isinstance(self.settings, FusionSettings) else "paper"

    def recall(self, stage: str) -> RecallOverRuns:
        """Asymmetric recall of the test pairs at one of `STAGES`."""
        return asymmetric_recall.over_runs([getattr(run, STAGES[stage]) for run in self.runs])

    def with_baseline(self) -> "AdaptationResult":
        """The same result with the best z-sum beside it, see `best_zsum`."""
        selected = [best_zsum(self.collection, self.models, run.split) for run in self.runs]
        recall = asymmetric_recall.over_runs([ranks for _, ranks in selected])
        return replace(self, baseline=Baseline(recall, tuple(recipe for recipe, _ in selected)))

    def to_dict(self) -> JSON:
        """The document of `simcore learn adaptation --json`."""
        document: JSON = {
            "collection": self.collection.name,
            "models": list(self.models),
            "settings": asdict(self.settings),
            "runs": len(self.runs),
            "pairs": to_dict(self._pair_counts()),
            "duplicates_by": self.duplicates_by,
            "duplicates_across": self.duplicates_across,
            "width": int(sum(self.adapter.dims)),
            "variance_kept": float(np.mean([run.variance_kept for run in self.runs])),
            **{stage: self.recall(stage).to_dict() for stage in STAGES},
            "epochs": [run.epoch for run in self.runs],
            "loss": adaptation.mean_curve([run.losses for run in self.runs]).tolist(),
            "check": adaptation.mean_curve([run.validation_losses for run in self.runs]).tolist(),
            "seconds": self.seconds,
        }
        return document | ({"baseline": self.baseline.to_dict()} if self.baseline else {})

    def to_table(self) -> Table:
        """One row per stage: mean recall and two deviations, in percent."""
        rows = {
            "features side by side": self.recall("before"),
            "start: z-sum" if self.method == "fusion" else "after PCA": self.recall("pca"),
            **({"best z-sum": self.baseline.recall} if self.baseline else {}),
            "learned": self.recall("after"),
        }
        ks, counts = asymmetric_recall.KS, self._pair_counts()
        title = (
            f"{self.collection.name}, {len(self.runs)} runs: {counts.train:,} training, "
            f"{counts.validation:,} validation and {counts.test:,} test pairs"
        )
        return Table(
            ("", *(f"aR@{k} %{', two deviations' if len(self.runs) > 1 else ''}" for k in ks)),
            tuple((label, *(_percent(recall, k) for k in ks)) for label, recall in rows.items()),
            title,
            self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        if isinstance(self.settings, FusionSettings):
            return ()
        notes = []
        if self.settings.pca == "once":
            notes.append("The PCA was fitted once on all images, test images included.")
        if self.settings.uses_validation:
            return tuple(notes)
        return (
            *notes,
            "Protocol paper: pairs are split at random and the epoch is chosen on the test pairs; "
            f"{self.duplicates_across:.1f} of {self._pair_counts().test:,} test pairs (mean) have "
            "a near-duplicate among the training pairs.",
        )

    def _pair_counts(self) -> PairCounts:
        split = self.runs[0].split
        return PairCounts(*(len(getattr(split, part)) for part in learn_splits.PART_NAMES))


def _percent(recall: RecallOverRuns, k: int) -> str:
    mean, deviation = recall.at(k)
    spread = f" ± {200 * deviation:.1f}" if len(recall.runs) > 1 else ""  # one run has no deviation
    return f"{100 * mean:.1f}{spread}"


def adapt(
    name: str,
    models: Sequence[str],
    settings: Settings | None = None,
    *,
    runs: int | None = None,
    subset: str = "all",
    device: str = "auto",
    save: str = "",
    monitor: Monitor = Monitor(),
    on_curve: OnCurve | None = None,
) -> AdaptationResult:
    """Train on a collection's pairs; every run has its own split and initial weights.

    A call that was stopped or killed resumes when it is repeated, with the same numbers.

    Args:
        name: a collection of pairs.
        models: backbones with extracted features, which are put side by side.
        settings: by default `AdaptationSettings()`.
        runs: by default 20, as in the paper.
        subset: which of the pairs, see `subsets.SUBSETS`.
        save: the name that `save_backbone` will get; the checkpoint has it until then.

    Raises:
        BadDataError: missing features, too few pairs, or the checkpoint of that name is that of
            another run.
        Stopped: on request.
    """
    runs = RUNS if runs is None else runs
    if not 1 <= runs <= MAX_RUNS:
        raise BadDataError(f"runs must be 1 to {MAX_RUNS:,}, got {runs}.")
    began = time.monotonic()
    settings = settings or AdaptationSettings()
    collection = subsets.open_subset(name, subset, monitor=monitor)
    models = tuple(registry.expand_groups(models))
    provenance.require_unseen(name, collection.digest, content_keys(collection), models)
    groups, duplicates_by = pair_groups(collection, monitor=monitor)
    splits = _draw_splits(groups, settings, runs)
    across = float(np.mean([_count_across(split, groups) for split in splits]))
    data = gather_inputs(collection, models)
    # Without a name, the checkpoint has one of its own until the end.
    fingerprint = adaptation.run_fingerprint(data, splits, settings.hashed_fields())
    checkpoint_name = save or f"unnamed-{fingerprint[:12]}"
    checkpoint = lineage.path(checkpoint_name, "ckpt")
    device = forward.resolve_device(device)
    if isinstance(settings, AdaptationSettings):
        trained = adaptation.train(
            data,
            splits,
            settings,
            device=device,
            checkpoint=checkpoint,
            monitor=monitor,
            on_curve=on_curve,
        )
    else:
        trained = fusion.train_runs(
            data,
            splits,
            settings,
            device=device,
            checkpoint=checkpoint,
            monitor=monitor,
            on_curve=on_curve,
        )
    if not save:
        lineage.forget_unfinished(checkpoint_name)
    seconds = time.monotonic() - began
    return AdaptationResult(
        collection, models, settings, tuple(trained), duplicates_by, seconds, across
    )


def _draw_splits(groups: Array, settings: Settings, runs: int) -> list[Split]:
    """A random split for each run; run r uses seed + r.

    Only the held-out protocol needs validation pairs: fusion cross-validates on its training pairs.
    The paper splits pairs at random, whatever they show.
    """
    is_paper = isinstance(settings, AdaptationSettings) and not settings.uses_validation
    held_out = isinstance(settings, AdaptationSettings) and settings.uses_validation
    share = learn_splits.VALIDATION_SHARE if held_out else 0.0
    if is_paper:
        groups = np.arange(len(groups))
    seeds = range(settings.seed, settings.seed + runs)
    return [learn_splits.random_split(groups, seed, validation=share) for seed in seeds]


def _count_across(split: Split, groups: Array) -> int:
    """Test pairs that share a group of near-duplicates with a training pair."""
    return int(np.isin(groups[split.test], groups[split.train]).sum())


def gather_inputs(collection: Collection, models: Sequence[str]) -> inputs.Inputs:
    """Both sides of a collection's pairs, features of some backbones side by side."""
    pairs = collection.pairs()
    left, right = (
        [features.for_side(collection, side, model) for model in models]
        for side in (pairs.queries, pairs.gallery)
    )
    return inputs.gather(left, right)


def save_backbone(result: AdaptationResult, name: str) -> Lineage:
    """Save the first run as the backbone `learned:NAME`, with its features of the collection.

    Raises:
        BadDataError: the name is in use or not allowed.
    """
    lineage.check_available(name)
    run, collection = result.runs[0], result.collection
    ids = collection.left.ids
    file = lineage.path(name, "npz")
    run.adapter.save(file)
    base = " + ".join(result.models)
    info = Lineage(
        name=lineage.PREFIX + name,
        kind="adaptation",
        paradigm="fusion" if result.method == "fusion" else "adaptation",
        digest=collection.digest,
        base=result.models,
        settings=asdict(result.settings),
        seed=result.settings.seed,
        dim=run.adapter.width,
        description=f"Adapted from {base} on {collection.name}.",
        paper="" if result.method == "fusion" else "risser-maroux2021",
        result=result.to_dict(),
        collection=collection.name,
        test_ids=tuple(ids[row] for row in run.split.test),
        recall={str(k): float((run.after <= k).mean()) for k in asymmetric_recall.KS},
    )
    trained_on = np.concatenate([run.split.train, run.split.validation])
    info = lineage.save(info, file, content_keys(collection, trained_on))
    store_features(collection, info.name, run.adapter)
    lineage.forget_unfinished(name)
    return info


def store_features(collection: Collection, name: str, adapter: Adapter) -> None:
    """Apply an adapter to the stored features of a collection, and store the result."""
    data = gather_inputs(collection, adapter.backbones)
    pairs = collection.pairs()
    for images, values in ((pairs.queries, data.left), (pairs.gallery, data.right)):
        store_rows(images.keys, name, adapter, values)


def store_rows(keys: Sequence[str], name: str, adapter: Adapter, values: Array) -> None:
    """Apply an adapter to (N, D) features of N images, and store what is missing.

    Args:
        keys: content keys of the images. name: of the learned backbone.
    """
    store = FeatureStore.shared()
    key = extraction.feature_key(registry.get(name), "fp32")
    missing = set(store.missing(key, keys))
    rows = {image: row for row, image in enumerate(keys) if image in missing}
    store.append(key, list(rows), adapter.rows(values[list(rows.values())]))


def check_backbone_count(models: Sequence[str]) -> None:
    """Check that the best z-sum of these backbones can be searched.

    Raises:
        BadDataError: more than `MAX_BACKBONES`.
    """
    if len(models) > MAX_BACKBONES:
        raise BadDataError(
            f"The baseline searches the subsets of at most {MAX_BACKBONES} backbones, got "
            f"{len(models)}. Leave some out, or leave out --baseline."
        )


def best_zsum(
    collection: Collection,
    models: Sequence[str],
    split: Split,
    *,
    post_choices: Sequence[PostProcessing] = POST_PROCESSING,
) -> tuple[Recipe, Array]:
    """The z-sum and post-processing with the most hits on the pairs that are not test pairs.

    Args:
        models: at most `MAX_BACKBONES`. post_choices: from which the post-processing is selected.

    Returns:
        The recipe, and (T,) asymmetric ranks in the gallery of the test pairs.

    Raises:
        BadDataError: too many backbones.
    """
    check_backbone_count(models)
    training = select_pairs(collection, np.sort(np.concatenate([split.train, split.validation])))
    best: tuple[int, Recipe] | None = None
    for post in post_choices:
        search = combinations.search_in(training, tuple(models), "lr", None, post)
        top = subset_statistics.best(search.hits["zsum"])
        parts = tuple(Part(model) for model in top.models)
        recipe = Recipe(parts, "zsum" if len(parts) > 1 else "none", post)
        if best is None or top.hits > best[0]:
            best = top.hits, recipe
    assert best is not None
    return best[1], asymmetric_ranks(select_pairs(collection, split.test), best[1])


def asymmetric_ranks(collection: Collection, recipe: Recipe) -> Array:
    """(N,) the better of both directions' ranks of each pair of a collection."""
    resolved, ranks = recipes.resolve(recipe), []
    for direction in DIRECTIONS:
        pairs = collection.pairs(direction)
        sides = [
            {model: features.for_side(collection, side, model) for model in recipe.backbones}
            for side in (pairs.queries, pairs.gallery)
        ]
        ranks.append(ranks_of(pairs, resolved, sides[0], sides[1]))
    return np.minimum(*ranks)


def select_pairs(collection: Collection, rows: Array) -> Collection:
    """Some pairs of a collection, with only their own mates as gallery."""
    rows = np.asarray(rows, np.int64)
    mark = hashlib.sha256(rows.tobytes()).hexdigest()[:16]  # results are cached by the digest
    return replace(
        collection,
        left=collection.left.take(rows),
        right=collection.pairs().gallery.take(rows),
        votes=None,
        digest=f"{collection.digest}-rows-{mark}",
    )
