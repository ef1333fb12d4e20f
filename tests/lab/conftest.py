"""A small network with weights that can be learned, registered as any other."""

import pytest

from simcore.models import forward, registry
from simcore.types import Preprocessing

CONV = "tiny-conv"


def register(name=CONV, seed=0):
    """Put the network into the registry; the same weights every time, and no file."""
    import torch

    def load(device):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = (
                torch.nn.Sequential(
                    torch.nn.Conv2d(3, 8, 7, stride=4),
                    torch.nn.ReLU(),
                    torch.nn.AdaptiveAvgPool2d(3),
                    torch.nn.Flatten(),
                )
                .to(device)
                .eval()
            )
        return forward.trainable(lambda images: net(images).float(), net)

    prepare = Preprocessing(40, (32, 32))
    registry.backbone(name, dim=72, preprocessing=prepare, groups=("networks",))(load)
    return name


@pytest.fixture
def conv():
    """The name of the network."""
    yield register()
    registry.forget(CONV)
