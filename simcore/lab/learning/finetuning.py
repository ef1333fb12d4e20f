"""Fine-tuning a backbone on pairs or judgements: the run, what it was worth, the new backbone."""

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from simcore.data import cache_dir, images
from simcore.errors import BadDataError
from simcore.lab.learning import learned_backbones, training_data
from simcore.lab.library import provenance
from simcore.learn.finetune import paradigms, presets, training_loop
from simcore.models import forward, lineage, registry, weights
from simcore.models.spec import BackboneSpec
from simcore.sim.metrics import normalized
from simcore.types import Array, ImageSet, Monitor

Settings = training_loop.Settings
PARADIGMS = paradigms.PARADIGMS
LOOK = 32  # pictures a forward pass, where nothing is learned


@dataclass(frozen=True, eq=False)
class Report:
    """A fine-tuning run.

    Attributes:
        source: what was learned from. base, settings: what was asked for.
        told: losses, validation losses and the epoch that is kept.
        before, after: what `source.worth` gives of the test pairs or trials; None where the run was
            stopped.
        saved: what users type, or "" where the run was stopped.
    """

    source: training_data.TrainingData
    base: str
    settings: Settings
    told: training_loop.TrainingResult
    before: Array | None
    after: Array | None
    seconds: float
    saved: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The document of `simcore learn finetune --json`."""
        return {
            "base": self.base,
            "settings": asdict(self.settings),
            "finished": self.told.finished,
            "epoch": self.told.epoch,
            "steps_an_epoch": self.told.steps,
            "loss": self.told.losses,
            "check": self.told.checks,
            "saved": self.saved,
            "seconds": self.seconds,
            **self.source.result(self.before, self.after),
        }


def preset(base: str, paradigm: str, **chosen: Any) -> Settings:
    """The row of Table B.1 that suits a backbone, with what was chosen in its place.

    Args:
        chosen: fields of `Settings`; None leaves the preset.

    Raises:
        UnknownNameError: no such paradigm.
    """
    way = paradigms.check(paradigm)
    rate, epochs, batch = presets.of(preset_of(base), way)
    settings = Settings(way, rate, epochs, batch)
    return replace(settings, **{k: v for k, v in chosen.items() if v is not None})


def preset_of(base: str) -> str:
    """Which network's row of Table B.1 suits a backbone; of a learned one that of its own base."""
    while base.startswith(lineage.PREFIX):
        base = lineage.lineage(base)["base"][0]
    return presets.preset_for(base)


def trainable() -> list[str]:
    """Backbones that are here and have weights that can be learned; libraries' names go as well.

    Those that were fine-tuned here are the last, for learning from other data.
    """
    own = [name for name in lineage.names() if lineage.lineage(name)["kind"] == "network"]
    return [name for name in (*registry.names(), *own) if _learnable(registry.get(name))]


def _learnable(spec: BackboneSpec) -> bool:
    """Whether there is a network behind it, with its weights at hand."""
    known = {"networks", "grid", lineage.GROUP} & set(spec.groups)
    network = spec.net is not None or spec.n_parameters > 0 or known
    return bool(network) and not spec.preprocessing.raw and weights.status(spec)[0]


def tune(
    name: str,
    base: str,
    settings: Settings,
    *,
    save: str,
    subset: str = "all",
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> Report:
    """Fine-tune a backbone on training pairs or judgements; what comes out is `learned:SAVE`.

    A run that was stopped or killed goes on when it is asked for again, with the same words.

    Args:
        name: a collection of pairs or a set of judgements, see `sources.resolve`.

    Raises:
        UnknownNameError: no such data or backbone. BadDataError: the name is taken, the backbone
            has no weights to learn, there is too little to learn from, or the checkpoint under this
            name is of another run.
    """
    lineage.check(save)
    began = time.monotonic()
    source = training_data.open_(
        name, settings.paradigm, subset=subset, seed=settings.seed, monitor=monitor
    )
    place = forward.resolve_device(device)
    keys = [key for some in source.images for key in some.keys]
    provenance.require_unseen(source.name, source.digest, keys, [base])
    spec = registry.get(base)
    net = _net(spec, place)
    shown = pictures(source, spec, place)
    before = _worth(net, shown, source) if not _checkpoint(save).exists() else None
    told = training_loop.train(
        net,
        lambda: _net(spec, place),
        source.train,
        source.check,
        shown,
        settings=settings,
        checkpoint=_checkpoint(save),
        origin=f"{source.digest} {base} {weights.fingerprint(spec)}",
        monitor=monitor,
        on_curve=partial(learned_backbones.write, save),
    )
    learned_backbones.write(save, told.losses, told.checks)
    after = None
    if told.finished:
        after = _worth(net, shown, source)
        before = _worth(_net(spec, place), shown, source) if before is None else before
    found = Report(source, base, settings, told, before, after, time.monotonic() - began)
    return found if after is None else replace(found, saved=_keep(save, found, net, monitor))


def _checkpoint(save: str) -> Any:
    return lineage.path(save, "ckpt")


def _net(spec: BackboneSpec, device: str) -> training_loop.Net:
    """A copy of the network of its own: the one that others ask stays as it is."""
    embed = spec.load(device)
    module = forward.module(embed)
    if module is None:
        raise BadDataError(
            f"found no weights to learn in {spec.name}; expected a network such as mobilenetv2"
        )
    return training_loop.Net(
        module, embed, spec.preprocessing.mean, spec.preprocessing.std, spec.dim, device
    )


def pictures(
    source: training_data.TrainingData, spec: BackboneSpec, device: str
) -> training_loop.Pictures:
    """Rows of a source's pictures -> (B, 3, h, w) float32 in 0..1, as the network wants them."""
    return _Pictures(source.images, spec, device)


class _Pictures:
    """Pictures as the network wants them; each decoded once, kept as bytes."""

    def __init__(self, sets: tuple[ImageSet, ...], spec: BackboneSpec, device: str) -> None:
        self.files = [(path, some.trim) for some in sets for path in some.paths]
        self.spec, self.device = spec, device
        self.kept: dict[int, Array] = {}

    def __call__(self, rows: Array) -> Any:
        """(B, 3, h, w) float32 in 0..1 on the device."""
        import torch

        batch = torch.from_numpy(np.stack([self._one(int(row)) for row in rows]))
        return batch.to(self.device).permute(0, 3, 1, 2).to(torch.float32).div_(255)

    def _one(self, row: int) -> Array:
        if row not in self.kept:
            path, trim = self.files[row]
            self.kept[row] = forward.prepare_image(
                images.load(path, trim=trim), self.spec.preprocessing
            )
        return self.kept[row]


def _worth(
    net: training_loop.Net, shown: training_loop.Pictures, source: training_data.TrainingData
) -> Array:
    """What the network is worth on what it never sees."""
    import torch

    def features(rows: Array) -> Array:
        with torch.inference_mode():
            parts = [
                net(shown(rows[i : i + LOOK])).float().cpu().numpy()
                for i in range(0, len(rows), LOOK)
            ]
        return normalized(np.concatenate(parts))

    return source.worth(features)


def _keep(save: str, found: Report, net: training_loop.Net, monitor: Monitor) -> str:
    """The network's weights as a backbone, and the features of the pictures that judged it."""
    import torch

    assert found.after is not None
    file = lineage.path(save, "pt")
    state = {k: v.detach().cpu() for k, v in net.module.state_dict().items()}
    with cache_dir.disk_errors(file.parent):
        draft = file.with_suffix(".part")
        torch.save(state, draft)
        draft.replace(file)
    source, way = found.source, found.settings.paradigm
    typed = lineage.keep(
        save,
        file,
        {
            "kind": "network",
            "paradigm": way,
            "digest": source.digest,
            "base": [found.base],
            "settings": asdict(found.settings),
            "seed": found.settings.seed,
            "dim": net.dim,
            "epoch": found.told.epoch,
            "about": f"{found.base}, fine-tuned with {way} on {source.name}.",
            "paper": "margaritescu2024",
            **source.lineage(found.after),
            "result": found.to_dict(),
        },
        training_data.learned_from(source),
    )
    source.publish([found.base, typed], monitor)
    _checkpoint(save).unlink(missing_ok=True)
    return typed
