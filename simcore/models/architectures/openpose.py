"""The trunk of OpenPose (Cao et al., arXiv 1611.08050), COCO model: VGG19 to conv4_2, and two more.

Files name the layers in Caffe's flat way (`conv1_1.weight`, ..., `conv4_4_CPM.weight`) or by
position (`model0.0.weight`); the order is the same. The stages that follow are not needed for
features.
Input: BGR, value / 256 - 0.5.
"""

from typing import Any

from torch import Tensor, nn

from simcore.errors import BadDataError
from simcore.models import state_dicts

_WIDTHS = (
    ("conv1_1", 64),
    ("conv1_2", 64),
    ("pool", 0),
    ("conv2_1", 128),
    ("conv2_2", 128),
    ("pool", 0),
    ("conv3_1", 256),
    ("conv3_2", 256),
    ("conv3_3", 256),
    ("conv3_4", 256),
    ("pool", 0),
    ("conv4_1", 512),
    ("conv4_2", 512),
    ("conv4_3_CPM", 256),
    ("conv4_4_CPM", 128),
)
CONVOLUTIONS = tuple(name for name, channels in _WIDTHS if channels)


class Trunk(nn.Module):
    """(B, 3, H, W) RGB, normalised -> (B, 128, H / 8, W / 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        before, pools = 3, 0
        for name, channels in _WIDTHS:
            if not channels:
                pools += 1
                self.layers[f"pool{pools}"] = nn.MaxPool2d(2)
                continue
            self.layers[name] = nn.Conv2d(before, channels, 3, padding=1)
            self.layers[f"relu_{name}"] = nn.ReLU()
            before = channels

    def forward(self, images: Tensor) -> Tensor:
        """The channels are turned to BGR here."""
        x = images.flip(1)
        for layer in self.layers.values():
            x = layer(x)
        return x


def state(found: dict[str, Any]) -> dict[str, Any]:
    """A file's trunk, from either way of naming, under `Trunk`'s names.

    Raises:
        BadDataError: a layer of the trunk is not in the file.
    """
    tensors = state_dicts.state(found)
    if any(key.startswith("model0.") for key in tensors):
        kept = state_dicts.state(tensors, under="model0.")
        keys = sorted(kept, key=lambda key: (int(key.split(".")[0]), key.endswith("bias")))
        values = [kept[key] for key in keys]
    else:
        keys = [f"{name}.{kind}" for name in CONVOLUTIONS for kind in ("weight", "bias")]
        absent = [key for key in keys if key not in tensors]
        if absent:
            raise BadDataError(
                f"found no {absent[0]} among {', '.join(list(tensors)[:3])}...; expected the "
                "layers of OpenPose's COCO model; put the right file there"
            )
        values = [tensors[key] for key in keys]
    names = [f"layers.{name}.{kind}" for name in CONVOLUTIONS for kind in ("weight", "bias")]
    if len(values) != len(names):
        raise BadDataError(
            f"found {len(values)} tensors in the trunk; expected {len(names)}; "
            "put OpenPose's COCO model there"
        )
    return dict(zip(names, values, strict=True))
