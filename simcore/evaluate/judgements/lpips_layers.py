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
    """One net under one distortion.

    Attributes:
        group, net: distortion and network.
        layer: the best single layer, 0 the shallowest of those compared.
        score: of that layer. layers: scores of all, shallowest first.
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


def table(
    layers: Mapping[str, Sequence[Sides]],
    calibrated: Mapping[str, Sides],
    uncalibrated: Mapping[str, Sides],
    triplets: Triplets,
) -> list[LayerRow]:
    """Best single layer of each net for each distortion, and what calibration adds to it.

    As in the paper the layer is chosen on the triplets it is judged by. Of equal layers the
    shallowest is taken. Groups come in the order of the triplets.

    Args:
        layers: net -> (left, right) of each layer, shallowest first; for SqueezeNet the paper
            compares the last five of seven (section 4.5.2).
        calibrated, uncalibrated: net -> (left, right) of all layers together.

    Raises:
        BadDataError: a net without layers, or without its sums.
    """
    found = []
    for group in dict.fromkeys(triplets.group):
        rows = np.array([g == group for g in triplets.group])
        for net, singles in layers.items():
            if not singles or net not in calibrated or net not in uncalibrated:
                raise BadDataError(f"found no layers or no sum of {net}; expected both for Table 2")
            scores = [
                _judged(sides, triplets, rows, f"{net} layer {k}")
                for k, sides in enumerate(singles)
            ]
            best = int(np.argmax([s.value for s in scores]))
            whole = _judged(calibrated[net], triplets, rows, f"{net}, calibrated")
            found.append(
                LayerRow(
                    group,
                    net,
                    best,
                    scores[best],
                    tuple(s.value for s in scores),
                    whole,
                    _judged(uncalibrated[net], triplets, rows, f"{net}, all layers"),
                    whole.value - scores[best].value,
                )
            )
    return found


def _judged(sides: Sides, triplets: Triplets, rows: Array, name: str) -> Score:
    left, right = sides
    return two_afc.score(left[rows], right[rows], triplets.vote[rows], name=name)
