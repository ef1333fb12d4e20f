"""Learning on a collection: runs, their report, and what comes out as a backbone."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.combinations import subset_statistics
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.evaluate.retrieval.recall import ranks_of
from simcore.lab import recipes
from simcore.lab.evaluate import combinations
from simcore.lab.library import features, provenance, subsets
from simcore.lab.library.collections import keys
from simcore.lab.library.duplicates import pair_groups
from simcore.learn import splits
from simcore.learn.adapt import adaptation, fusion, inputs
from simcore.learn.splits import Split
from simcore.models import adapter, forward, lineage, registry
from simcore.models.extract import extraction
from simcore.recipe import POST_PROCESSING, Part, PostProcessing, Recipe
from simcore.types import DIRECTIONS, Array, Collection, Monitor

Settings = adaptation.Settings
Fusion = fusion.Settings
RUNS = 20  # risser-maroux2021, 4.2
STAGES = ("before", "pca", "after")

MOST = 12  # backbones whose 4,095 subsets are searched for every split and lift


def settings(
    method: str, *, protocol: str = "honest", sigma: float = 15, epochs: int = 150, seed: int = 0
) -> Settings | Fusion:
    """How to learn: "paper", the function of risser-maroux2021, or "fusion", the better one.

    Args:
        protocol, sigma, epochs: of the paper's.

    Raises:
        UnknownNameError: no such method or protocol. BadDataError: numbers that cannot be.
    """
    if method == "fusion":
        return Fusion(seed=seed)
    if method != "paper":
        raise unknown_name("method", method, ("paper", "fusion"))
    return Settings(adaptation.check(protocol), sigma, epochs, seed=seed)


@dataclass(frozen=True, eq=False)
class Learned:
    """Runs of the adaptation function on a collection.

    Attributes:
        collection, models, settings, seconds: what was asked for, and how long it took.
        runs: each with its own split.
        twins: by which backbone near-duplicates were kept on one side; empty where only identical
            files were looked for, since no generic network's features are there.
    """

    collection: Collection
    models: tuple[str, ...]
    settings: Settings | Fusion
    runs: tuple[adaptation.Run, ...]
    twins: str
    seconds: float

    def spread(self, stage: str) -> asymmetric_recall.RecallOverRuns:
        """Asymmetric recall "before", after the "pca" and "after" learning."""
        name = {"before": "before", "pca": "reduced", "after": "after"}[stage]
        return asymmetric_recall.over_runs([getattr(run, name) for run in self.runs])

    def to_dict(self) -> dict:
        """The document of `simcore learn adaptation --json`."""
        first = self.runs[0].split
        return {
            "collection": self.collection.name,
            "models": list(self.models),
            "settings": asdict(self.settings),
            "runs": len(self.runs),
            "pairs": {name: len(getattr(first, name)) for name in ("train", "validation", "test")},
            "twins_by": self.twins,
            "width": int(sum(self.runs[0].adaptation.dims)),
            "variance_kept": float(np.mean([run.kept for run in self.runs])),
            **{stage: self.spread(stage).to_dict() for stage in STAGES},
            "epochs": [run.epoch for run in self.runs],
            "loss": _mean([run.losses for run in self.runs]),
            "check": _mean([run.checks for run in self.runs]),
            "seconds": self.seconds,
        }


def _mean(curves: Sequence[Array]) -> list[float]:
    """The mean of the runs' curves, as far as all of them go."""
    shortest = min(map(len, curves))
    mean: list[float] = np.mean([one[:shortest] for one in curves], axis=0).tolist()
    return mean


def baseline(found: Learned) -> dict:
    """The best z-sum, chosen for every split on the pairs learned from, on the same test pairs.

    Raises:
        BadDataError: more backbones than can be searched.
    """
    told, chosen = spread(found.collection, found.models, [run.split for run in found.runs])
    return told.to_dict() | {"chosen": chosen}


def adapt(
    name: str,
    models: Sequence[str],
    settings: Settings | Fusion | None = None,
    *,
    runs: int | None = None,
    subset: str = "all",
    device: str = "auto",
    save: str = "",
    monitor: Monitor = Monitor(),
    on_curve: adaptation.OnCurve | None = None,
) -> Learned:
    """The adaptation function on a collection's pairs, every run with its own split and start.

    Stopped or killed, the same call goes on where it was, to the same numbers.

    Args:
        models: backbones whose features are there; side by side they are what is learned on.
        runs: by default 20, as in the paper.
        subset: which of the pairs, see `selection.SUBSETS`.
        save: the name that `keep` is going to be told; until then the checkpoint has it.

    Raises:
        BadDataError: features missing, too few pairs, settings that cannot be, or what waits under
            this name is another run.
        Stopped: `stop` said so.
    """
    runs = RUNS if runs is None else runs
    if runs < 1:
        raise BadDataError(f"found {runs} runs; expected 1 or more")
    began = time.monotonic()
    chosen = settings or Settings()
    collection = subsets.open_subset(name, subset)
    names = tuple(registry.expand_groups(models))
    provenance.require_unseen(name, collection.digest, keys(collection), names)
    groups, by = pair_groups(collection)
    # Only the paper's own function picks its epoch on pairs that are set aside for it.
    aside = isinstance(chosen, Settings) and chosen.protocol == "honest"
    drawn = [
        splits.random_split(
            groups, chosen.seed + run, validation=splits.VALIDATION if aside else 0.0
        )
        for run in range(runs)
    ]
    given, place = gathered(collection, names), forward.resolve_device(device)
    # Where nobody gave it a name it has one of its own until it is over.
    mark = save or "unnamed-" + adaptation.identity(given, drawn, asdict(chosen))[:12]
    told: dict[str, Any] = {
        "device": place,
        "checkpoint": lineage.path(mark, "ckpt"),
        "monitor": monitor,
        "on_curve": on_curve,
    }
    if isinstance(chosen, Settings):
        found = adaptation.train(given, drawn, chosen, **told)
    else:
        found = fusion.train_runs(given, drawn, chosen, **told)
    if not save:
        lineage.forget_unfinished(mark)
    return Learned(collection, names, chosen, tuple(found), by, time.monotonic() - began)


def gathered(collection: Collection, names: Sequence[str]) -> inputs.Inputs:
    """Both sides of a collection's pairs under some backbones, side by side."""
    pairs = collection.pairs()
    left, right = (
        [features.for_side(collection, side, name) for name in names]
        for side in (pairs.queries, pairs.gallery)
    )
    return inputs.gather(left, right)


def keep(found: Learned, name: str, told: dict | None = None) -> str:
    """The first run as a backbone, `learned:NAME`, with the collection's features at once.

    Args:
        told: what to remember of how the runs went; by default `Learned.json`.

    Raises:
        BadDataError: the name is taken or not allowed.
    """
    lineage.check(name)
    run = found.runs[0]
    ids = found.collection.left.ids
    file = lineage.path(name, "npz")
    run.adaptation.save(file)
    what = " + ".join(found.models)
    typed = lineage.keep(
        name,
        file,
        {
            "kind": "adaptation",
            "paradigm": "fusion" if isinstance(found.settings, Fusion) else "adaptation",
            "collection": found.collection.name,
            "digest": found.collection.digest,
            "base": list(found.models),
            "settings": asdict(found.settings),
            "seed": found.settings.seed,
            "dim": run.adaptation.width,
            "about": f"Adapted from {what} on {found.collection.name}.",
            "paper": "risser-maroux2021" if run.adaptation.layers[0].relu else "",
            "test_ids": [ids[row] for row in run.split.test],
            "aR": {str(k): float((run.after <= k).mean()) for k in asymmetric_recall.KS},
            "result": told or found.to_dict(),
        },
        keys(found.collection, np.concatenate([run.split.train, run.split.validation])),
    )
    publish(found.collection, typed, run.adaptation)
    lineage.forget_unfinished(name)
    return typed


def publish(collection: Collection, typed: str, what: adapter.Adapter) -> None:
    """Put a collection's adapted features into the store: made of those that are there."""
    store = FeatureStore.shared()
    spec = registry.get(typed)
    slot = extraction.feature_key(spec, "fp32")
    both = gathered(collection, what.backbones)
    pairs = collection.pairs()
    for images, values in ((pairs.queries, both.left), (pairs.gallery, both.right)):
        wanted = set(store.missing(slot, images.keys))
        rows = {key: row for row, key in enumerate(images.keys) if key in wanted}
        store.append(slot, list(rows), list(what(values[list(rows.values())])[:, None]))


def export(found: Learned, file: Path) -> None:
    """Write the first run's .npz; ten lines of NumPy apply it."""
    found.runs[0].adaptation.save(file)


def check_backbone_count(names: Sequence[str]) -> None:
    """Whether a best z-sum can be searched among so many.

    Raises:
        BadDataError: there are more than `MOST`.
    """
    if len(names) > MOST:
        raise BadDataError(
            f"found {len(names)} backbones; the best z-sum is searched among at most {MOST}; "
            "leave some out, or --rival"
        )


def best_zsum(
    collection: Collection,
    names: Sequence[str],
    split: Split,
    *,
    post_choices: Sequence[PostProcessing] = POST_PROCESSING,
) -> tuple[Recipe, Array]:
    """The z-sum and lift with most hits on the pairs learned from, judged on the test pairs.

    Args:
        names: at most `MOST`. lifts: that may be chosen.

    Returns:
        the recipe, and (T,) asymmetric ranks in the gallery of the test pairs.

    Raises:
        BadDataError: more backbones than that.
    """
    check_backbone_count(names)
    rows = np.sort(np.concatenate([split.train, split.validation]))
    known = _part(collection, rows)
    best: tuple[int, Recipe] | None = None
    for post in post_choices:
        found = combinations.search_in(known, tuple(names), "lr", None, post)
        top = subset_statistics.best(found.hits["zsum"])
        parts = tuple(Part(name) for name in top.models)
        recipe = Recipe(parts, "zsum" if len(parts) > 1 else "none", post)
        if best is None or top.hits > best[0]:
            best = top.hits, recipe
    assert best is not None
    return best[1], asymmetric_ranks(_part(collection, split.test), best[1])


def asymmetric_ranks(collection: Collection, recipe: Recipe) -> Array:
    """(N,) the better of both directions' ranks of each pair of a collection."""
    resolved, found = recipes.resolve(recipe), []
    for direction in DIRECTIONS:
        pairs = collection.pairs(direction)
        sides = [
            {name: features.for_side(collection, side, name) for name in recipe.backbones}
            for side in (pairs.queries, pairs.gallery)
        ]
        found.append(ranks_of(pairs, resolved, sides[0], sides[1]))
    return np.minimum(*found)


def spread(
    collection: Collection, names: Sequence[str], drawn: Sequence[Split]
) -> tuple[asymmetric_recall.RecallOverRuns, list[str]]:
    """`best_sum` of every split: asymmetric recall, and the recipe that each chose."""
    told = [best_zsum(collection, names, split) for split in drawn]
    return asymmetric_recall.over_runs([ranks for _, ranks in told]), [
        f"{recipe.label}, {recipe.post}" for recipe, _ in told
    ]


def _part(collection: Collection, rows: Array) -> Collection:
    return replace(
        collection,
        left=collection.left.take(rows),
        right=collection.pairs().gallery.take(rows),
        votes=None,
        digest=f"{collection.digest}-rows",
    )
