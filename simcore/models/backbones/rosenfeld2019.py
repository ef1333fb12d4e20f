"""The eleven representations of rosenfeld2019 (section 3), by the paper's names.

Two differ: the paper's `texture` is `texture_S` here, because `texture` is a descriptor, and
`conv` is densenet121 as rosenfeld2018 reads it. Maps are averaged; `ret` and `shp` have their own
pooling.
"""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import network_input
from simcore.errors import MissingWeightsError
from simcore.models import nets, registry, state_dicts, weights
from simcore.models.backbones.libraries import torchvision_file, torchvision_net
from simcore.models.spec import (
    BackboneSpec,
    Checkpoint,
    Embedder,
    LayerOutput,
    NetworkSpec,
    StateDict,
    WeightFile,
)
from simcore.types import RAW, Array, Preprocessing

PAPER = "rosenfeld2019"
_RETRIEVAL = "https://cmp.felk.cvut.cz/cnnimageretrieval/data/networks"
_STYLIZED = "https://bitbucket.org/robert_geirhos/texture-vs-shape-pretrained-models/raw"
_PLACES = "https://places2.csail.mit.edu/models_places365"
_NO_LICENSE = "none stated for the weights"
# BGR, value / 256 - 0.5 on 0..255, written as mean and standard deviation on 0..1.
_OPENPOSE_INPUT = Preprocessing(mean=(0.5 * 256 / 255,) * 3, std=(256 / 255,) * 3)

GEM = WeightFile(
    "rosenfeld2019/retrievalSfM120k-resnet101-gem-b80fb85.pth",
    url=f"{_RETRIEVAL}/retrieval-SfM-120k/retrievalSfM120k-resnet101-gem-b80fb85.pth",
)
EDGEMAC = WeightFile(
    "rosenfeld2019/retrievalSfM30k-edgemac-vgg.mat",
    url=f"{_RETRIEVAL}/retrieval-SfM-30k/retrievalSfM30k-edgemac-vgg.mat",
)
EDGE_FOREST = WeightFile(
    "rosenfeld2019/structured-edges.yml.gz",
    url="https://github.com/opencv/opencv_extra/raw/master/testdata/cv/ximgproc/model.yml.gz",
    note="also at ptak.felk.cvut.cz/im4sketch/opencv_extra.yml.gz",
)
MAX_FOREST = 500_000_000  # bytes, inflated


def _gem(*, whitened: bool) -> NetworkSpec:
    def build() -> Any:
        from simcore.models.architectures.gem import GeM

        return GeM(whitened=whitened)

    def convert_state(checkpoint: Checkpoint) -> StateDict:
        from simcore.models.architectures import gem

        convert = gem.whitened_state if whitened else state_dicts.tensors
        return convert(checkpoint)

    return NetworkSpec(build, convert_state=convert_state, file_format="torch+numpy")


def _weakalign() -> NetworkSpec:
    def build() -> Any:
        import torch
        from torchvision.models import resnet101

        net = resnet101(weights=None)
        parts = [net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3]
        trunk = torch.nn.Sequential(*parts)
        trunk.add_module("unit", _feature_l2_norm())
        return trunk

    def convert_state(checkpoint: Checkpoint) -> StateDict:
        state = state_dicts.tensors(checkpoint)
        renamed = {key.replace("vgg", "model"): value for key, value in state.items()}
        return state_dicts.tensors(renamed, prefix="FeatureExtraction.model.")

    return NetworkSpec(
        build,
        (LayerOutput("unit"),),
        convert_state=convert_state,
        file_format="torch+namespace",
    )


def _feature_l2_norm() -> Any:
    import torch

    class FeatureL2Norm(torch.nn.Module):
        """Normalizes the vector at every position to length 1, as in weakalign."""

        def forward(self, x: Any) -> Any:
            return x / (x.pow(2).sum(1, keepdim=True) + 1e-6).sqrt()

    return FeatureL2Norm()


def _pose() -> NetworkSpec:
    def build() -> Any:
        from simcore.models.architectures.openpose import Trunk

        return Trunk()

    def convert_state(checkpoint: Checkpoint) -> StateDict:
        from simcore.models.architectures import openpose

        return openpose.convert_state(checkpoint)

    return NetworkSpec(build, (LayerOutput("layers.relu_conv4_2"),), convert_state=convert_state)


def _add(
    name: str,
    dim: int,
    net: NetworkSpec,
    file: WeightFile,
    n_parameters: int,
    *,
    description: str,
    license: str,
    row: str = "",
    preprocessing: Preprocessing = Preprocessing(),
) -> None:
    """Register a network; `row` is its name in the paper if it is another one here."""
    spec = nets.backbone_spec(
        name,
        dim,
        net,
        file,
        n_parameters=n_parameters,
        preprocessing=preprocessing,
        license=license,
        paper=PAPER,
        description=description,
    )
    registry.add(replace(spec, groups=(PAPER,), paper_rows=((PAPER, row or name),)))


def _stylized_file(file: str, commit: str) -> WeightFile:
    digest = file.rpartition("-")[2].partition(".")[0]
    return WeightFile(f"rosenfeld2019/{file}", sha256=digest, url=f"{_STYLIZED}/{commit}/{file}")


def _places_file(name: str) -> WeightFile:
    file = f"{name}_places365.pth.tar"
    return WeightFile(
        f"rosenfeld2019/{file}", url=f"{_PLACES}/{file}", note="no checksum published"
    )


_add(
    "conv",
    1024,
    torchvision_net("densenet121", (LayerOutput("features"),)),
    torchvision_file("https://download.pytorch.org/models/densenet121-a639ec97.pth"),
    7_978_856,
    description="DenseNet121, ImageNet classification.",
    license="BSD-3 (code); ImageNet weights",
)
_add(
    "ret",
    2048,
    _gem(whitened=False),
    GEM,
    42_500_161,
    description="ResNet101 for image retrieval, GeM pooling.",
    license=f"MIT (code); {_NO_LICENSE}",
)
_add(
    "ret_w",
    2048,
    _gem(whitened=True),
    GEM,
    46_696_513,
    description="ResNet101 for image retrieval, GeM pooling, learned whitening.",
    license=f"MIT (code); {_NO_LICENSE}",
)
_add(
    "weaka",
    1024,
    _weakalign(),
    WeightFile(
        "rosenfeld2019/weakalign_resnet101_affine_tps.pth.tar",
        url="https://www.di.ens.fr/willow/research/weakalign/trained_models/"
        "weakalign_resnet101_affine_tps.pth.tar",
        note="the address answered 404 in November 2024; no mirror is known",
    ),
    27_535_424,
    description="ResNet101 trained to align two pictures, third stage.",
    license=f"MIT (code); {_NO_LICENSE}",
)
_add(
    "pl18",
    512,
    torchvision_net("resnet18", (LayerOutput("avgpool"),), num_classes=365),
    _places_file("resnet18"),
    11_363_757,
    description="ResNet18, places.",
    license="MIT (code), CC BY (weights)",
)
_add(
    "pl50",
    2048,
    torchvision_net("resnet50", (LayerOutput("avgpool"),), num_classes=365),
    _places_file("resnet50"),
    24_255_917,
    description="ResNet50, places.",
    license="MIT (code), CC BY (weights)",
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
    7_340_480,
    description="OpenPose's trunk at conv4_2, body pose.",
    license="non-commercial (OpenPose)",
    preprocessing=_OPENPOSE_INPUT,
)
for _name, _row, _file, _commit, _training in (
    (
        "texture_S",
        "texture",
        "resnet50_train_60_epochs-c8e5653e.pth.tar",
        "6f41d2e86fc60566f78de64ecff35cc61eb6436f",
        "stylized ImageNet",
    ),
    (
        "texture_SI",
        "texture_SI",
        "resnet50_train_45_epochs_combined_IN_SF-2a0d100e.pth.tar",
        "60b770e128fffcbd8562a3ab3546c1a735432d03",
        "stylized and plain ImageNet",
    ),
    (
        "texture_SII",
        "texture_SII",
        "resnet50_finetune_60_epochs_lr_decay_after_30_start_resnet50_train_45_epochs_"
        "combined_IN_SF-ca06340c.pth.tar",
        "60b770e128fffcbd8562a3ab3546c1a735432d03",
        "stylized and plain, then plain ImageNet",
    ),
):
    _add(
        _name,
        2048,
        torchvision_net("resnet50", (LayerOutput("avgpool"),)),
        _stylized_file(_file, _commit),
        25_557_032,
        description=f"ResNet50, {_training}: shape before texture.",
        license=_NO_LICENSE,
        row=_row,
    )


# Shape: EdgeMAC on detected edges


def _edgemac() -> NetworkSpec:
    def build() -> Any:
        from simcore.models.architectures.edgemac import EdgeMAC

        return EdgeMAC()

    def convert_state(checkpoint: Checkpoint) -> StateDict:
        from simcore.models.architectures import edgemac

        return edgemac.convert_state(checkpoint)

    return NetworkSpec(build, convert_state=convert_state, file_format="matconvnet")


_EDGEMAC_NET = _edgemac()


def _load_shape(device: str) -> Embedder:
    """Shape: EdgeMAC, a VGG16 that sees only edges."""
    import torch

    module = nets.load_network(_EDGEMAC_NET, weights.path(EDGEMAC)).eval().to(device)
    detector = _load_edge_detector()

    def embed(image: Array) -> Any:
        edges = pad_edges(detector.detectEdges(shrink(image)))
        with torch.inference_mode():
            return module(torch.from_numpy(edges)[None, None].to(device)).cpu().numpy()

    return embed


def shrink(image: Array) -> Array:
    """uint8 (H, W, 3) -> float32 RGB in 0..1 with a long side of 227 px."""
    from simcore.models.architectures.edgemac import LONG_SIDE

    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = network_input.prepare(image, Preprocessing(resize=size, crop=None))
    return small.astype(np.float32) / 255


def pad_edges(edges: Array) -> Array:
    """(H, W) padded with 30 px of zeros on every side, and to at least 67 px per side."""
    from simcore.models.architectures.edgemac import MIN_SIDE, PADDING

    extra = [max(0, MIN_SIDE - side - 2 * PADDING) for side in edges.shape]
    widths = [(PADDING + e // 2, PADDING + e - e // 2) for e in extra]
    return np.pad(np.asarray(edges, np.float32), widths)


def _load_edge_detector() -> Any:
    try:
        from cv2 import ximgproc
    except ImportError as error:
        raise MissingWeightsError(
            "The backbone shp needs OpenCV with its extra modules to detect edges. "
            "Install simcore with its extra `opencv`."
        ) from error
    path = weights.path(EDGE_FOREST)
    with state_dicts.fitting(path.name):
        _check_size(path)
        return ximgproc.createStructuredEdgeDetection(str(path))


def _check_size(file: Path) -> None:
    """OpenCV reads a compressed file whole, whatever its size."""
    size = 0
    with gzip.open(file) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            if size > MAX_FOREST:
                raise ValueError(f"it has more than {MAX_FOREST:,} bytes")


registry.add(
    BackboneSpec(
        "shp",
        512,
        _load_shape,
        RAW,
        weights=(EDGEMAC, EDGE_FOREST),
        groups=(PAPER,),
        license=f"MIT (code); {_NO_LICENSE}",
        paper=PAPER,
        description=(_load_shape.__doc__ or "").strip(),
        net=_EDGEMAC_NET,
        paper_rows=((PAPER, "shp"),),
        n_parameters=14_713_540,
        requires=("cv2", "opencv"),
    )
)
