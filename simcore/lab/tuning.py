"""Fine-tuning a backbone on a collection: the run, what it was worth, and the new backbone."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from simcore.data import home, images
from simcore.data.store import Store
from simcore.errors import BadDataError
from simcore.evaluate import asymmetric
from simcore.lab import curves, learning, selection
from simcore.learn import finetune, paradigms, presets, splits
from simcore.learn.paradigms import Examples
from simcore.models import extract, forward, learned, registry
from simcore.sim.metrics import normalised
from simcore.specs import Spec
from simcore.types import Array, Collection, ImageSet, OnProgress

Settings = finetune.Settings
PARADIGMS = paradigms.PARADIGMS
LOOK = 32  # pictures a forward pass, where nothing is learned


@dataclass(frozen=True, eq=False)
class Report:
    """A fine-tuning run.

    Attributes:
        collection, base, settings: what was asked for. pairs: {"train", "validation", "test"}.
        told: losses, validation losses and the epoch that is kept.
        before, after: (T,) asymmetric ranks of the test pairs; None where the run was stopped.
        saved: what users type, or "" where the run was stopped.
    """

    collection: str
    base: str
    settings: Settings
    pairs: dict[str, int]
    told: finetune.Tuned
    before: Array | None
    after: Array | None
    seconds: float
    saved: str = ""

    def json(self) -> dict[str, Any]:
        """The document of `simcore learn finetune --json`."""
        found = {
            stage: None if ranks is None else asymmetric.spread([ranks]).json()
            for stage, ranks in (("before", self.before), ("after", self.after))
        }
        return {
            "collection": self.collection,
            "base": self.base,
            "settings": asdict(self.settings),
            "pairs": self.pairs,
            "finished": self.told.finished,
            "epoch": self.told.epoch,
            "steps_an_epoch": self.told.steps,
            "loss": self.told.losses,
            "check": self.told.checks,
            "saved": self.saved,
            "seconds": self.seconds,
            **found,
        }


def preset(base: str, paradigm: str, **chosen: Any) -> Settings:
    """The row of Table B.1 that suits a backbone, with what was chosen in its place.

    Args:
        chosen: fields of `Settings`; None leaves the preset.

    Raises:
        UnknownNameError: no such paradigm.
    """
    way = paradigms.check(paradigm)
    rate, epochs, batch = presets.of(presets.nearest(base), way)
    settings = Settings(way, rate, epochs, batch)
    return replace(settings, **{k: v for k, v in chosen.items() if v is not None})


def preset_of(base: str) -> str:
    """Which network's row of Table B.1 suits a backbone."""
    return presets.nearest(base)


def trainable() -> list[str]:
    """Registered backbones whose weights can be learned further; libraries' names go as well."""
    return [n for n in registry.names() if {"networks", "grid"} & set(registry.spec(n).groups)]


def tune(
    name: str,
    base: str,
    settings: Settings,
    *,
    save: str,
    subset: str = "all",
    device: str = "auto",
    on_progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Report:
    """Fine-tune a backbone on a collection's training pairs; what comes out is `learned:SAVE`.

    A run that was stopped or killed goes on when it is asked for again, with the same words.

    Raises:
        BadDataError: the name is taken, the backbone has no weights to learn, too few pairs, or the
            checkpoint under this name is of another run.
    """
    learned.check(save)
    began = time.monotonic()
    collection = selection.open_(name, subset)
    place = forward.resolve_device(device)
    learning.innocent(collection, [base])
    groups, _ = learning.grouped(collection)
    split = splits.draw(groups, settings.seed)
    spec = registry.spec(base)
    net = _net(spec, place)
    pictures = _Pictures(collection, spec, place)
    before = _ranks(net, pictures, split.test) if not _checkpoint(save).exists() else None
    told = finetune.tune(
        net, lambda: _net(spec, place),
        _examples(len(groups), split.train), _examples(len(groups), split.validation),
        pictures, settings=settings, checkpoint=_checkpoint(save),
        on_progress=on_progress, on_curve=partial(curves.write, save), stop=stop,
    )  # fmt: skip
    curves.write(save, told.losses, told.checks)
    after = None
    if told.finished:
        after = _ranks(net, pictures, split.test)
        before = _ranks(_net(spec, place), pictures, split.test) if before is None else before
    pairs = {part: len(getattr(split, part)) for part in ("train", "validation", "test")}
    seconds = time.monotonic() - began
    found = Report(name, base, settings, pairs, told, before, after, seconds)
    return (
        replace(found, saved=_keep(save, collection, found, split, net))
        if after is not None
        else found
    )


def unfinished() -> list[str]:
    """Names of runs that wait to be gone on with."""
    return learned.unfinished()


def _checkpoint(save: str) -> Any:
    return learned.place(save, "ckpt")


def _net(spec: Spec, device: str) -> finetune.Net:
    """A copy of the network of its own: the one that others ask stays as it is."""
    embed = spec.load(device)
    module = forward.module(embed)
    if module is None:
        raise BadDataError(
            f"found no weights to learn in {spec.name}; expected a network such as mobilenetv2"
        )
    return finetune.Net(module, embed, spec.prepare.mean, spec.prepare.std, spec.dim, device)


def _examples(count: int, rows: Array) -> Examples:
    """Pictures are numbered 0 to N - 1 on the left and N to 2 N - 1 on the right."""
    strangers = np.empty((len(rows), 0), np.int64)
    return Examples(rows, rows + count, strangers, np.concatenate([rows, rows + count]))


class _Pictures:
    """Both sides' pictures as the network wants them; each decoded once, kept as bytes."""

    def __init__(self, collection: Collection, spec: Spec, device: str) -> None:
        pairs = collection.pairs()
        self.sides: tuple[ImageSet, ImageSet] = (pairs.queries, pairs.gallery)
        self.spec, self.device = spec, device
        self.kept: dict[int, Array] = {}

    def __call__(self, rows: Array) -> Any:
        """(B, 3, h, w) float32 in 0..1 on the device."""
        import torch

        batch = torch.from_numpy(np.stack([self._one(int(row)) for row in rows]))
        return batch.to(self.device).permute(0, 3, 1, 2).to(torch.float32).div_(255)

    def _one(self, row: int) -> Array:
        if row not in self.kept:
            side, place = divmod(row, len(self.sides[0]))
            chosen = self.sides[side]
            picture = images.load(chosen.paths[place], trim=chosen.trim)
            self.kept[row] = forward.prepared(picture, self.spec.prepare)
        return self.kept[row]


def _ranks(net: finetune.Net, pictures: _Pictures, test: Array) -> Array:
    """(T,) asymmetric ranks of the test pairs by cosine."""
    import torch

    count = len(pictures.sides[0])

    def features(rows: Array) -> Array:
        with torch.inference_mode():
            parts = [net(pictures(rows[i : i + LOOK])).float().cpu().numpy()
                     for i in range(0, len(rows), LOOK)]  # fmt: skip
        return normalised(np.concatenate(parts))

    return asymmetric.ranks_of(features(test) @ features(test + count).T)


def _keep(
    save: str, collection: Collection, found: Report, split: splits.Split, net: finetune.Net
) -> str:
    """The network's weights as a backbone, and the collection's features under it."""
    import torch

    file = learned.place(save, "pt")
    state = {k: v.detach().cpu() for k, v in net.module.state_dict().items()}
    with home.writing(file.parent):
        draft = file.with_suffix(".part")
        torch.save(state, draft)
        draft.replace(file)
    ids = collection.left.ids
    typed = learned.keep(
        save, file,
        {
            "kind": "network", "paradigm": found.settings.paradigm, "collection": collection.name,
            "digest": collection.digest, "base": [found.base], "settings": asdict(found.settings),
            "seed": found.settings.seed, "dim": net.dim, "epoch": found.told.epoch,
            "about": f"{found.base}, fine-tuned with {found.settings.paradigm} on "
            f"{collection.name}.",
            "paper": "margaritescu2024", "test_ids": [ids[row] for row in split.test],
            "aR": {k: v["mean"] for k, v in found.json()["after"]["aR"].items()},
            "result": found.json(),
        },
    )  # fmt: skip
    for side in (collection.left, collection.pairs().gallery):
        extract.extract(side, [registry.spec(typed)], store=Store(), precision="fp32")
    _checkpoint(save).unlink(missing_ok=True)
    return typed
