"""Learning on a collection: runs, their report, and what comes out as a backbone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from simcore.data.store import Store
from simcore.errors import BadDataError
from simcore.evaluate import asymmetric, duplicates
from simcore.lab import features, selection
from simcore.learn import adaptation, inputs, splits
from simcore.models import adapted, extract, forward, learned, registry
from simcore.types import Array, Collection, OnProgress

Settings = adaptation.Settings
RUNS = 20  # risser-maroux2021, 4.2
ALIKE = 0.10  # cosine distance below which two images stay on one side of a split
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
    settings: Settings
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
            "loss": np.mean([run.losses for run in self.runs], axis=0).tolist(),
            "check": np.mean([run.checks for run in self.runs], axis=0).tolist(),
            "seconds": self.seconds,
        }


def adapt(
    name: str,
    models: Sequence[str],
    settings: Settings | None = None,
    *,
    runs: int = RUNS,
    subset: str = "all",
    device: str = "auto",
    on_progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Learned:
    """The adaptation function on a collection's pairs, every run with its own split and start.

    Args:
        models: backbones whose features are there; side by side they are what is learned on.
        subset: which of the pairs, see `selection.SUBSETS`.

    Raises:
        BadDataError: features missing, too few pairs, or settings that cannot be.
    """
    if runs < 1:
        raise BadDataError(f"found {runs} runs; expected 1 or more")
    began = time.monotonic()
    chosen = settings or Settings()
    collection = selection.open_(name, subset)
    names = tuple(registry.expand(models))
    groups, by = grouped(collection)
    drawn = [
        splits.draw(
            groups, chosen.seed + run,
            validation=splits.VALIDATION if chosen.protocol == "honest" else 0.0,
        )
        for run in range(runs)
    ]  # fmt: skip
    found = adaptation.train(
        gathered(collection, names), drawn, chosen,
        device=forward.resolve_device(device), on_progress=on_progress, stop=stop,
    )  # fmt: skip
    return Learned(collection, names, chosen, tuple(found), by, time.monotonic() - began)


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


def keep(found: Learned, name: str) -> str:
    """The first run as a backbone, `learned:NAME`, with the collection's features at once.

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
            "paradigm": "adaptation",
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
        },
    )
    publish(found.collection, typed, run.adaptation)
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
    """Every learned backbone's name and lineage."""
    return [{"name": name} | learned.lineage(name) for name in learned.names()]


def remove(name: str) -> None:
    """Forget a learned backbone, and its features.

    Raises:
        UnknownNameError: no such one.
    """
    spec = registry.spec(learned.PREFIX + name.removeprefix(learned.PREFIX))
    Store().drop(extract.slot(spec, "fp32"))
    learned.remove(name)
