"""Places for the names of points in a chart, clear of intervals and of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

CHARACTER, NARROWEST = 6.5, 320  # px: of a name's text, and of the chart on a phone


@dataclass(frozen=True)
class Interval:
    """A point with its interval: x as a share of the axis, low and high in units of y."""

    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Name:
    """A name of a point: left and right as shares of the axis, its lower edge in units of y."""

    left: float
    right: float
    bottom: float


def place(
    texts: Sequence[str], points: Sequence[Interval], others: Sequence[Interval], line: float
) -> tuple[Name, ...]:
    """Put each name directly above its interval, or higher if something else is there.

    Names extend toward the middle of the chart, whose edge would cut them otherwise.

    Args:
        points: those that are named.
        others: further points, whose intervals are not covered either.
        line: height of a name in units of y.
    """
    blocked = [(point.x, point.x, point.low, point.high) for point in (*points, *others)]
    names = []
    for text, point in zip(texts, points, strict=True):
        width = CHARACTER * len(text) / NARROWEST
        left, right = (point.x, point.x + width) if point.x < 0.5 else (point.x - width, point.x)
        bottom = point.high
        for start, end, low, high in sorted(blocked, key=lambda box: box[3]):
            if start <= right and left <= end and low < bottom + line and bottom < high:
                bottom = high
        names.append(Name(left, right, bottom))
        blocked.append((left, right, bottom, bottom + line))
    return tuple(names)
