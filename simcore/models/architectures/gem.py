"""Retrieval networks of Radenovic, Tolias, Chum (arXiv 1711.02512): GeM pooling and whitening.

File layout as in the authors' PyTorch code: `features.*` (a ResNet101's children as a Sequential),
`pool.p` (trained), and under `meta` the learned whitening `Lw[training set]["ss"]`, which is
{m (D, 1), P (D, D)}: y = P (x - m), for one scale.
"""

import torch
from torch import Tensor, nn

from simcore.errors import BadDataError
from simcore.models import layers, state_dicts
from simcore.models.spec import Checkpoint, StateDict

WHITENED_ON = "retrieval-SfM-120k"
_EPS = 1e-6


class Whitening(nn.Module):
    """y = P (x - m)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.P = nn.Parameter(torch.zeros(dim, dim))
        self.m = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        return (x - self.m) @ self.P.T


class GeM(nn.Module):
    """GeM pooling of the last maps, normalized; optionally whitened and normalized again."""

    def __init__(self, *, whitened: bool = False) -> None:
        super().__init__()
        from torchvision.models import resnet101

        self.features = nn.Sequential(*list(resnet101(weights=None).children())[:-2])
        self.pool = nn.Module()
        self.pool.p = nn.Parameter(torch.full((1,), layers.GEM_P))
        self.whiten = Whitening(2048) if whitened else None

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 2048)."""
        x = _unit(layers.gem(self.features(images).float(), self.pool.p))
        return x if self.whiten is None else _unit(self.whiten(x))


def _unit(x: Tensor) -> Tensor:
    return x / (x.norm(dim=1, keepdim=True) + _EPS)


def whitened_state(checkpoint: Checkpoint) -> StateDict:
    """A file's state for `GeM(whitened=True)`.

    Raises:
        BadDataError: the file has no whitening for one scale.
    """
    try:
        learned = checkpoint["meta"]["Lw"][WHITENED_ON]["ss"]
        m, projection = learned["m"], learned["P"]
    except (KeyError, TypeError) as error:
        raise BadDataError(
            f"The file has no learned whitening of {WHITENED_ON} (meta.Lw with m and P). "
            "Use the retrievalSfM120k file without fc."
        ) from error
    return state_dicts.tensors(checkpoint) | {
        "whiten.m": torch.as_tensor(m, dtype=torch.float32).reshape(-1),
        "whiten.P": torch.as_tensor(projection, dtype=torch.float32),
    }
