"""Metrics of the caller: functions that compare feature rows, known for the lifetime of a process.

A registered metric has an identifier with a digest of its code, so that results of another function
under the same name are never read from the cache.
"""

from collections.abc import Callable, Sequence

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.types import METRICS, Array

# (Q, D) and (G, D) float32 -> (Q, G), higher = more alike
MetricFunction = Callable[[Array, Array], Array]

_functions: dict[str, MetricFunction] = {}  # by identifier
_identifiers: dict[str, str] = {}  # by name: the one registered last


def register(name: str, function: MetricFunction, digest: str) -> str:
    """Remember a metric; registering a name again replaces it.

    Args:
        digest: changes with the function.

    Returns:
        The identifier, `name` and the beginning of the digest.

    Raises:
        BadDataError: the name is that of a built-in metric, or is not a plain word.
    """
    if name in (*METRICS, "own", "mixed"):
        raise BadDataError(f"{name!r} is a built-in metric. Choose another name.")
    if not name.isidentifier() or not name.isascii():
        raise BadDataError(f"{name!r} cannot name a metric. Use letters, digits and underscores.")
    identifier = f"{name}-{digest[:8]}"
    _functions[identifier] = function
    _identifiers[name] = identifier
    return identifier


def find(name: str) -> str | None:
    """The identifier of a name or an identifier; None if there is no such metric."""
    return name if name in _functions else _identifiers.get(name)


def names() -> list[str]:
    """Names of all registered metrics."""
    return sorted(_identifiers)


def compare(identifier: str, queries: Array, gallery: Array, rows: int) -> Array:
    """Similarity of all rows to all rows.

    Args:
        queries, gallery: (Q, D) and (G, D) float32.
        rows: queries per call of the function.

    Returns:
        (Q, G) float32; a value that is not finite becomes NaN, no evidence.

    Raises:
        ShapeError: the function returns another shape.
    """
    function = _functions[identifier]
    blocks: Sequence[Array] = [
        _block(identifier, function, queries[start : start + rows], gallery)
        for start in range(0, len(queries), rows)
    ]
    if not blocks:
        return np.empty((0, len(gallery)), np.float32)
    similarity = np.concatenate(blocks)
    similarity[~np.isfinite(similarity)] = np.nan
    return similarity


def _block(identifier: str, function: MetricFunction, queries: Array, gallery: Array) -> Array:
    values = np.asarray(function(queries, gallery), np.float32)
    if values.shape != (len(queries), len(gallery)):
        raise ShapeError(
            f"The metric {identifier} returned shape {values.shape} for {len(queries)} queries and "
            f"a gallery of {len(gallery)}. Return one row per query and one column per image."
        )
    return values
