"""The eight generic networks of "Totally Looks Like" at the layers of the authors' notebook.

Short side 256, center crop 224, ImageNet normalization. ResNets: the average pool. DenseNets: the
mean of `features`, without the ReLU that torchvision applies after it. VGG16: fc7 after its ReLU.
AlexNet: fc7 before it.
"""

from dataclasses import replace

from simcore.models import registry
from simcore.models.backbones import libraries
from simcore.models.spec import LayerOutput

PAPER = "rosenfeld2018"
_URL = "https://download.pytorch.org/models"
_POOL, _MEAN = "its average pool", "the mean of its last maps"
_NETWORKS = (  # name, D, layer, its description, file, parameters
    ("alexnet", 4096, "classifier.4", "fc7", "alexnet-owt-7be5be79", 61_100_840),
    ("vgg16", 4096, "classifier.4", "fc7", "vgg16-397923af", 138_357_544),
    ("resnet18", 512, "avgpool", _POOL, "resnet18-f37072fd", 11_689_512),
    ("resnet50", 2048, "avgpool", _POOL, "resnet50-0676ba61", 25_557_032),
    ("resnet152", 2048, "avgpool", _POOL, "resnet152-394f9c45", 60_192_808),
    ("densenet121", 1024, "features", _MEAN, "densenet121-a639ec97", 7_978_856),
    ("densenet169", 1664, "features", _MEAN, "densenet169-b2777c0a", 14_149_480),
    ("densenet201", 1920, "features", _MEAN, "densenet201-c1103571", 20_013_928),
)

for _name, _dim, _layer, _position, _file, _n_parameters in _NETWORKS:
    _spec = libraries.torchvision_backbone(
        _name, _name, _dim, _n_parameters, f"{_URL}/{_file}.pth", (LayerOutput(_layer),)
    )
    registry.add(
        replace(
            _spec,
            groups=(PAPER,),
            license="BSD-3 (code); ImageNet weights",
            paper=PAPER,
            description=f"{_name}, ImageNet classification, {_position}.",
            paper_rows=((PAPER, _name),),
        )
    )
