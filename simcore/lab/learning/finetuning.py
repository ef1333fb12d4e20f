"""Fine-tuning a backbone on pairs or judgements: the run, its evaluation, the new backbone."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simcore import memory
from simcore.data import cache_dir, images
from simcore.errors import BadDataError, SimError
from simcore.lab.learning import learned_backbones, training_data
from simcore.lab.learning.training_data import Evaluation, TrainingData
from simcore.lab.library import provenance
from simcore.models import forward, lineage, nets, registry, weights
from simcore.models.lineage import Lineage
from simcore.models.spec import BackboneSpec
from simcore.results import Table
from simcore.sim.metrics import normalized
from simcore.training import splits
from simcore.training.finetune import paradigms, presets, training_loop
from simcore.training.finetune.presets import PresetSource
from simcore.training.finetune.training_loop import (
    Dataset,
    FinetuneSettings,
    LoadImages,
    TrainableNetwork,
    TrainingResult,
)
from simcore.types import JSON, Array, ImageSet, Monitor

OnCurve = Callable[[list[float], list[float]], None]  # training and validation losses so far
SELF_SUPERVISED = paradigms.SELF_SUPERVISED
TEST_BATCH_SIZE = 32  # images per forward pass of the evaluation


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """A fine-tuning run.

    Attributes:
        data: what was learned from. backbone: what was started from.
        training: losses, and the epoch that is kept.
        before, after: what `data.test` gave; None of a run that was stopped.
        saved: the new backbone, "" of a run that was stopped.
    """

    data: TrainingData
    backbone: str
    settings: FinetuneSettings
    training: TrainingResult
    before: Array | None
    after: Array | None
    seconds: float
    saved: str = ""

    @property
    def evaluation(self) -> Evaluation:
        """Recall or agreement on the test data."""
        return self.data.compare(self.before, self.after)

    def to_dict(self) -> JSON:
        """The document of `simcore learn finetune --json`."""
        return {
            "backbone": self.backbone,
            "settings": asdict(self.settings),
            "finished": self.training.finished,
            "epoch": self.training.epoch,
            "steps_per_epoch": self.training.steps_per_epoch,
            "loss": self.training.losses,
            "check": self.training.validation_losses,
            "saved": self.saved,
            "seconds": self.seconds,
            **self.evaluation.to_dict(),
        }

    def to_table(self) -> Table:
        """One row before and one after."""
        return self.evaluation.to_table((self.backbone, self.saved), self.training.epoch)


def make_settings(
    backbone: str,
    paradigm: str,
    *,
    learning_rate: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    **more: Any,
) -> FinetuneSettings:
    """The settings of Table B.1 that suit a backbone, with the given values instead.

    Args:
        learning_rate, epochs, batch_size: None takes the value of Table B.1.
        more: other fields of `FinetuneSettings`.

    Raises:
        UnknownNameError: no such paradigm.
    """
    checked = paradigms.check_paradigm(paradigm)
    preset = presets.printed_preset(preset_source(backbone).network, checked)
    return FinetuneSettings(
        checked,
        preset.learning_rate if learning_rate is None else learning_rate,
        preset.epochs if epochs is None else epochs,
        preset.batch_size if batch_size is None else batch_size,
        **more,
    )


def preset_source(backbone: str) -> PresetSource:
    """The row of Table B.1 that suits a backbone, or the one below a learned backbone.

    The thesis's own networks have their rows; every other takes that of the nearest architecture.
    """
    while backbone.startswith(lineage.PREFIX):
        backbone = lineage.read(backbone).base[0]
    printed = presets.PRINTED_BACKBONES.get(backbone)
    if printed is not None:
        return PresetSource(printed, True)
    spec = registry.get(backbone)
    key = ("architecture", spec.name, spec.version, spec.digest)
    kind: presets.Architecture = memory.get(key, lambda: _architecture(spec))
    files = [text for file in spec.weights for text in (file.file, file.hub, file.url)]
    return PresetSource(presets.nearest_row(kind, [backbone, *files]), False)


def _architecture(spec: BackboneSpec) -> presets.Architecture:
    """From shapes only where the spec names its network, else from the loaded module."""
    if spec.net is not None:
        return presets.architecture(nets.on_meta_device(spec.net.build))
    try:
        module = forward.module(spec.load("cpu"))
    except SimError:  # not at hand: `tune` says so
        return "other"
    return "other" if module is None else presets.architecture(module)


def trainable() -> list[str]:
    """Backbones with trainable weights on this machine; those fine-tuned here come last.

    Names of networks of libraries, such as "timm:resnet50", can be fine-tuned as well.
    """
    learned = [name for name in lineage.names() if lineage.read(name).kind == "network"]
    return [name for name in (*registry.names(), *learned) if _is_trainable(registry.get(name))]


def _is_trainable(spec: BackboneSpec) -> bool:
    """Whether it is a network with its weights at hand."""
    groups = {"networks", "grid", lineage.GROUP} & set(spec.groups)
    network = spec.net is not None or spec.n_parameters > 0 or groups
    return bool(network) and not spec.preprocessing.raw and weights.status(spec)[0]


def tune(
    name: str,
    backbone: str,
    settings: FinetuneSettings,
    *,
    save: str,
    subset: str = "all",
    split: str = "",
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> FinetuneResult:
    """Fine-tune a backbone on pairs or judgements; the result is `learned:SAVE`.

    A call that was stopped or killed resumes when it is repeated, with the same numbers.

    Args:
        name: a collection of pairs or a judgement set, see `training_data.resolve`.
        split: of judgements, one of `splits.GUARANTEES`; by default "images", and "all" for
            protocol paper, which trains on every trial of the set.

    Raises:
        UnknownNameError: no such data, backbone or split.
        BadDataError: the name is in use, the backbone has no trainable weights, there is too little
            data, or the checkpoint of this name is that of another run.
    """
    lineage.check_available(save)
    began = time.monotonic()
    rule = _split_rule(split, settings)
    data = training_data.open_(
        name,
        settings.paradigm,
        subset=subset,
        seed=settings.seed,
        split=rule,
        monitor=monitor.part(0, 0.3),
    )
    session = TrainingSession(data, backbone, device)
    net = session.load_network()
    checkpoint, write_curve = (
        lineage.path(save, "ckpt"),
        partial(learned_backbones.write_curve, save),
    )
    before = None if checkpoint.exists() else session.test(net)
    training = session.train(
        net, settings, checkpoint, monitor=monitor.part(0.3, 1), on_curve=write_curve
    )
    write_curve(training.losses, training.validation_losses)
    after = None
    if training.finished:
        after = session.test(net)
        before = session.test(session.load_network()) if before is None else before
    seconds = time.monotonic() - began
    result = FinetuneResult(data, backbone, settings, training, before, after, seconds)
    if after is None:
        return result
    info = _save_backbone(save, result, net, monitor)
    return replace(result, saved=info.name)


class TrainingSession:
    """A network and the data that it is trained and tested on.

    Raises:
        UnknownNameError: no such backbone. BadDataError: it was trained on images of the data.
    """

    def __init__(self, data: TrainingData, backbone: str, device: str = "auto") -> None:
        self.data, self.backbone = data, backbone
        self.device = forward.resolve_device(device)
        keys = [key for side in data.images for key in side.keys]
        provenance.require_unseen(data.name, data.digest, keys, [backbone])
        self.spec = registry.get(backbone)
        self.load_images = image_loader(data, self.spec, self.device)

    def load_network(self) -> TrainableNetwork:
        """A new copy of the network: the one that embeds images stays as it is."""
        embed = self.spec.load(self.device)
        module = forward.module(embed)
        if module is None:
            raise BadDataError(
                f"{self.spec.name} has no trainable weights. Choose a network such as mobilenetv2."
            )
        mean, std = self.spec.preprocessing.mean, self.spec.preprocessing.std
        return TrainableNetwork(module, embed, mean, std, self.spec.dim, self.device)

    def train(
        self,
        net: TrainableNetwork,
        settings: FinetuneSettings,
        checkpoint: Path,
        *,
        monitor: Monitor = Monitor(),
        on_curve: OnCurve | None = None,
    ) -> TrainingResult:
        """Train `net` in place, from the checkpoint if there is one; the caller removes it."""
        origin = f"{self.data.digest} {self.backbone} {weights.fingerprint(self.spec)}"
        return training_loop.train(
            net,
            self.load_network,
            Dataset(self.data.train, self.data.validation, self.load_images, origin),
            settings,
            checkpoint=checkpoint,
            monitor=monitor,
            on_curve=on_curve,
        )

    def test(self, net: TrainableNetwork) -> Array:
        """What the test data give of a network."""
        import torch

        def embed(rows: Array) -> Array:
            batches = [rows[i : i + TEST_BATCH_SIZE] for i in range(0, len(rows), TEST_BATCH_SIZE)]
            with torch.inference_mode():
                features = [net(self.load_images(batch)).float().cpu().numpy() for batch in batches]
            return normalized(np.concatenate(features))

        return self.data.test(embed)


def _split_rule(split: str, settings: FinetuneSettings) -> splits.TrialRule:
    rule = splits.check_rule(split or ("images" if settings.uses_validation else "all"))
    if rule == "all" and settings.uses_validation:
        raise BadDataError(
            "Protocol held-out needs validation trials. Choose the split images or references."
        )
    return rule


def image_loader(data: TrainingData, spec: BackboneSpec, device: str) -> LoadImages:
    """Rows of the images of `data` -> torch (B, 3, h, w) float32 in 0..1, as the network needs."""
    return _ImageLoader(data.images, spec, device)


class _ImageLoader:
    """Prepared images; each is decoded once and stays in memory as bytes."""

    def __init__(self, sets: tuple[ImageSet, ...], spec: BackboneSpec, device: str) -> None:
        self.files = [
            pair for images in sets for pair in zip(images.paths, images.keys, strict=True)
        ]
        self.spec, self.device = spec, device
        self.prepared: dict[int, Array] = {}  # row -> (h, w, 3) uint8

    def __call__(self, rows: Array) -> Any:
        import torch

        batch = torch.from_numpy(np.stack([self._prepare(int(row)) for row in rows]))
        return batch.to(self.device).permute(0, 3, 1, 2).to(torch.float32).div_(255)

    def _prepare(self, row: int) -> Array:
        if row not in self.prepared:
            path, key = self.files[row]
            image = images.load_as(path, key)
            self.prepared[row] = forward.prepare_image(image, self.spec.preprocessing)
        return self.prepared[row]


def _save_backbone(
    name: str, result: FinetuneResult, net: TrainableNetwork, monitor: Monitor
) -> Lineage:
    """Save the weights as a backbone, with its features of the images of the data."""
    file = lineage.path(name, "pt")
    _save_weights(net, file)
    data, paradigm = result.data, result.settings.paradigm
    info = Lineage(
        name=lineage.PREFIX + name,
        kind="network",
        paradigm=paradigm,
        digest=data.digest,
        base=(result.backbone,),
        settings=asdict(result.settings),
        seed=result.settings.seed,
        dim=net.dim,
        description=f"{result.backbone}, fine-tuned with {paradigm} on {data.name}.",
        paper="margaritescu2024",
        result=result.to_dict(),
        epoch=result.training.epoch,
        **result.evaluation.lineage_fields(),
    )
    info = lineage.save(info, file, training_data.training_keys(data))
    data.extract([result.backbone, info.name], monitor)
    lineage.forget_unfinished(name)
    return info


def _save_weights(net: TrainableNetwork, file: Path) -> None:
    import torch

    state = {k: v.detach().cpu() for k, v in net.module.state_dict().items()}
    with cache_dir.atomic_path(file) as draft, draft.open("wb") as out:
        torch.save(state, out)
