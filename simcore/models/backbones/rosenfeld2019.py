"""The eleven representations of rosenfeld2019 (section 3), the paper's names for them.

Two differ: the paper's `texture` is `texture_S` here, because `texture` is a descriptor, and
`conv` is densenet121 as rosenfeld2018 reads it. Maps are averaged; `ret` and `shp` bring their own
pooling.
"""

from typing import Any

import numpy as np

from simcore.data import images
from simcore.errors import MissingWeightsError
from simcore.models import nets, registry, state_dicts, weights
from simcore.models.backbones.libraries import torchvision_file, torchvision_net
from simcore.models.spec import BackboneSpec, Embedder, LayerOutput, NetworkSpec, WeightFile
from simcore.types import RAW, Array, Preprocessing

PAPER = "rosenfeld2019"
IMAGENET = Preprocessing()
_CMP = "http://cmp.felk.cvut.cz/cnnimageretrieval/data/networks"
_SIN = "https://bitbucket.org/robert_geirhos/texture-vs-shape-pretrained-models/raw"
_PLACES = "http://places2.csail.mit.edu/models_places365"
_NO_LICENCE = "none stated for the weights"
# BGR, value / 256 - 0.5 on 0..255, said as mean and standard deviation on 0..1.
_OPENPOSE = Preprocessing(mean=(0.5 * 256 / 255,) * 3, std=(256 / 255,) * 3)
_R101_GEM = WeightFile(
    "rosenfeld2019/retrievalSfM120k-resnet101-gem-b80fb85.pth",
    url=f"{_CMP}/retrieval-SfM-120k/retrievalSfM120k-resnet101-gem-b80fb85.pth",
)

_URL = "http://cmp.felk.cvut.cz/cnnimageretrieval/data/networks/retrieval-SfM-30k"
NETWORK = WeightFile(
    "rosenfeld2019/retrievalSfM30k-edgemac-vgg.mat", url=f"{_URL}/retrievalSfM30k-edgemac-vgg.mat"
)
FOREST = WeightFile(
    "rosenfeld2019/structured-edges.yml.gz",
    url="https://github.com/opencv/opencv_extra/raw/master/testdata/cv/ximgproc/model.yml.gz",
    note="also as http://ptak.felk.cvut.cz/im4sketch/opencv_extra.yml.gz",
)


def _gem(*, whitened: bool) -> NetworkSpec:
    def build() -> Any:
        from simcore.models.architectures.gem import GeM

        return GeM(whitened=whitened)

    def rename(found: dict[str, Any]) -> dict[str, Any]:
        from simcore.models.architectures import gem

        return gem.whitened(found) if whitened else gem.plain(found)

    return NetworkSpec(build, rename=rename, kind="torch+numpy")


def _weakalign() -> NetworkSpec:
    def build() -> Any:
        import torch
        from torchvision.models import resnet101

        net = resnet101(weights=None)
        parts = [net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3]
        trunk = torch.nn.Sequential(*parts)
        trunk.add_module("unit", _unit_places())
        return trunk

    def rename(found: dict[str, Any]) -> dict[str, Any]:
        tensors = state_dicts.state(found)
        old = {key.replace("vgg", "model"): value for key, value in tensors.items()}
        return state_dicts.state(old, under="FeatureExtraction.model.")

    return NetworkSpec(build, (LayerOutput("unit"),), rename=rename, kind="torch+namespace")


def _unit_places() -> Any:
    import torch

    class UnitPlaces(torch.nn.Module):
        """Every place's vector to length 1, as weakalign's FeatureL2Norm."""

        def forward(self, x: Any) -> Any:
            return x / (x.pow(2).sum(1, keepdim=True) + 1e-6).sqrt()

    return UnitPlaces()


def _pose() -> NetworkSpec:
    def build() -> Any:
        from simcore.models.architectures.openpose import Trunk

        return Trunk()

    def rename(found: dict[str, Any]) -> dict[str, Any]:
        from simcore.models.architectures import openpose

        return openpose.state(found)

    return NetworkSpec(build, (LayerOutput("layers.relu_conv4_2"),), rename=rename)


def _add(
    name: str,
    dim: int,
    net: NetworkSpec,
    file: WeightFile,
    about: str,
    license: str,
    params: int,
    *,
    row: str = "",
    prepare: Preprocessing = IMAGENET,
) -> None:
    registry.add(
        nets.spec(
            name,
            dim,
            net,
            file,
            prepare=prepare,
            groups=(PAPER,),
            license=license,
            paper=PAPER,
            about=about,
            rows=((PAPER, row or name),),
            params=params,
        )
    )


def _sin(file: str, commit: str) -> WeightFile:
    digest = file.rpartition("-")[2].partition(".")[0]
    return WeightFile(f"rosenfeld2019/{file}", sha256=digest, url=f"{_SIN}/{commit}/{file}")


def _places(name: str) -> WeightFile:
    file = f"{name}_places365.pth.tar"
    return WeightFile(
        f"rosenfeld2019/{file}", url=f"{_PLACES}/{file}", note="no checksum published"
    )


_add(
    "conv",
    1024,
    torchvision_net("densenet121", (LayerOutput("features"),)),
    torchvision_file("https://download.pytorch.org/models/densenet121-a639ec97.pth"),
    "DenseNet121, ImageNet classification.",
    "BSD-3 (code); ImageNet weights",
    7_978_856,
)
_add(
    "ret",
    2048,
    _gem(whitened=False),
    _R101_GEM,
    "ResNet101 for image retrieval, GeM pooling.",
    f"MIT (code); {_NO_LICENCE}",
    42_500_161,
)
_add(
    "ret_w",
    2048,
    _gem(whitened=True),
    _R101_GEM,
    "ResNet101 for image retrieval, GeM pooling, learned whitening.",
    f"MIT (code); {_NO_LICENCE}",
    46_696_513,
)
_add(
    "weaka",
    1024,
    _weakalign(),
    WeightFile(
        "rosenfeld2019/weakalign_resnet101_affine_tps.pth.tar",
        url="http://www.di.ens.fr/willow/research/weakalign/trained_models/"
        "weakalign_resnet101_affine_tps.pth.tar",
        note="the address answered 404 in November 2024; no mirror is known",
    ),
    "ResNet101 trained to align two pictures, third stage.",
    f"MIT (code); {_NO_LICENCE}",
    27_535_424,
)
_add(
    "pl18",
    512,
    torchvision_net("resnet18", (LayerOutput("avgpool"),), num_classes=365),
    _places("resnet18"),
    "ResNet18, places.",
    "MIT (code), CC BY (weights)",
    11_363_757,
)
_add(
    "pl50",
    2048,
    torchvision_net("resnet50", (LayerOutput("avgpool"),), num_classes=365),
    _places("resnet50"),
    "ResNet50, places.",
    "MIT (code), CC BY (weights)",
    24_255_917,
)
_add(
    "pose",
    512,
    _pose(),
    WeightFile(
        "rosenfeld2019/body_pose_model.pth",
        "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
        209_267_595,
        hub="lllyasviel/Annotators/body_pose_model.pth",
    ),
    "OpenPose's trunk at conv4_2, body pose.",
    "non-commercial (OpenPose)",
    7_340_480,
    prepare=_OPENPOSE,
)
for _name, _row, _file, _commit, _data in (
    (
        "texture_S",
        "texture",
        "resnet50_train_60_epochs-c8e5653e.pth.tar",
        "6f41d2e86fc60566f78de64ecff35cc61eb6436f",
        "stylised ImageNet",
    ),
    (
        "texture_SI",
        "texture_SI",
        "resnet50_train_45_epochs_combined_IN_SF-2a0d100e.pth.tar",
        "60b770e128fffcbd8562a3ab3546c1a735432d03",
        "stylised and plain ImageNet",
    ),
    (
        "texture_SII",
        "texture_SII",
        "resnet50_finetune_60_epochs_lr_decay_after_30_start_resnet50_train_45_epochs_"
        "combined_IN_SF-ca06340c.pth.tar",
        "60b770e128fffcbd8562a3ab3546c1a735432d03",
        "stylised and plain, then plain ImageNet",
    ),
):
    _add(
        _name,
        2048,
        torchvision_net("resnet50", (LayerOutput("avgpool"),)),
        _sin(_file, _commit),
        f"ResNet50, {_data}: shape before texture.",
        _NO_LICENCE,
        25_557_032,
        row=_row,
    )


def _build() -> Any:
    from simcore.models.architectures.edgemac import EdgeMAC

    return EdgeMAC()


def _rename(found: dict[str, Any]) -> dict[str, Any]:
    from simcore.models.architectures import edgemac

    return edgemac.state(found)


NET = NetworkSpec(_build, rename=_rename, kind="matconvnet")


def load(device: str) -> Embedder:
    """Shape: EdgeMAC, a VGG16 that sees only edges."""
    import torch

    module = nets.load_network(NET, weights.path(NETWORK)).eval().to(device)
    detector = _detector()

    def embed(image: Array) -> Any:
        edges = padded(detector.detectEdges(shrunk(image)))
        with torch.inference_mode():
            return module(torch.from_numpy(edges)[None, None].to(device)).cpu().numpy()

    return embed


def shrunk(image: Array) -> Array:
    """uint8 (H, W, 3) as float32 RGB 0..1 with a long side of 227 px."""
    from simcore.models.architectures.edgemac import SIDE

    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = images.prepare(image, Preprocessing(resize=size, crop=None))
    return small.astype(np.float32) / 255


def padded(edges: Array) -> Array:
    """(H, W) with 30 px of nothing on every side, and at least 67 px a side."""
    from simcore.models.architectures.edgemac import LEAST, PAD

    rest = [max(0, LEAST - side - 2 * PAD) for side in edges.shape]
    sides = [(PAD + r // 2, PAD + r - r // 2) for r in rest]
    return np.pad(np.asarray(edges, np.float32), sides)


def _detector() -> Any:
    try:
        from cv2 import ximgproc
    except ImportError as error:
        raise MissingWeightsError(
            "found no OpenCV with its extra modules; expected them for the edges that shp looks "
            "at; install simcore with its extra `opencv`"
        ) from error
    return ximgproc.createStructuredEdgeDetection(str(weights.path(FOREST)))


registry.add(
    BackboneSpec(
        "shp",
        512,
        load,
        RAW,
        weights=(NETWORK, FOREST),
        groups=("rosenfeld2019",),
        license="MIT (code); none stated for the weights",
        paper="rosenfeld2019",
        description=(load.__doc__ or "").strip(),
        net=NET,
        rows=(("rosenfeld2019", "shp"),),
        n_parameters=14_713_540,
        requires=("cv2", "opencv"),
    )
)
