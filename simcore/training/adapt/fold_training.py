"""Learning scales and shares (`blocks`) until a held-out part of the data says stop."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.training.adapt import blocks, contrastive_loss, pca
from simcore.types import JSON, Array

INITIAL_SIGMA = 12.0  # of the learned temperature
WARMUP_EPOCHS = 20  # only shares and temperature are learned


@dataclass(frozen=True)
class FusionSettings:
    """How to train.

    Attributes:
        dims: axes per backbone, at most.
        whiten: 0 leaves the spread of the axes as it is, 1 makes it equal.
        folds: parts of the training data; each in turn decides when to stop on the others.
        epochs: per fold, at most.
        patience: epochs without a lower validation loss after which a fold stops.
        share_rate, scale_rate: learning rates of Adam, for shares (and temperature) and for scales.
        seed: of the folds.
    """

    dims: int = pca.DIMS
    whiten: float = 0.35
    folds: int = 5
    epochs: int = 120
    patience: int = 12
    share_rate: float = 0.05
    scale_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check the values.

        Raises:
            BadDataError: a number out of range.
        """
        for name in ("dims", "epochs", "patience", "share_rate", "scale_rate"):
            if not getattr(self, name) > 0:
                raise BadDataError(f"{name} must be greater than 0, got {getattr(self, name)}.")
        if self.folds < 2:
            raise BadDataError(f"folds must be at least 2, got {self.folds}.")
        if not 0 <= self.whiten <= 1:
            raise BadDataError(f"whiten must be from 0 to 1, got {self.whiten}.")

    def hashed_fields(self) -> JSON:
        """The settings as checkpoints hash them; renaming a field orphans those on disk."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold learned.

    Attributes:
        scales: for each backbone (d,) logarithms of the scales.
        shares: (M,) logarithms of the shares.
        losses, validation_losses: of every epoch. epoch: the best one.
    """

    scales: list[Array]
    shares: Array
    losses: list[float]
    validation_losses: list[float]
    epoch: int

    def to_state(self) -> JSON:
        """The fold as a checkpoint stores it."""
        import torch

        return {
            "tensors": [torch.from_numpy(array) for array in (*self.scales, self.shares)],
            "losses": self.losses,
            "checks": self.validation_losses,
            "epoch": self.epoch,
        }

    @classmethod
    def from_state(cls, state: JSON) -> "FoldResult":
        """The fold of a `to_state`."""
        *scales, shares = (tensor.numpy() for tensor in state["tensors"])
        return cls(scales, shares, state["losses"], state["checks"], state["epoch"])


def mean_parameters(folds: Sequence[FoldResult]) -> tuple[list[Array], Array]:
    """The mean of the folds' scales and shares, so that every fold contributes."""
    scales = [
        np.asarray(np.mean(parts, axis=0))
        for parts in zip(*(fold.scales for fold in folds), strict=True)
    ]
    return scales, np.asarray(np.mean([fold.shares for fold in folds], axis=0))


class Parameters:
    """What is learned (torch).

    Attributes:
        scales: of each backbone (d,), shares: (M,), sigma: the temperature; all as logarithms.
    """

    def __init__(self, widths: Sequence[int], shares: Array, device: str) -> None:
        import torch

        self.shares = torch.tensor(shares, dtype=torch.float32, device=device, requires_grad=True)
        self.scales = [torch.zeros(width, device=device, requires_grad=True) for width in widths]
        self.sigma = torch.tensor(np.log(INITIAL_SIGMA), device=device, requires_grad=True)

    def __call__(self, rows: Sequence[Any]) -> Any:
        """The outputs of the blocks, torch (n, d) each -> (n, sum of d) unit rows."""
        return blocks.combine(rows, self.scales, self.shares)


Loss = Callable[[Parameters], Any]  # a torch scalar


class PairLoss:
    """Eq. 1 of risser-maroux2021 with a learned temperature, over some pairs."""

    def __init__(self, left: Sequence[Array], right: Sequence[Array], device: str) -> None:
        self.left, self.right = to_device(left, device), to_device(right, device)

    def __call__(self, parameters: Parameters) -> Any:
        """The loss under these parameters."""
        left, right = parameters(self.left), parameters(self.right)
        return contrastive_loss.loss_of(parameters.sigma.exp() * (left @ right.T)[None])[0]


def to_device(rows: Sequence[Array], device: str) -> list[Any]:
    """Outputs of the blocks as torch tensors."""
    import torch

    return [torch.from_numpy(x).float().to(device) for x in rows]


class Fold:
    """Training on a part of the data, while another part decides when to stop.

    Attributes:
        parameters: those of the last epoch.
        losses, validation_losses: of every epoch. epoch: the best one, 0 before the first.
    """

    def __init__(
        self, train: Loss, validation: Loss, parameters: Parameters, settings: FusionSettings
    ) -> None:
        import torch

        self.train, self.validation = train, validation
        self.parameters, self.settings = parameters, settings
        self.optimizer = torch.optim.Adam(
            [
                {"params": [parameters.shares, parameters.sigma], "lr": settings.share_rate},
                {"params": parameters.scales, "lr": 0.0},
            ]
        )
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.epoch = 0
        self._keep_best()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has not improved for long."""
        done = len(self.losses)
        waited = done - self.epoch >= self.settings.patience
        return done >= self.settings.epochs or (done > WARMUP_EPOCHS and waited)

    def step(self) -> None:
        """One epoch: a gradient step on the training data, and the validation loss."""
        import torch

        warm = len(self.losses) >= WARMUP_EPOCHS
        self.optimizer.param_groups[1]["lr"] = self.settings.scale_rate if warm else 0.0
        self.optimizer.zero_grad()
        loss = self.train(self.parameters)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.validation_losses.append(float(self.validation(self.parameters)))
        self.losses.append(float(loss.detach()))
        if self.validation_losses[-1] <= min(self.validation_losses):
            self.epoch = len(self.losses)
            self._keep_best()

    def result(self) -> FoldResult:
        """The parameters of the best epoch."""
        scales, shares = self._best
        return FoldResult(scales, shares, self.losses, self.validation_losses, self.epoch)

    def _keep_best(self) -> None:
        def copy(tensor: Any) -> Array:
            return np.asarray(tensor.detach().cpu().numpy().astype(np.float64))

        self._best = list(map(copy, self.parameters.scales)), copy(self.parameters.shares)
