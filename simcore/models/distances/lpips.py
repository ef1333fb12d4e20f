"""LPIPS v0.1 on torchvision trunks: each layer alone, all layers, and the calibrated sum.

d = sum over layers of the mean over positions of sum_c w_c (a_c - b_c)^2, with features a and b of
unit length at every position (Zhang et al. 2018, as in their code). The linear weights w come from
the `lpips` wheel, the trunks from torchvision; a missing trunk is an error, never random weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simcore.errors import BadDataError, unknown_name
from simcore.models import nets, state_dicts, weights
from simcore.models.backbones import libraries
from simcore.models.spec import WeightFile

WHEEL = "lpips==0.1.4"
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_EPSILON = 1e-10


@dataclass(frozen=True)
class LpipsNet:
    """One trunk.

    Attributes:
        model: torchvision's name.
        cuts: where each layer ends in torchvision's `features`.
        channels: of each layer.
        trunk, linear: weight files.
    """

    model: str
    cuts: tuple[int, ...]
    channels: tuple[int, ...]
    trunk: WeightFile
    linear: WeightFile

    @property
    def compared(self) -> range:
        """Layers of Table 2 of rosenfeld2019, the last five (section 4.5.2)."""
        return range(len(self.cuts) - 5, len(self.cuts))


def _files(name: str, trunk: str, sha256: str, size: int) -> tuple[WeightFile, WeightFile]:
    return (
        WeightFile(
            f"torchvision/{trunk}",
            trunk.rpartition("-")[2].partition(".")[0],
            url=f"https://download.pytorch.org/models/{trunk}",
        ),
        WeightFile(
            f"lpips-{name}-v0.1.pth",
            sha256,
            size,
            pip_project=WHEEL,
            pip_member=f"lpips/weights/v0.1/{name}.pth",
        ),
    )


NETS: dict[str, LpipsNet] = {  # the package's name -> trunk
    "alex": LpipsNet(
        "alexnet",
        (2, 5, 8, 10, 12),
        (64, 192, 384, 256, 256),
        *_files(
            "alex",
            "alexnet-owt-7be5be79.pth",
            "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
            6009,
        ),
    ),
    "vgg": LpipsNet(
        "vgg16",
        (4, 9, 16, 23, 30),
        (64, 128, 256, 512, 512),
        *_files(
            "vgg",
            "vgg16-397923af.pth",
            "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
            7289,
        ),
    ),
    "squeeze": LpipsNet(
        "squeezenet1_1",
        (2, 5, 8, 10, 11, 12, 13),
        (64, 128, 256, 384, 384, 512, 512),
        *_files(
            "squeeze",
            "squeezenet1_1-b8a52dc0.pth",
            "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
            10811,
        ),
    ),
}

Similarities = dict[str, Any]  # name -> torch (B,), higher = more alike
Comparison = Callable[[Any, Any], Similarities]  # of two batches (B, 3, H, W) in 0..1


def names(net: str) -> list[str]:
    """The names of a net's similarities: one per layer, "uncalibrated" and "calibrated".

    Raises:
        UnknownNameError: no such net.

    >>> names("alex")
    ['layer0', 'layer1', 'layer2', 'layer3', 'layer4', 'uncalibrated', 'calibrated']
    """
    return [*(f"layer{k}" for k in range(len(_get_net(net).cuts))), "uncalibrated", "calibrated"]


def load(net: str, *, device: str = "cpu", trunk: Any = None, linear: Any = None) -> Comparison:
    """A comparison of two batches of images.

    Args:
        net: "alex", "vgg" or "squeeze".
        trunk: torchvision's `features`, for tests; by default the pretrained one.
        linear: (C,) weights of each layer, for tests; by default the published ones.

    Raises:
        MissingWeightsError: the trunk or the linear weights are not on this machine.
        UnknownNameError: no such net. BadDataError: linear weights of another shape, or below 0.
    """
    import torch

    lpips_net = _get_net(net)
    features = (trunk if trunk is not None else load_trunk(lpips_net)).eval().to(device)
    calibration = [
        torch.as_tensor(w, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        for w in (linear if linear is not None else load_linear_weights(lpips_net))
    ]
    channels = tuple(w.shape[1] for w in calibration)
    if channels != lpips_net.channels or any(bool((w < 0).any()) for w in calibration):
        raise BadDataError(
            f"The LPIPS weights have {channels} channels or values below 0. They need "
            f"{lpips_net.channels} channels and values of 0 or more; fetch them again."
        )
    shift = torch.tensor(_SHIFT, device=device).view(1, 3, 1, 1)
    scale = torch.tensor(_SCALE, device=device).view(1, 3, 1, 1)

    def layers(x: Any) -> list[Any]:
        x = (2 * x - 1 - shift) / scale
        maps = []
        start = 0
        for end in lpips_net.cuts:
            for module in features[start:end]:
                x = module(x)
            start = end
            maps.append(x / (x.pow(2).sum(1, keepdim=True).sqrt() + _EPSILON))
        return maps

    def compare(a: Any, b: Any) -> Similarities:
        with torch.inference_mode():
            a, b = a.to(device, torch.float32), b.to(device, torch.float32)
            plain, calibrated = [], []
            for x, y, w in zip(layers(a), layers(b), calibration, strict=True):
                squared = (x - y) ** 2
                plain.append(squared.sum(1).mean((1, 2)))
                calibrated.append((w * squared).sum(1).mean((1, 2)))
            sums = [sum(plain), sum(calibrated)]
            return {
                name: -distance.float().cpu()
                for name, distance in zip(names(net), [*plain, *sums], strict=True)
            }

    return compare


def _get_net(name: str) -> LpipsNet:
    if name not in NETS:
        raise unknown_name("LPIPS net", name, NETS)
    return NETS[name]


def load_trunk(net: LpipsNet) -> Any:
    """The pretrained `features` of a net's torchvision model.

    Raises:
        MissingWeightsError: its weights are not on this machine.
    """
    model = nets.load_network(libraries.torchvision_net(net.model, ()), weights.path(net.trunk))
    return model.features


def load_linear_weights(net: LpipsNet) -> Sequence[Any]:
    """The (C,) linear weights of each layer.

    Raises:
        MissingWeightsError: they are not on this machine. BadDataError: another file.
    """
    state = state_dicts.tensors(state_dicts.read(weights.path(net.linear)))
    keys = [f"lin{k}.model.1.weight" for k in range(len(net.cuts))]
    for key, channels in zip(keys, net.channels, strict=True):
        if key not in state or state[key].numel() != channels:
            raise BadDataError(
                f"{net.linear.file} has no {key} of {channels} channels. Fetch the weights of "
                "LPIPS v0.1 again."
            )
    return [state[key].flatten() for key in keys]
