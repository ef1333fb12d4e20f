"""What every benchmark gives back: lines, each with the aim it is judged by.

A module of this folder has `lines(quick) -> list[Line]`; `python -m benchmarks` runs them one after
the other and prints one table. Whether an aim is met is worked out here, never typed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

HEAD = ("part", "measured", "against", "ratio", "aim", "met", "note")


@dataclass(frozen=True)
class Aim:
    """A bound on what was measured, or on the ratio.

    >>> Aim("at most", 2.0).says("s")
    'at most 2 s'
    """

    side: Literal["at least", "at most"]
    value: float
    of: Literal["measured", "ratio"] = "measured"

    def says(self, unit: str) -> str:
        """The aim in words."""
        told = f"{self.side} {number(self.value)}"
        return f"ratio {told}" if self.of == "ratio" else f"{told} {unit}".rstrip()


@dataclass(frozen=True)
class Line:
    """One thing that was measured.

    Attributes:
        part: what, in words.
        measured: the value in `unit`; None where it was not measured, and `note` says why.
        against: what else was taken in the same run, in words; empty where there is none.
        ratio: ours to that; `against` says which way round where it is not plain.
        aim: what it is judged by, or None.
        note: why an aim is not met, or what to know.
        points: (N, measured in `unit`) where a part was measured at several sizes, for the chart.
    """

    part: str
    measured: float | None
    unit: str = ""
    against: str = ""
    ratio: float | None = None
    aim: Aim | None = None
    note: str = ""
    points: tuple[tuple[float, float], ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is no aim, or nothing was measured."""
        value = self.measured if self.aim is None or self.aim.of == "measured" else self.ratio
        if self.aim is None or value is None:
            return None
        return value >= self.aim.value if self.aim.side == "at least" else value <= self.aim.value

    def json(self) -> dict:
        """One line of the document of `python -m benchmarks --json`."""
        return asdict(self) | {"met": self.met}

    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of `HEAD`."""
        return (
            self.part,
            "" if self.measured is None else f"{number(self.measured)} {self.unit}".rstrip(),
            self.against,
            "" if self.ratio is None else number(self.ratio),
            "" if self.aim is None else self.aim.says(self.unit),
            {True: "met", False: "NOT MET", None: ""}[self.met],
            self.note,
        )


def skipped(part: str, why: str, aim: Aim | None = None) -> Line:
    """A line for what could not be measured here."""
    return Line(part, None, aim=aim, note=f"not measured: {why}")


def number(value: float) -> str:
    """Three digits that count.

    >>> number(26.24), number(0.5312), number(12032.4), number(1172.0)
    ('26.2', '0.531', '12,032', '1,172')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show(lines: Sequence[Line], *, title: str = "") -> None:
    """Print the table on stdout, as wide as the screen allows."""
    from simcore.cli import show as printer

    printer.table(HEAD, [line.cells() for line in lines], title=title)


def markdown(lines: Sequence[Line]) -> str:
    """The table as RESULTS.md has it."""
    rows = [HEAD, ("---",) * len(HEAD), *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in rows)
