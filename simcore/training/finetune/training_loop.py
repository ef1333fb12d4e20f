"""Fine-tuning a network: the loop, its checkpoints, and early stopping.

A run that was killed resumes from its last checkpoint: everything random is drawn from the seed and
the number of the step, so the rest of the run is the same as without the interruption. Batch
normalization keeps the statistics of pre-training: batches are small, and features are compared
with those of images outside the batch.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from simcore.errors import BadDataError, unknown_name
from simcore.training import checkpoints
from simcore.training.checkpoints import Checkpoint
from simcore.training.finetune import paradigms
from simcore.training.finetune.paradigms import Examples, MomentumEncoder, Paradigm
from simcore.types import JSON, Array, Monitor

Optimizer = Literal["adam", "sgd"]
Protocol = Literal["held-out", "paper"]
SGD_MOMENTUM = 0.9
# Images whose activations are in memory at once. A batch of the thesis has up to 192, of up to 0.2
# GB each, more than most computers have. The price is a second forward pass.
CHUNK = 24
LoadImages = Callable[[Array], Any]  # rows -> torch (B, 3, h, w) in 0..1 on the device


@dataclass(frozen=True)
class FinetuneSettings:
    """How to fine-tune.

    Attributes:
        paradigm: one of `paradigms.PARADIGMS`.
        learning_rate, epochs, batch_size: `presets` has those of margaritescu2024, Table B.1.
        patience: epochs without a lower validation loss after which the run stops.
        optimizer: "adam", or "sgd" with momentum 0.9; the thesis names both (3.1).
        protocol: "held-out" keeps the epoch of the lowest validation loss. "paper" is the thesis':
            a fixed number of epochs, the last one is kept, no validation; and contrastive loss is
            minimized by one update for (query, positive), then one for (query, negative).
        seed: of order, negatives, augmentations and the linear block.
        bf16: forward passes in bfloat16.
        recompute: less memory for more time (gradient checkpointing).
    """

    paradigm: Paradigm
    learning_rate: float = 1e-4
    epochs: int = 20
    batch_size: int = 64
    patience: int = 5
    seed: int = 0
    bf16: bool = False
    recompute: bool = False
    optimizer: Optimizer = "adam"
    protocol: Protocol = "held-out"

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check the values.

        Raises:
            UnknownNameError: no such paradigm, optimizer or protocol.
            BadDataError: a number out of range.
        """
        paradigms.check_paradigm(self.paradigm)
        for name, options in (("optimizer", Optimizer), ("protocol", Protocol)):
            if getattr(self, name) not in get_args(options):
                raise unknown_name(name, getattr(self, name), get_args(options))
        for name in ("learning_rate", "epochs", "patience"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"{name} must be greater than 0, got {getattr(self, name)}.")
        if self.batch_size < 2:
            raise BadDataError(f"batch_size must be at least 2, got {self.batch_size}.")

    @property
    def uses_validation(self) -> bool:
        """Whether the validation loss decides which epoch is kept, and when to stop."""
        return self.protocol == "held-out"

    @property
    def alternates(self) -> bool:
        """Whether positives and negatives have updates of their own."""
        return self.paradigm == "contrastive" and self.protocol == "paper"

    def hashed_fields(self) -> JSON:
        """What a resumed run must have in common, under the names that checkpoints on disk hash.

        Epochs and patience are not among them: a run may be resumed to be trained for longer.
        """
        fields = asdict(self)
        del fields["epochs"], fields["patience"]
        for name, default in (("optimizer", "adam"), ("protocol", "held-out")):
            if fields[name] == default:  # checkpoints of older versions have no such field
                del fields[name]
        fields["rate"], fields["batch"] = fields.pop("learning_rate"), fields.pop("batch_size")
        return fields


@dataclass
class TrainableNetwork:
    """A network whose weights can be trained.

    Attributes:
        module: its weights. embed: normalized images -> (B, D), through these weights.
        mean, std: per channel, as in its pre-training. dim: D.
    """

    module: Any
    embed: Callable[[Any], Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dim: int
    device: str

    def __call__(self, images: Any) -> Any:
        """Images in 0..1 -> (B, D)."""
        if self.mean:
            mean, std = (images.new_tensor(v).view(1, -1, 1, 1) for v in (self.mean, self.std))
            images = (images - mean) / std
        return self.embed(images)


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a network is fine-tuned on.

    Attributes:
        train: examples that are learned from. validation: examples that decide when to stop.
        load_images: the images of some rows.
        origin: names data and network; the checkpoint of another origin is refused.
    """

    train: Examples
    validation: Examples
    load_images: LoadImages
    origin: str = ""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """How a run went.

    Attributes:
        losses: (S,) of every step.
        validation_losses: (E + 1,) before training and after every epoch; none by protocol paper.
        epoch: the epoch that is kept, 0 = the network as it was.
        finished: False if the run was stopped.
    """

    losses: list[float]
    validation_losses: list[float]
    epoch: int
    steps_per_epoch: int
    finished: bool


class FinetuneRun:
    """One run: network, optimizer, and what has happened so far.

    Attributes:
        block: the linear block behind the network. momentum: of MoCo.
        step: how many are done. epoch: the best one so far. best_weights: of that epoch.
        losses, validation_losses: as in `TrainingResult`.
    """

    def __init__(
        self,
        net: TrainableNetwork,
        copy_network: Callable[[], TrainableNetwork],
        data: Dataset,
        settings: FinetuneSettings,
    ) -> None:
        import torch

        self.net, self.data, self.settings = net, data, settings
        net.module.requires_grad_(True)
        self.block = self._make_block()
        self.momentum: MomentumEncoder | None = None
        if settings.paradigm == "moco":
            key_net, key_block = copy_network(), self._make_block()
            modules = [(net.module, key_net.module), (self.block, key_block)]
            self.momentum = MomentumEncoder(
                lambda images: key_block(key_net(images)), modules, settings.seed
            )
        if settings.recompute:
            enable_gradient_checkpointing(net.module)
        parameters = [*net.module.parameters(), *self.block.parameters()]
        self.optimizer: Any = (
            torch.optim.Adam(parameters, lr=settings.learning_rate)
            if settings.optimizer == "adam"
            else torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=SGD_MOMENTUM)
        )
        self.step = self.epoch = 0
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.best_weights: JSON = {}

    def _make_block(self) -> Any:
        block = paradigms.linear_block(self.settings.paradigm, self.net.dim, self.settings.seed)
        return block.to(self.net.device)

    @property
    def steps_per_epoch(self) -> int:
        """A last batch of one example is left out."""
        count, size = self.data.train.count(self.settings.paradigm), self.settings.batch_size
        return max(1, count // size + (count % size > 1))

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has not improved for long."""
        done = self.step // self.steps_per_epoch
        waited = self.settings.uses_validation and done - self.epoch >= self.settings.patience
        return done >= self.settings.epochs or waited

    def train_step(self) -> None:
        """One step on the next batch; at the end of an epoch also the validation loss."""
        epoch, within = divmod(self.step, self.steps_per_epoch)
        count, size = self.data.train.count(self.settings.paradigm), self.settings.batch_size
        order = _generator(self.settings.seed, epoch).permutation(count)
        rows = order[within * size : (within + 1) * size]
        terms = paradigms.CONTRASTIVE_TERMS if self.settings.alternates else (None,)
        values = []
        for term in terms:
            loss = self.loss(self.data.train, rows, self.step, term)
            self.descend(loss)
            values.append(float(loss.detach()))
        if self.momentum is not None:
            self.momentum.step()
        self.losses.append(sum(values) / len(values))
        self.step += 1
        if self.step % self.steps_per_epoch == 0:
            self.validate()

    def descend(self, loss: Any) -> None:
        """Change the weights by the gradient of a loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def loss(
        self,
        examples: Examples,
        rows: Array,
        number: int,
        term: paradigms.ContrastiveTerm | None = None,
    ) -> Any:
        """The loss of some examples, or a term of the contrastive one.

        Everything random depends on the seed and `number` alone.
        """
        import torch

        rng = _generator(self.settings.seed, number, 1)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        groups = examples.batch(self.settings.paradigm, rows, rng)
        images = [self.data.load_images(group) for group in groups]
        if term is not None:
            return paradigms.contrastive_term(term, images, self._embed)
        return paradigms.loss(self.settings.paradigm, images, self._embed, generator, self.momentum)

    def _embed(self, images: Any) -> Any:
        """Images through network and linear block.

        Without a GPU, gradients take the memory of `CHUNK` images, however large the batch is. No
        result depends on the other images of a batch, so parts of it give the same gradient.
        """
        import torch
        from torch.utils.checkpoint import checkpoint

        saves_memory = self.settings.recompute or not self.net.device.startswith("cuda")
        if not (saves_memory and torch.is_grad_enabled() and len(images) > CHUNK):
            return self._forward(images)
        parts = [
            checkpoint(self._forward, part, use_reentrant=False, preserve_rng_state=False)
            for part in images.split(CHUNK)
        ]
        return torch.cat(parts)

    def _forward(self, images: Any) -> Any:
        import torch

        with torch.autocast(self.net.device, torch.bfloat16, enabled=self.settings.bf16):
            return self.block(self.net(images)).float()

    def validate(self) -> None:
        """Append the validation loss; the weights are kept if it is the lowest so far.

        By protocol paper there is none, and those of the last epoch are kept.
        """
        import torch

        if not self.settings.uses_validation:
            self.epoch = self.step // self.steps_per_epoch
            self._keep_weights()
            return
        examples, size = self.data.validation, self.settings.batch_size
        rows = np.arange(examples.count(self.settings.paradigm))
        batches = [rows[i : i + size] for i in range(0, len(rows), size)]
        with torch.no_grad():
            losses = [
                (float(self.loss(examples, batch, -1 - number)), len(batch))
                for number, batch in enumerate(batches)
                if len(batch) > 1
            ]
        mean = sum(loss * n for loss, n in losses) / sum(n for _, n in losses)
        if not self.validation_losses or mean < min(self.validation_losses):
            self.epoch = len(self.validation_losses)
            self._keep_weights()
        self.validation_losses.append(mean)

    def _keep_weights(self) -> None:
        weights = self.net.module.state_dict()
        self.best_weights = {k: v.detach().cpu().clone() for k, v in weights.items()}

    def checkpoint(self, path: Path) -> Checkpoint:
        """The run's checkpoint at a path."""
        settings = self.settings.hashed_fields() | {"origin": self.data.origin}
        arrays = [*self.data.train.arrays, *self.data.validation.arrays]
        return Checkpoint(path, checkpoints.run_fingerprint(settings, arrays))

    def state(self) -> JSON:
        """Everything the rest of the run depends on; the keys are those of checkpoints on disk."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "losses": self.losses,
            "checks": self.validation_losses,
            "best": self.best_weights,
            "net": self.net.module.state_dict(),
            "block": self.block.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": self.momentum.state() if self.momentum else None,
        }

    def restore(self, state: JSON) -> None:
        """Continue from a `state`."""
        self.step, self.epoch = state["step"], state["epoch"]
        self.losses, self.validation_losses = state["losses"], state["checks"]
        self.best_weights = state["best"]
        self.net.module.load_state_dict(state["net"])
        self.block.load_state_dict(state["block"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.momentum is not None:
            self.momentum.restore(state["memory"])


def train(
    net: TrainableNetwork,
    copy_network: Callable[[], TrainableNetwork],
    data: Dataset,
    settings: FinetuneSettings,
    *,
    checkpoint: Path,
    monitor: Monitor = Monitor(),
    on_curve: Callable[[list[float], list[float]], None] | None = None,
) -> TrainingResult:
    """Fine-tune `net` in place; a finished run leaves it with the weights of its best epoch.

    Args:
        copy_network: makes another copy of the network, for MoCo.
        checkpoint: resumed from if it exists; the caller removes it after the run.
        on_curve: called now and then with training and validation losses so far.

    Raises:
        BadDataError: the checkpoint is that of another run, or there are too few examples.
    """
    if min(e.count(settings.paradigm) for e in (data.train, data.validation)) < 2:
        raise BadDataError("Too few examples: training and validation need at least 2 each.")
    run = FinetuneRun(net, copy_network, data, settings)
    saved = run.checkpoint(checkpoint)
    state = saved.read()
    if state is None:
        run.validate()
    else:
        run.restore(state)
    start, began = run.step, time.monotonic()
    last_save = began
    while not run.finished:
        if monitor.stopped:
            saved.write(run.state())
            break
        run.train_step()
        rate = (run.step - start) / max(time.monotonic() - began, 1e-6)
        monitor.report(settings.paradigm, run.step, run.steps_per_epoch * settings.epochs, rate)
        end_of_epoch = run.step % run.steps_per_epoch == 0
        if end_of_epoch or time.monotonic() - last_save > checkpoints.SAVE_SECONDS:
            saved.write(run.state())
            last_save = time.monotonic()
            if on_curve is not None:
                on_curve(run.losses, run.validation_losses)
    if run.finished:
        net.module.load_state_dict(run.best_weights)
    return TrainingResult(
        run.losses, run.validation_losses, run.epoch, run.steps_per_epoch, run.finished
    )


def enable_gradient_checkpointing(module: Any) -> None:
    """Recompute the activations of the longest sequence's blocks instead of storing them."""
    import torch
    from torch.utils.checkpoint import checkpoint

    if hasattr(module, "set_grad_checkpointing"):
        module.set_grad_checkpointing(True)
        return
    sequences = [m for m in module.modules() if isinstance(m, torch.nn.Sequential)]
    for block in max(sequences, key=len, default=[]):
        block.forward = _recomputed(block.forward, checkpoint)


def _recomputed(forward: Any, checkpoint: Any) -> Any:
    def call(*values: Any) -> Any:
        return checkpoint(forward, *values, use_reentrant=False)

    return call


def _generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng([number % 2**32 for number in seed])
