"""Learning on a collection: runs, their report, and what comes out as a backbone."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.store import Store
from simcore.errors import BadDataError, unknown
from simcore.evaluate import asymmetric, duplicates
from simcore.lab import features, rivals, seen, selection
from simcore.learn import adaptation, fusion, fusion_runs, inputs, splits
from simcore.models import adapted, extract, forward, learned, registry
from simcore.types import Array, Collection, OnProgress

Settings = adaptation.Settings
Fusion = fusion.Settings
RUNS = 20  # risser-maroux2021, 4.2
ALIKE = 0.10  # cosine distance below which two images stay on one side of a split
check = learned.check  # whether a name can be kept
unfinished = learned.unfinished  # names of runs that wait to be gone on with
STAGES = ("before", "pca", "after")


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

    def spread(self, stage: str) -> asymmetric.Spread:
        """Asymmetric recall "before", after the "pca" and "after" learning."""
        name = {"before": "before", "pca": "reduced", "after": "after"}[stage]
        return asymmetric.spread([getattr(run, name) for run in self.runs])

    def json(self) -> dict:
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
            **{stage: self.spread(stage).json() for stage in STAGES},
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
        raise unknown("method", method, ("paper", "fusion"))
    return Settings(adaptation.check(protocol), sigma, epochs, seed=seed)


def rival(found: Learned) -> dict:
    """The best z-sum, chosen for every split on the pairs learned from, on the same test pairs.

    Raises:
        BadDataError: more backbones than can be searched.
    """
    told, chosen = rivals.spread(found.collection, found.models, [run.split for run in found.runs])
    return told.json() | {"chosen": chosen}


def adapt(
    name: str,
    models: Sequence[str],
    settings: Settings | Fusion | None = None,
    *,
    runs: int | None = None,
    subset: str = "all",
    device: str = "auto",
    save: str = "",
    on_progress: OnProgress | None = None,
    on_curve: adaptation.OnCurve | None = None,
    stop: adaptation.Stop | None = None,
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
    collection = selection.open_(name, subset)
    names = tuple(registry.expand(models))
    seen.innocent(name, collection.digest, keys(collection), names)
    groups, by = grouped(collection)
    # Only the paper's own function picks its epoch on pairs that are set aside for it.
    aside = isinstance(chosen, Settings) and chosen.protocol == "honest"
    drawn = [
        splits.draw(groups, chosen.seed + run, validation=splits.VALIDATION if aside else 0.0)
        for run in range(runs)
    ]
    given, place = gathered(collection, names), forward.resolve_device(device)
    # Where nobody gave it a name it has one of its own until it is over.
    mark = save or "unnamed-" + adaptation.identity(given, drawn, asdict(chosen))[:12]
    told: dict[str, Any] = {
        "device": place, "checkpoint": learned.place(mark, "ckpt"),
        "on_progress": on_progress, "on_curve": on_curve, "stop": stop,
    }  # fmt: skip
    if isinstance(chosen, Settings):
        found = adaptation.train(given, drawn, chosen, **told)
    else:
        found = fusion_runs.train(given, drawn, chosen, **told)
    if not save:
        learned.forget_unfinished(mark)
    return Learned(collection, names, chosen, tuple(found), by, time.monotonic() - began)


def keys(collection: Collection, rows: Sequence[int] | Array | None = None) -> list[str]:
    """Content keys of both pictures of some pairs, or of all."""
    pairs = collection.pairs()
    sides = (pairs.queries, pairs.gallery)
    return [key for s in sides for key in (s if rows is None else s.take(rows)).keys]


def gathered(collection: Collection, names: Sequence[str]) -> inputs.Inputs:
    """Both sides of a collection's pairs under some backbones, side by side."""
    pairs = collection.pairs()
    left, right = (
        [features.read(collection, side, name) for name in names]
        for side in (pairs.queries, pairs.gallery)
    )
    return inputs.gather(left, right)


def grouped(collection: Collection) -> tuple[Array, str]:
    """(N,) groups of pairs that must stay together, and the backbone that says so ("" = none).

    Pairs with the same picture always do; near-duplicates where a generic network's features are
    there to find them.
    """
    pairs = collection.pairs()
    sides = (pairs.queries, pairs.gallery)
    by = selection.judge_of(collection)
    twins = []
    if by:
        rows = [features.read(collection, side, by) for side in sides]
        twins = duplicates.twins(rows[0], rows[1], within=ALIKE, across=ALIKE)
    seen: dict[str, int] = {}
    for side in sides:
        for row, key in enumerate(side.keys):
            first = seen.setdefault(key, row)
            if first != row:
                twins.append(duplicates.Twin("left", first, "left", row, 0.0))
    return duplicates.groups(twins, len(pairs)), by


def keep(found: Learned, name: str, told: dict | None = None) -> str:
    """The first run as a backbone, `learned:NAME`, with the collection's features at once.

    Args:
        told: what to remember of how the runs went; by default `Learned.json`.

    Raises:
        BadDataError: the name is taken or not allowed.
    """
    learned.check(name)
    run = found.runs[0]
    ids = found.collection.left.ids
    file = learned.place(name, "npz")
    run.adaptation.save(file)
    what = " + ".join(found.models)
    typed = learned.keep(
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
            "aR": {str(k): float((run.after <= k).mean()) for k in asymmetric.KS},
            "result": told or found.json(),
        },
        keys(found.collection, np.concatenate([run.split.train, run.split.validation])),
    )
    publish(found.collection, typed, run.adaptation)
    learned.forget_unfinished(name)
    return typed


def publish(collection: Collection, typed: str, what: adapted.Adaptation) -> None:
    """Put a collection's adapted features into the store: made of those that are there."""
    store = Store()
    spec = registry.spec(typed)
    slot = extract.slot(spec, "fp32")
    both = gathered(collection, what.backbones)
    pairs = collection.pairs()
    for images, values in ((pairs.queries, both.left), (pairs.gallery, both.right)):
        wanted = set(store.missing(slot, images.keys))
        rows = {key: row for row, key in enumerate(images.keys) if key in wanted}
        store.append(slot, list(rows), list(what(values[list(rows.values())])[:, None]))


def export(found: Learned, file: Path) -> None:
    """Write the first run's .npz; ten lines of NumPy apply it."""
    found.runs[0].adaptation.save(file)


def listing() -> list[dict]:
    """Every learned backbone's name and lineage, and beside it what `learned.worth` tells."""
    found = [(name, learned.lineage(name)) for name in learned.names()]
    return [{"name": name, **told, **learned.worth(told)} for name, told in found]


def lineage(name: str) -> dict:
    """Where a learned backbone comes from, and how its runs went.

    Raises:
        UnknownNameError: no such one.
    """
    return learned.lineage(name)


def remove(name: str) -> None:
    """Forget a learned backbone and its features, or a run that waits under this name.

    Raises:
        UnknownNameError: no such one.
    """
    stem = name.removeprefix(learned.PREFIX)
    if stem in learned.unfinished():
        learned.forget_unfinished(stem)
        if learned.PREFIX + stem not in learned.names():
            return
    spec = registry.spec(learned.PREFIX + name.removeprefix(learned.PREFIX))
    Store().drop(extract.slot(spec, "fp32"))
    learned.remove(name)
