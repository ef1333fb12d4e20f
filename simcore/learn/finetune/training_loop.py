"""Fine-tuning a network: the loop, its checkpoints, and when it ends.

A run that is killed goes on where its last checkpoint was: everything random is drawn from the seed
and the number of the step, so the rest of the run is the same as if it had never stopped. Batch
normalisation keeps the statistics of pre-training: batches are small, and features are compared
with those of images outside the batch.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.learn import checkpoints
from simcore.learn.checkpoints import Checkpoint, identity
from simcore.learn.finetune import paradigms
from simcore.learn.finetune.paradigms import Examples, Memory, Paradigm
from simcore.types import Array, Monitor

Pictures = Callable[[Array], Any]  # rows -> torch (B, 3, h, w) in 0..1 on the device


def _of(run: "Run", place: Path) -> Checkpoint:
    """What has to be alike for a fine-tuning to be gone on with: all but how long."""
    told = {k: v for k, v in asdict(run.settings).items() if k not in {"epochs", "patience"}}
    told["origin"] = run.origin
    rows = [
        part
        for one in (run.train, run.check)
        for part in (one.query, one.positive, one.strangers, one.singles)
    ]
    return Checkpoint(place, identity(told, rows))


def save(run: "Run", place: Path) -> None:
    """All that the rest of a fine-tuning depends on."""
    _of(run, place).write(
        {
            "step": run.step,
            "epoch": run.epoch,
            "losses": run.losses,
            "checks": run.checks,
            "best": run.best,
            "net": run.net.module.state_dict(),
            "block": run.block.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "memory": run.memory.state() if run.memory else None,
        }
    )


def restore(run: "Run", place: Path) -> None:
    """Go on where `save` was.

    Raises:
        BadDataError: the checkpoint is of another run.
    """
    found = _of(run, place).read()
    if found is None:
        return
    run.step, run.epoch = found["step"], found["epoch"]
    run.losses, run.checks, run.best = found["losses"], found["checks"], found["best"]
    run.net.module.load_state_dict(found["net"])
    run.block.load_state_dict(found["block"])
    run.optimizer.load_state_dict(found["optimizer"])
    if run.memory is not None:
        run.memory.restore(found["memory"])


def recompute(module: Any) -> None:
    """Gradient checkpointing: the blocks of the longest sequence keep no intermediate results."""
    import torch
    from torch.utils.checkpoint import checkpoint

    if hasattr(module, "set_grad_checkpointing"):
        module.set_grad_checkpointing(True)
        return
    sequences = [m for m in module.modules() if isinstance(m, torch.nn.Sequential)]
    for block in max(sequences, key=len, default=[]):
        block.forward = _again(block.forward, checkpoint)


@dataclass(frozen=True)
class Settings:
    """How to fine-tune.

    Attributes:
        paradigm: one of `paradigms.PARADIGMS`.
        rate, epochs, batch: Table B.1 of margaritescu2024 has them, see `presets`.
        patience: epochs without a better validation loss before it ends.
        seed: of order, negatives, views and linear block.
        bf16: forward passes in bfloat16. recompute: trade time for memory (gradient checkpointing).
    """

    paradigm: Paradigm
    rate: float = 1e-4
    epochs: int = 20
    batch: int = 64
    patience: int = 5
    seed: int = 0
    bf16: bool = False
    recompute: bool = False

    def __post_init__(self) -> None:
        paradigms.check(self.paradigm)
        for name in ("rate", "epochs", "patience"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"found {name} = {getattr(self, name)}; expected more than 0")
        if self.batch < 2:
            raise BadDataError(f"found a batch of {self.batch}; expected 2 or more")


@dataclass
class Net:
    """A network with slopes.

    Attributes:
        module: its weights. embed: normalised pictures -> (B, D), through those weights.
        mean, std: per channel, as the network was trained. dim: D. device: where it is.
    """

    module: Any
    embed: Callable[[Any], Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dim: int
    device: str

    def __call__(self, images: Any) -> Any:
        """Pictures in 0..1 -> (B, D)."""
        if self.mean:
            mean, std = (images.new_tensor(v).view(1, -1, 1, 1) for v in (self.mean, self.std))
            images = (images - mean) / std
        return self.embed(images)


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """How a run went.

    Attributes:
        losses: (S,) of every step. checks: (E,) validation loss after every epoch; the first is
            that of the network as it was.
        epoch: the one that is kept, 0 = as it was. steps: of an epoch. finished: not stopped.
    """

    losses: list[float]
    checks: list[float]
    epoch: int
    steps: int
    finished: bool


@dataclass
class Run:
    """A run on its way; `checkpoints` writes it down. `origin` says of what data and network."""

    settings: Settings
    net: Net
    second: Callable[[], Net]
    train: Examples
    check: Examples
    pictures: Pictures
    origin: str = ""
    block: Any = None
    memory: Memory | None = None
    optimizer: Any = None
    step: int = 0
    losses: list[float] = field(default_factory=list)
    checks: list[float] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0

    def __post_init__(self) -> None:
        import torch

        chosen = self.settings
        self.net.module.requires_grad_(True)
        self.block = paradigms.linear_block(chosen.paradigm, self.net.dim, chosen.seed)
        self.block.to(self.net.device)
        if chosen.paradigm == "moco":
            other = self.second()
            block = paradigms.linear_block(chosen.paradigm, self.net.dim, chosen.seed)
            block.to(self.net.device)
            pairs = [(self.net.module, other.module), (self.block, block)]
            self.memory = Memory(lambda images: block(other(images)), pairs, chosen.seed)
        if chosen.recompute:
            recompute(self.net.module)
        parameters = [*self.net.module.parameters(), *self.block.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=chosen.rate)

    @property
    def steps(self) -> int:
        """Steps of an epoch; a last batch of one is left out."""
        count, size = self.train.count(self.settings.paradigm), self.settings.batch
        return max(1, count // size + (count % size > 1))

    def vectors(self, images: Any) -> Any:
        """Pictures through network and linear block."""
        import torch

        with torch.autocast(self.net.device, torch.bfloat16, enabled=self.settings.bf16):
            return self.block(self.net(images)).float()

    def one_step(self) -> None:
        """A batch: its loss, its slope, one step of Adam."""
        epoch, within = divmod(self.step, self.steps)
        order = _random(self.settings.seed, epoch).permutation(
            self.train.count(self.settings.paradigm)
        )
        size = self.settings.batch
        loss = self.loss(self.train, order[within * size : (within + 1) * size], self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.memory is not None:
            self.memory.step()
        self.losses.append(float(loss.detach()))
        self.step += 1

    def loss(self, examples: Examples, rows: Array, number: int) -> Any:
        """Of some examples; what is random depends on the seed and `number` alone."""
        import torch

        random = _random(self.settings.seed, number, 1)
        draw = torch.Generator().manual_seed(int(random.integers(2**31)))
        groups = examples.batch(self.settings.paradigm, rows, random)
        images = [self.pictures(group) for group in groups]
        return paradigms.loss(self.settings.paradigm, images, self.vectors, draw, self.memory)

    def validate(self) -> None:
        """The validation loss after an epoch; the best network is remembered."""
        import torch

        count, size = self.check.count(self.settings.paradigm), self.settings.batch
        rows = np.arange(count)
        parts = [rows[i : i + size] for i in range(0, count, size)]
        with torch.no_grad():
            found = [
                (float(self.loss(self.check, part, -1 - n)), len(part))
                for n, part in enumerate(parts)
                if len(part) > 1
            ]
        value = sum(v * n for v, n in found) / sum(n for _, n in found)
        if not self.checks or value < min(self.checks):
            self.epoch = len(self.checks)
            state = self.net.module.state_dict()
            self.best = {k: v.detach().cpu().clone() for k, v in state.items()}
        self.checks.append(value)

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or the validation loss has long been no better."""
        done = len(self.checks) - 1
        return done >= self.settings.epochs or done - self.epoch >= self.settings.patience


def train(
    net: Net,
    second: Callable[[], Net],
    train: Examples,
    check: Examples,
    pictures: Pictures,
    *,
    settings: Settings,
    checkpoint: Path,
    origin: str = "",
    monitor: Monitor = Monitor(),
    on_curve: Callable[[list[float], list[float]], None] | None = None,
) -> TrainingResult:
    """Fine-tune `net` in place; at the end it has the weights of its best epoch.

    Args:
        second: makes another copy of the network, for MoCo.
        train, check: examples that are learned from, and that say when to end.
        checkpoint: where to go on from if it is there; whoever asked removes it at the end.
        origin: of what data and which network; another one's checkpoint is refused.
        on_curve: given the losses so far, now and then.

    Raises:
        BadDataError: the checkpoint is of another run, or there are too few examples.
    """
    if min(e.count(settings.paradigm) for e in (train, check)) < 2:
        raise BadDataError("found fewer than 2 examples to learn from or to check with")
    run = Run(settings, net, second, train, check, pictures, origin)
    if checkpoint.exists():
        restore(run, checkpoint)
    else:
        run.validate()
    saved = began = time.monotonic()
    first = run.step
    while not run.over:
        if monitor.stopped:
            save(run, checkpoint)
            break
        run.one_step()
        if run.step % run.steps == 0:
            run.validate()
        rate = (run.step - first) / max(time.monotonic() - began, 1e-6)
        monitor.report(settings.paradigm, run.step, run.steps * settings.epochs, rate)
        if run.step % run.steps == 0 or time.monotonic() - saved > checkpoints.SAVE_SECONDS:
            save(run, checkpoint)
            saved = time.monotonic()
            if on_curve is not None:
                on_curve(run.losses, run.checks)
    if run.over:
        net.module.load_state_dict(run.best)
    return TrainingResult(run.losses, run.checks, run.epoch, run.steps, run.over)


def _random(*seed: int) -> np.random.Generator:
    return np.random.default_rng([number % 2**32 for number in seed])


def _again(forward: Any, checkpoint: Any) -> Any:
    def call(*values: Any) -> Any:
        return checkpoint(forward, *values, use_reentrant=False)

    return call
