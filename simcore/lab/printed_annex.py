"""Annex A, Table 1 of risser-maroux2021 as printed: 37 networks before and after adaptation."""

from collections.abc import Iterator

from simcore.lab.printed_values import PrintedTable
from simcore.results import Cell

MEANS = ("concatenated", "PCA", "sigma 1", "sigma 15")  # mean of 20 runs
DEVIATION = " ±"  # after the name of a mean: its column of deviations
FACTS = ("learning type", "data set", "images, M", "size", "PCA variance")  # of a network
GALLERY = round(4199 / 4)  # images: a quarter of the pairs of TLLobj
DEVIATIONS_REMARK = (
    "The ± here and the printed one do not mean the same. Here it is the standard deviation over "
    "runs, each with its own test pairs. The paper calls its own a standard deviation as well, but "
    "after adaptation (0.002 to 0.007) it is smaller than that of a share of 1,050 independent "
    "pairs (0.008 to 0.015), so it cannot be that of such runs."
)

# As printed: learning type, data set and millions of images, then the networks that have them with
# the other `COLUMNS`.
_ROWS = """
self-supervised, ImageNet-1k, 1.28:
barlow 3840 0.7555 0.1389 0.0106 0.1357 0.1781 0.0041 0.2065 0.0045
deits16 384 0.9352 0.1392 0.0107 0.1362 0.1456 0.0044 0.1826 0.0044
deits8 384 0.9451 0.149 0.0109 0.1477 0.1623 0.0057 0.2035 0.0057
dino_resnet50 3840 0.7732 0.136 0.0089 0.1288 0.1947 0.0034 0.2435 0.0040
dino_vitb16 768 0.8505 0.1456 0.0100 0.1394 0.1745 0.0039 0.2009 0.0048
dino_vitb8 768 0.8199 0.1334 0.0122 0.1314 0.1763 0.0041 0.2012 0.0047
supervised, VGGFace2, 3.31:
facenet 1792 0.9722 0.0533 0.0050 0.0611 0.0739 0.0035 0.1173 0.0038
supervised, ImageNet-1k, 1.28:
alexnet 256 1.0000 0.1023 0.0080 0.1041 0.1061 0.0043 0.1321 0.0045
resnet18 960 0.9118 0.1283 0.0097 0.1259 0.1323 0.0035 0.1684 0.0044
resnet34 960 0.9011 0.1236 0.0091 0.1304 0.1426 0.0037 0.1469 0.0047
resnet50 3840 0.8832 0.1211 0.0073 0.1258 0.1340 0.0051 0.1913 0.0034
resnet101 3840 0.8974 0.1209 0.0073 0.1212 0.1557 0.0042 0.1686 0.0046
resnet152 3840 0.8971 0.125 0.0094 0.1214 0.1472 0.0044 0.1892 0.0040
efficientnet_b0 1280 0.7725 0.1164 0.0093 0.1149 0.1232 0.0039 0.1552 0.0032
efficientnet_b1 1280 0.7630 0.1243 0.0067 0.1242 0.1384 0.0033 0.1387 0.0034
efficientnet_b2 1408 0.7423 0.1165 0.0071 0.1170 0.1205 0.0029 0.1602 0.0042
efficientnet_b3 1536 0.7188 0.1162 0.0090 0.1126 0.1205 0.0033 0.1410 0.0046
ViT 768 0.8001 0.121 0.0084 0.1173 0.1377 0.0032 0.1570 0.0035
supervised, ImageNet-21k, 14.19:
BIT-M-R50x1 3840 0.9212 0.1165 0.0076 0.1142 0.1722 0.0031 0.2332 0.0042
BIT-M-R50x3 11520 0.8768 0.1165 0.0099 0.1143 0.2049 0.0046 0.2659 0.0052
BIT-M-R101x1 3840 0.9174 0.1114 0.0087 0.1054 0.2030 0.0051 0.2509 0.0055
BIT-M-R101x3 11520 0.8789 0.1099 0.0087 0.1075 0.1800 0.0040 0.2437 0.0039
BIT-M-R152x2 7680 0.8877 0.1171 0.0058 0.1101 0.2215 0.0060 0.2732 0.0049
BIT-M-R152x4 15360 0.8033 0.1174 0.0102 0.1143 0.2145 0.0024 0.2540 0.0052
semi-supervised, ImageNet-1k, 1.28:
resnet50_ssl 3840 0.7973 0.1396 0.0075 0.1401 0.1883 0.0039 0.1995 0.0051
resnext101_32x8d_ssl 3840 0.8539 0.1255 0.0089 0.1276 0.1589 0.0033 0.1550 0.0040
weakly semi-supervised, ImageNet-1k, 1.28:
resnet50_swsl 3840 0.7912 0.1548 0.0099 0.1506 0.1929 0.0035 0.2191 0.0038
resnext101_32x16d_swsl 3840 0.8729 0.1213 0.0068 0.1270 0.1414 0.0031 0.1986 0.0049
resnext101_32x8d_swsl 3840 0.8702 0.1295 0.0067 0.1297 0.1544 0.0029 0.2005 0.0041
weakly supervised, ImageNet-1k, 1.28:
resnext101_32x8d_wsl 3840 0.7861 0.1297 0.0094 0.1192 0.1642 0.0035 0.1917 0.0041
resnext101_32x16d_wsl 3840 0.7731 0.1292 0.0079 0.1204 0.1670 0.0035 0.2061 0.0047
resnext101_32x32d_wsl 3840 0.7651 0.1406 0.0091 0.1323 0.1639 0.0047 0.2295 0.0052
resnext101_32x48d_wsl 3840 0.7629 0.1458 0.0085 0.1419 0.1696 0.0037 0.2318 0.0046
natural language supervision, Internet, 400.0:
clip_rm101 4352 0.8426 0.1674 0.0104 0.1658 0.2814 0.0050 0.3825 0.0046
clip_rm50 4864 0.8679 0.1575 0.0102 0.1606 0.2834 0.0059 0.3607 0.0047
clip_rm50x4 5440 0.8199 0.1743 0.0070 0.1700 0.3282 0.0041 0.3939 0.0071
clip_vit32_b 768 0.8600 0.1714 0.0074 0.1797 0.2655 0.0068 0.3540 0.0046
"""
COLUMNS = (
    "model",
    *FACTS,
    "concatenated",
    "concatenated ±",
    "PCA",
    "sigma 1",
    "sigma 1 ±",
    "sigma 15",
    "sigma 15 ±",
)


def _parse(text: str) -> Iterator[tuple[Cell, ...]]:
    facts: tuple[Cell, ...] = ()
    for line in text.strip().splitlines():
        if line.endswith(":"):
            learning, data, millions = line.removesuffix(":").split(", ")
            facts = (learning, data, float(millions))
        else:
            name, *numbers = line.split()
            cells = (int(cell) if cell.isdigit() else float(cell) for cell in numbers)
            yield (name, *facts, *cells)


ANNEX = PrintedTable(
    "risser-maroux2021",
    "Annex A, Table 1",
    "asymmetric recall at 1 (0 to 1) on test pairs of TLLobj (4,199 pairs), mean of 20 runs ± the "
    "printed standard deviation",
    COLUMNS,
    tuple(_parse(_ROWS)),
    "Features: one of the last layers for alexnet, facenet, efficientnet and the transformers; all "
    "stages concatenated for the others. The test gallery is a quarter of the pairs, and the epoch "
    "was selected on it. A smaller collection has a smaller gallery and an easier task.",
)

GAINS = PrintedTable(
    "risser-maroux2021",
    "Section 4.3",
    "average improvement of the asymmetric recall by adaptation at sigma 15, clip_rn50x4",
    ("recall", "ratio"),
    (("aR@1", 2.25), ("aR@5", 3.55), ("aR@20", 4.53)),
    "By Table 1 the ratio at 1 is 2.26. The higher k, the nearer is a smaller gallery to all hits, "
    "which limits the ratio.",
)
GAINS_MODEL = "clip_rn50x4"


def row(model: str) -> tuple[Cell, ...] | None:
    """The row of a backbone of this package, as `ANNEX.columns`; None where the paper lacks it.

    >>> row("resnet18-stages")[:4]
    ('resnet18', 'supervised', 'ImageNet-1k', 1.28)
    """
    name = model.removesuffix("-stages").removesuffix("-conv5").replace("clip_rn", "clip_rm")
    return next((cells for cells in ANNEX.rows if cells[0] == name), None)
