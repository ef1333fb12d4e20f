"""The trunk of OpenPose (Cao et al., arXiv 1611.08050), COCO model: VGG19 to conv4_2, and two more.

Files name the layers as in Caffe (`conv1_1.weight`, ..., `conv4_4_CPM.weight`) or by position
(`model0.0.weight`); the order is the same. The stages that follow are not needed for features.
Input: BGR, value / 256 - 0.5.
"""

from torch import Tensor, nn

from simcore.errors import BadDataError
from simcore.models import state_dicts
from simcore.models.spec import Checkpoint, StateDict

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
    """(B, 3, H, W) RGB, normalized -> (B, 128, H / 8, W / 8)."""

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
        """Features of RGB images; the network itself takes BGR."""
        x = images.flip(1)
        for layer in self.layers.values():
            x = layer(x)
        return x


def convert_state(checkpoint: Checkpoint) -> StateDict:
    """A file's trunk, with either kind of layer names, under `Trunk`'s names.

    Raises:
        BadDataError: a layer of the trunk is not in the file.
    """
    state = state_dicts.tensors(checkpoint)
    if any(key.startswith("model0.") for key in state):
        trunk = state_dicts.tensors(state, prefix="model0.")
        keys = sorted(trunk, key=lambda key: (int(key.split(".")[0]), key.endswith("bias")))
        values = [trunk[key] for key in keys]
    else:
        keys = [f"{name}.{kind}" for name in CONVOLUTIONS for kind in ("weight", "bias")]
        missing = [key for key in keys if key not in state]
        if missing:
            raise BadDataError(
                f"The file has no {missing[0]}, only {', '.join(list(state)[:3])}... "
                "Use the file of OpenPose's COCO model."
            )
        values = [state[key] for key in keys]
    names = [f"layers.{name}.{kind}" for name in CONVOLUTIONS for kind in ("weight", "bias")]
    if len(values) != len(names):
        raise BadDataError(
            f"The file has {len(values)} tensors of the trunk instead of {len(names)}. "
            "Use the file of OpenPose's COCO model."
        )
    return dict(zip(names, values, strict=True))
