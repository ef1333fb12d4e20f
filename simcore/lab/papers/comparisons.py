"""Printed numbers beside one's own: in percent, with intervals, and as ratios to the best single.

Galleries differ, so hits cannot be compared. Shares of the queries can, with care, and ratios to
the best single representation better than these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.statistics import bootstrap
from simcore.evaluate.statistics.ratio import ratio_interval
from simcore.results import Result, Table
from simcore.types import Array, Score

COLUMNS = ("quantity", "printed", "here")
BEST_SINGLE = "best single"


@dataclass(frozen=True)
class Amount(Result):
    """A number and how well it is known.

    Attributes:
        value: in percent where `unit` is "%".
        low, high: 95 % confidence interval; None where it is unknown.
        count, total: the hits and the queries that a percentage was computed from.
        unit: "%", or "" for plain numbers.
        digits: after the decimal point.
    """

    value: float
    low: float | None = None
    high: float | None = None
    count: int | None = None
    total: int | None = None
    unit: str = ""
    digits: int = 2

    @property
    def text(self) -> str:
        """The number for people.

        >>> share(785, 6016).text
        '13.05 % [12.2, 13.9] (785 of 6,016)'
        >>> number(2.25).text
        '2.25'
        """
        words = [f"{self.value:,.{self.digits}f}", self.unit]
        if self.low is not None and self.high is not None:
            digits = max(self.digits - 1, 1) if self.unit == "%" else self.digits
            words.append(f"[{self.low:.{digits}f}, {self.high:.{digits}f}]")
        if self.count is not None and self.total is not None:
            words.append(f"({self.count:,} of {self.total:,})")
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Compared(Result):
    """One quantity as printed and as measured here; None where there is no such number.

    Attributes:
        quantity: what it is.
        printed, own: the number in the paper and one's own.
        printed_ratio, own_ratio: the same, divided by that of the best single representation, or by
            what else the table names.
    """

    quantity: str
    printed: Amount | None = None
    own: Amount | None = None
    printed_ratio: Amount | None = None
    own_ratio: Amount | None = None


def number(value: float, low: float | None = None, high: float | None = None) -> Amount:
    """A coefficient, a size or a ratio; whole numbers have no decimals."""
    whole = isinstance(value, int) or (low is None and float(value).is_integer())
    return Amount(float(value), low, high, digits=0 if whole else 2)


def coefficient(value: float, low: float | None = None, high: float | None = None) -> Amount:
    """A correlation, with three digits."""
    return Amount(float(value), low, high, digits=3)


def percentage(value: float, low: float | None = None, high: float | None = None) -> Amount:
    """A value that is in percent already, as papers print it."""
    return Amount(float(value), low, high, unit="%")


def share(count: int, total: int) -> Amount:
    """Hits of queries in percent, with the interval of a share."""
    if not total:
        return Amount(float("nan"), unit="%")
    low, high = share_interval(count, total)
    return Amount(100 * count / total, 100 * low, 100 * high, count, total, "%")


def share_interval(count: int, total: int) -> tuple[float, float]:
    """95 % interval, in 0..1, of a share of `total` independent trials."""
    return bootstrap.interval(np.arange(total) < count)


def of_score(score: Score) -> Amount | None:
    """A score of 0..1 in percent; None for NaN."""
    if np.isnan(score.value):
        return None
    return Amount(100 * score.value, 100 * score.low, 100 * score.high, unit="%")


def ratio(hits: Array, single: Array) -> Amount | None:
    """Hits over the hits of the best single representation, both (Q,) bool; None over no hits."""
    if not single.any():
        return None
    value = float(hits.sum() / single.sum())
    return Amount(value, *ratio_interval(hits, single))


def printed_ratio(value: float, single: float) -> Amount:
    """The same of two printed values."""
    return Amount(value / single)


def table(rows: Sequence[Compared], baseline: str = BEST_SINGLE) -> Table:
    """One row per quantity; the ratios are left out where no row has one.

    Args:
        baseline: what the ratios are to.
    """
    cells = [
        (
            row.quantity,
            *(
                "–" if amount is None else amount.text
                for amount in (row.printed, row.own, row.printed_ratio, row.own_ratio)
            ),
        )
        for row in rows
    ]
    with_ratios = any(row.printed_ratio or row.own_ratio for row in rows)
    ratios = (f"printed / {baseline}", f"here / {baseline}") if with_ratios else ()
    columns = (*COLUMNS, *ratios)
    return Table(columns, tuple(row[: len(columns)] for row in cells))
