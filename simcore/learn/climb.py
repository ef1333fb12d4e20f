"""Many runs of the adaptation function on their way, side by side: steps, choice, checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore.learn import contrast
from simcore.types import Array

if TYPE_CHECKING:
    from simcore.learn.adaptation import Settings


@dataclass
class Batch:
    """Runs that are computed together.

    Attributes:
        inputs, check: torch (R, 2n, d) and (R, 2m, d), left rows before right ones: learned from,
            and looked at to choose the epoch.
        weight, best: (R, d, h), now and where the choice was best.
        losses, checks: (R,) of every epoch.
    """

    inputs: Any
    check: Any
    weight: Any
    optimizer: Any
    best: Any
    losses: list[Array]
    checks: list[Array]


def batches(
    learn: Sequence[Array], check: Sequence[Array], settings: "Settings", device: str
) -> list[Batch]:
    """The runs in batches, each with its own start.

    Args:
        learn, check: (2n, d) float32 for each run; blocks of the same shape for all.
    """
    import torch

    dims = learn[0].shape[1]
    size = contrast.together(len(learn), len(learn[0]) // 2, device)
    found = []
    for first in range(0, len(learn), size):
        numbers = range(first, min(first + size, len(learn)))
        starts = [_start(settings.seed + n, dims, settings.width) for n in numbers]
        weight = torch.stack(starts).to(device).requires_grad_(True)
        z, c = (
            torch.stack([torch.from_numpy(part[n]) for n in numbers]).to(device)
            for part in (learn, check)
        )
        optimizer = torch.optim.Adam([weight], lr=settings.rate)
        found.append(Batch(z, c, weight, optimizer, weight.detach().clone(), [], []))
    return found


def _start(seed: int, dims: int, width: int) -> Any:
    """The uniform start of torch's linear layers, of this run alone."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    bound = dims**-0.5
    return torch.empty(dims, width).uniform_(-bound, bound, generator=draw)


class Climb:
    """All batches, and the epoch that each run's best weights are from.

    Attributes:
        epoch: how many are done. best, chosen: (R,) the best value so far, and its epoch, from 1.
        means: losses and checks of every epoch, the mean of the runs that were still going.
    """

    def __init__(self, parts: list[Batch], settings: "Settings") -> None:
        self.parts, self.settings = parts, settings
        sizes = [part.weight.shape[0] for part in parts]
        self.runs = sum(sizes)
        ends = np.cumsum(sizes)
        self.places = [range(int(e) - n, int(e)) for n, e in zip(sizes, ends, strict=True)]
        self.epoch = 0
        self.best, self.chosen = np.full(self.runs, np.inf), np.ones(self.runs, np.int64)
        self.means: tuple[list[float], list[float]] = ([], [])

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or no run has been better for long."""
        return self.epoch >= self.settings.epochs or bool(self._tired(self.epoch).all())

    def _tired(self, epoch: int) -> Array:
        honest = self.settings.protocol == "honest"
        return (epoch - self.chosen >= self.settings.patience) & honest

    def step(self) -> None:
        """One epoch of every run that goes on."""
        tired, epoch = self._tired(self.epoch), self.epoch + 1
        checks = np.concatenate([
            np.full(len(place), np.inf) if tired[place].all() else _epoch(part, self.settings)
            for part, place in zip(self.parts, self.places, strict=True)
        ])  # fmt: skip
        going = [part for part in self.parts if len(part.losses) == epoch]
        for mean, name in zip(self.means, ("losses", "checks"), strict=True):
            mean.append(float(np.concatenate([getattr(s, name)[-1] for s in going]).mean()))
        honest = self.settings.protocol == "honest"
        value = checks if honest else np.full(self.runs, checks.mean())
        better = (value < self.best) & ~tired
        self.best[better], self.chosen[better] = value[better], epoch
        for part, place in zip(self.parts, self.places, strict=True):
            for number in np.flatnonzero(better[place]):
                part.best[number].copy_(part.weight.detach()[number])
        self.epoch = epoch

    def state(self) -> dict[str, Any]:
        """What the rest depends on, of tensors and numbers."""
        import torch

        return {
            "epoch": self.epoch, "means": list(self.means),
            "best": torch.from_numpy(self.best), "chosen": torch.from_numpy(self.chosen),
            "parts": [{
                "weight": part.weight.detach(), "best": part.best,
                "optimizer": part.optimizer.state_dict(),
                "losses": torch.from_numpy(np.stack(part.losses)),
                "checks": torch.from_numpy(np.stack(part.checks)),
            } for part in self.parts],
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Be where `state` was taken."""
        import torch

        self.epoch, self.means = state["epoch"], tuple(state["means"])
        self.best, self.chosen = state["best"].numpy().copy(), state["chosen"].numpy().copy()
        for part, told in zip(self.parts, state["parts"], strict=True):
            with torch.no_grad():
                part.weight.copy_(told["weight"])
                part.best.copy_(told["best"])
            part.optimizer.load_state_dict(told["optimizer"])
            part.losses, part.checks = list(told["losses"].numpy()), list(told["checks"].numpy())


def _epoch(part: Batch, settings: "Settings") -> Array:
    """One step of a batch of runs; returns (R,) what the choice of an epoch looks at."""
    import torch

    with torch.no_grad():
        loss, slope = contrast.loss_and_slope(part.inputs, part.weight, settings.sigma)
    part.weight.grad = slope
    part.optimizer.step()
    with torch.no_grad():
        unit = contrast.adapted(part.check, part.weight)
        half = unit.shape[1] // 2
        values = contrast.product(unit[:, :half], unit[:, half:])
        if settings.protocol == "honest":
            check = contrast.loss_of(values * settings.sigma).cpu().numpy()
        else:
            check = 1 - contrast.found_first(values).cpu().numpy()
    part.losses.append(loss.cpu().numpy())
    part.checks.append(check)
    return np.asarray(check)
