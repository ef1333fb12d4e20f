"""Risser-Maroux et al. 2021, annex A, Table 1: asymmetric recall before and after adaptation."""

from simcore.lab.papers import Printed

ANNEX = Printed(
    "risser-maroux2021",
    "Annex A, Table 1",
    "asymmetric recall at 1 (0 to 1) on test pairs of TLLobj (4,199 pairs), mean of 20 runs",
    ("model", "size", "PCA variance", "concatenated", "PCA", "sigma 1", "sigma 15"),
    (
        ("barlow", 3840, 0.7555, 0.1389, 0.1357, 0.1781, 0.2065),
        ("deits16", 384, 0.9352, 0.1392, 0.1362, 0.1456, 0.1826),
        ("deits8", 384, 0.9451, 0.149, 0.1477, 0.1623, 0.2035),
        ("dino_resnet50", 3840, 0.7732, 0.136, 0.1288, 0.1947, 0.2435),
        ("dino_vitb16", 768, 0.8505, 0.1456, 0.1394, 0.1745, 0.2009),
        ("dino_vitb8", 768, 0.8199, 0.1334, 0.1314, 0.1763, 0.2012),
        ("facenet", 1792, 0.9722, 0.0533, 0.0611, 0.0739, 0.1173),
        ("alexnet", 256, 1.0, 0.1023, 0.1041, 0.1061, 0.1321),
        ("resnet18", 960, 0.9118, 0.1283, 0.1259, 0.1323, 0.1684),
        ("resnet34", 960, 0.9011, 0.1236, 0.1304, 0.1426, 0.1469),
        ("resnet50", 3840, 0.8832, 0.1211, 0.1258, 0.134, 0.1913),
        ("resnet101", 3840, 0.8974, 0.1209, 0.1212, 0.1557, 0.1686),
        ("resnet152", 3840, 0.8971, 0.125, 0.1214, 0.1472, 0.1892),
        ("efficientnet_b0", 1280, 0.7725, 0.1164, 0.1149, 0.1232, 0.1552),
        ("efficientnet_b1", 1280, 0.763, 0.1243, 0.1242, 0.1384, 0.1387),
        ("efficientnet_b2", 1408, 0.7423, 0.1165, 0.117, 0.1205, 0.1602),
        ("efficientnet_b3", 1536, 0.7188, 0.1162, 0.1126, 0.1205, 0.141),
        ("ViT", 768, 0.8001, 0.121, 0.1173, 0.1377, 0.157),
        ("BIT-M-R50x1", 3840, 0.9212, 0.1165, 0.1142, 0.1722, 0.2332),
        ("BIT-M-R50x3", 11520, 0.8768, 0.1165, 0.1143, 0.2049, 0.2659),
        ("BIT-M-R101x1", 3840, 0.9174, 0.1114, 0.1054, 0.203, 0.2509),
        ("BIT-M-R101x3", 11520, 0.8789, 0.1099, 0.1075, 0.18, 0.2437),
        ("BIT-M-R152x2", 7680, 0.8877, 0.1171, 0.1101, 0.2215, 0.2732),
        ("BIT-M-R152x4", 15360, 0.8033, 0.1174, 0.1143, 0.2145, 0.254),
        ("resnet50_ssl", 3840, 0.7973, 0.1396, 0.1401, 0.1883, 0.1995),
        ("resnext101_32x8d_ssl", 3840, 0.8539, 0.1255, 0.1276, 0.1589, 0.155),
        ("resnet50_swsl", 3840, 0.7912, 0.1548, 0.1506, 0.1929, 0.2191),
        ("resnext101_32x16d_swsl", 3840, 0.8729, 0.1213, 0.127, 0.1414, 0.1986),
        ("resnext101_32x8d_swsl", 3840, 0.8702, 0.1295, 0.1297, 0.1544, 0.2005),
        ("resnext101_32x8d_wsl", 3840, 0.7861, 0.1297, 0.1192, 0.1642, 0.1917),
        ("resnext101_32x16d_wsl", 3840, 0.7731, 0.1292, 0.1204, 0.167, 0.2061),
        ("resnext101_32x32d_wsl", 3840, 0.7651, 0.1406, 0.1323, 0.1639, 0.2295),
        ("resnext101_32x48d_wsl", 3840, 0.7629, 0.1458, 0.1419, 0.1696, 0.2318),
        ("clip_rm101", 4352, 0.8426, 0.1674, 0.1658, 0.2814, 0.3825),
        ("clip_rm50", 4864, 0.8679, 0.1575, 0.1606, 0.2834, 0.3607),
        ("clip_rm50x4", 5440, 0.8199, 0.1743, 0.17, 0.3282, 0.3939),
        ("clip_vit32_b", 768, 0.86, 0.1714, 0.1797, 0.2655, 0.354),
    ),
    "One of the last layers for alexnet, facenet, efficientnet and the transformers, all stages "
    "side by side for the others. The test gallery is a quarter of the pairs, and the epoch was "
    "chosen on it: a smaller collection has a smaller gallery and an easier task.",
)


def printed(model: str) -> tuple[str | float | None, ...] | None:
    """The annex's row of a backbone here, None where it has none.

    >>> printed("resnet18-stages")[:2]
    ('resnet18', 960)
    """
    name = model.removesuffix("-stages").removesuffix("-conv5").replace("clip_rn", "clip_rm")
    return next((row for row in ANNEX.rows if row[0] == name), None)
