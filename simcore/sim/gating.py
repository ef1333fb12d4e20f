"""Weights of a z-sum that depend on the query: on a face in it, on whether it is a drawing, ..."""

from collections.abc import Mapping

import numpy as np

from simcore.recipe import CUES_BACKBONE, FACE_BACKBONE, Cue, Recipe
from simcore.types import Array, Features

# Columns of the features of the backbone `cues`.
CUE_COLUMNS: dict[Cue, int] = {"drawing": 0, "background": 1, "bars": 2}


def cue_values(cue: Cue, queries: Mapping[str, Features]) -> Array:
    """(Q,) value of a cue in each query, 0 to 1.

    Args:
        queries: backbone -> features of Q queries; `face`, or `cues`.
    """
    if cue == "face":
        faces = queries[FACE_BACKBONE]
        return (np.bincount(faces.index, minlength=faces.count) > 0).astype(np.float64)
    cues = queries[CUES_BACKBONE]
    values: Array = np.clip(cues.values[:, CUE_COLUMNS[cue]].astype(np.float64), 0, 1)
    return values


def query_weights(recipe: Recipe, queries: Mapping[str, Features]) -> Array | None:
    """(Q, M) weight of each part in each query, 0 or more; None without gates.

    >>> from simcore.recipe import Gate, Part
    >>> faces = Features("face", np.array([1]), np.ones((1, 2)), 2)
    >>> parts = (Part("hog", weight=0.5), Part("face"))
    >>> query_weights(Recipe(parts, "gated", gates=(Gate("face", (-1, 1)),)), {"face": faces})
    array([[0.5, 1. ],
           [0. , 2. ]])
    """
    if not recipe.gates:
        return None
    base = np.array([part.weight for part in recipe.parts])
    values = np.stack([cue_values(gate.cue, queries) for gate in recipe.gates], axis=1)
    weights: Array = base + values @ np.array([gate.changes for gate in recipe.gates])
    return np.maximum(weights, 0.0)
