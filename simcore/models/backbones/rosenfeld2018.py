"""The eight generic networks of "Totally Looks Like" at the layers of the authors' notebook.

Short side 256, centre crop 224, ImageNet normalisation. ResNets: the average pool. DenseNets: the
mean of `features`, without the ReLU that torchvision puts behind it. VGG16: fc7 after its ReLU.
AlexNet: fc7 before it.
"""

from simcore.models import nets, registry
from simcore.models.backbones.libraries import torchvision_file, torchvision_net
from simcore.models.spec import LayerOutput

PAPER = "rosenfeld2018"
_BASE = "https://download.pytorch.org/models/"
# name: (D, layer, digest in the file's name, file's stem, parameters)
ROWS = {
    "alexnet": (4096, "classifier.4", "7be5be79", "alexnet-owt", 61_100_840),
    "vgg16": (4096, "classifier.4", "397923af", "vgg16", 138_357_544),
    "resnet18": (512, "avgpool", "f37072fd", "resnet18", 11_689_512),
    "resnet50": (2048, "avgpool", "0676ba61", "resnet50", 25_557_032),
    "resnet152": (2048, "avgpool", "394f9c45", "resnet152", 60_192_808),
    "densenet121": (1024, "features", "a639ec97", "densenet121", 7_978_856),
    "densenet169": (1664, "features", "b2777c0a", "densenet169", 14_149_480),
    "densenet201": (1920, "features", "c1103571", "densenet201", 20_013_928),
}
WHERE = {
    "classifier.4": "fc7",
    "avgpool": "its average pool",
    "features": "the mean of its last maps",
}

for _name, (_dim, _layer, _digest, _stem, _params) in ROWS.items():
    registry.add(
        nets.spec(
            _name,
            _dim,
            torchvision_net(_name, (LayerOutput(_layer),)),
            torchvision_file(f"{_BASE}{_stem}-{_digest}.pth"),
            groups=(PAPER,),
            license="BSD-3 (code); ImageNet weights",
            paper=PAPER,
            about=f"{_name}, ImageNet classification, {WHERE[_layer]}.",
            rows=((PAPER, _name),),
            params=_params,
        )
    )
