"""Single layers of a perceptual distance against its calibrated sum (rosenfeld2019, Table 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.judgements.triplet_combinations import Sides
from simcore.types import Array, Score


@dataclass(frozen=True)
class LayerRow:
    """One network under one distortion.

    Attributes:
        group, net: distortion and network.
        layer: the best single layer, 0 the shallowest of those compared.
        score: of that layer.
        layers: scores of all layers, shallowest first.
        calibrated, uncalibrated: scores of all layers together, with and without learned weights.
        delta: calibrated - score; negative where one layer does better than the calibrated sum.
    """

    group: str
    net: str
    layer: int
    score: Score
    layers: tuple[float, ...]
    calibrated: Score
    uncalibrated: Score
    delta: float


def best_layers(
    layers: Mapping[str, Sequence[Sides]],
    calibrated: Mapping[str, Sides],
    uncalibrated: Mapping[str, Sides],
    triplets: Triplets,
) -> list[LayerRow]:
    """Best single layer of each network for each distortion, and what calibration adds to it.

    As in the paper the layer is chosen on the triplets it is scored on. Of equal layers the
    shallowest is taken. Groups are in the order of the triplets.

    Args:
        layers: net -> (left, right) of each layer, (T,) each, shallowest first; for SqueezeNet the
            paper compares the last five of seven (section 4.5.2).
        calibrated, uncalibrated: net -> (left, right) of all layers together.

    Raises:
        BadDataError: a network without layers, or without its sums.
    """
    table = []
    for group in dict.fromkeys(triplets.group):
        rows = np.array([name == group for name in triplets.group])
        for net, singles in layers.items():
            if not singles or net not in calibrated or net not in uncalibrated:
                raise BadDataError(
                    f"{net} has no layers or no sum of them. Table 2 needs both for every network."
                )
            scores = [
                _score(sides, triplets, rows, f"{net} layer {k}") for k, sides in enumerate(singles)
            ]
            best = int(np.argmax([score.value for score in scores]))
            calibrated_score = _score(calibrated[net], triplets, rows, f"{net}, calibrated")
            table.append(
                LayerRow(
                    group,
                    net,
                    best,
                    scores[best],
                    tuple(score.value for score in scores),
                    calibrated_score,
                    _score(uncalibrated[net], triplets, rows, f"{net}, all layers"),
                    calibrated_score.value - scores[best].value,
                )
            )
    return table


def _score(sides: Sides, triplets: Triplets, rows: Array, name: str) -> Score:
    left, right = sides
    return two_afc.score(left[rows], right[rows], triplets.vote[rows], name=name)
