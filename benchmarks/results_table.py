"""What was measured on: cores, memory, accelerator, versions."""

import os
import platform
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

AIMS = Path(__file__).with_name("aims.toml")
HEAD = ("part", "measured", "against", "ratio", "aim", "met", "note")


def machine() -> dict:
    """{"cores", "cpu", "memory_gib", "gpu", "python", "torch", "numpy"}; unknown is None."""
    return {
        "cores": cores(),
        "cpu": cpu(),
        "memory_gib": memory(),
        "gpu": gpu(),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
    }


def load() -> float:
    """Processes that wanted to run in the last minute: what else the machine does."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def machine_text() -> str:
    """The machine in a line.

    >>> " cores" in machine_text()
    True
    """
    fields = machine()
    memory_text = "" if fields["memory_gib"] is None else f", {fields['memory_gib']:.0f} GiB"
    return (
        f"{fields['cores']} cores of {fields['cpu']}{memory_text}, "
        f"{fields['gpu'] or 'no GPU'}; Python {fields['python']}, torch {fields['torch']}"
    )


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu() -> str:
    """Its name where the system names it, else its kind."""
    file = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", file.read_text(), re.M) if file.is_file() else []
    return names[0] if names else platform.processor() or platform.machine()


def memory() -> float | None:
    """GiB of it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return None


def gpu() -> str | None:
    """The CUDA device's name, or None."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Aim:
    """A bound on what was measured, or on the ratio.

    >>> Aim("at most", 2.0).text("s")
    'at most 2 s'
    """

    side: Literal["at least", "at most"]
    value: float
    of: Literal["measured", "ratio"] = "measured"

    def text(self, unit: str) -> str:
        """The aim in words."""
        text = f"{self.side} {number(self.value)}"
        return f"ratio {text}" if self.of == "ratio" else f"{text} {unit}".rstrip()


def aim(name: str) -> Aim:
    """The aim of `aims.toml` under a name such as "top_k.milliseconds".

    Raises:
        KeyError: it has none of that name.
    """
    section, _, key = name.partition(".")
    fields = tomllib.loads(AIMS.read_text("utf-8"))[section][key]
    side: Literal["at_least", "at_most"] = "at_least" if "at_least" in fields else "at_most"
    words: Literal["at least", "at most"] = "at least" if side == "at_least" else "at most"
    return Aim(words, float(fields[side]), fields.get("of", "measured"))


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
        memory: (N, GB held at most), as `points`.
    """

    part: str
    measured: float | None
    unit: str = ""
    against: str = ""
    ratio: float | None = None
    aim: Aim | None = None
    note: str = ""
    points: tuple[tuple[float, float], ...] = ()
    memory: tuple[tuple[float, float], ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is no aim, or nothing was measured."""
        value = self.measured if self.aim is None or self.aim.of == "measured" else self.ratio
        if self.aim is None or value is None:
            return None
        return value >= self.aim.value if self.aim.side == "at least" else value <= self.aim.value

    def to_dict(self) -> dict:
        """One line of the document of `python -m benchmarks --json`."""
        return asdict(self) | {"met": self.met}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Line":
        """The line that `to_dict` described."""
        values = {key: value for key, value in fields.items() if key != "met"}
        bound = values.pop("aim")
        points, memory = (
            tuple((float(n), float(value)) for n, value in values.pop(name, ()))
            for name in ("points", "memory")
        )
        aim = None if bound is None else Aim(**bound)
        return cls(**values, aim=aim, points=points, memory=memory)

    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of `HEAD`."""
        return (
            self.part,
            "" if self.measured is None else f"{number(self.measured)} {self.unit}".rstrip(),
            self.against,
            "" if self.ratio is None else number(self.ratio),
            "" if self.aim is None else self.aim.text(self.unit),
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


def text(line: Line) -> str:
    """One line of the table as plain text.

    >>> text(Line("subsets", 0.53, "s", aim=Aim("at most", 2.0)))
    'subsets: 0.53 s, aim: at most 2 s, met'
    """
    part, measured, against, ratio, bound, met, note = line.cells()
    against = f"against {against}" if against else ""
    ratio, bound = (f"ratio {ratio}" if ratio else ""), (f"aim: {bound}" if bound else "")
    details = ", ".join(filter(None, (measured, against, ratio, bound, met, note)))
    return f"{part}: {details}"


def show(lines: Sequence[Line], *, title: str = "") -> None:
    """Print the table on stdout, as wide as the screen allows."""
    from simcore.cli import output

    output.table(HEAD, [line.cells() for line in lines], title=title)


def markdown(lines: Sequence[Line]) -> str:
    """The table as RESULTS.md has it."""
    rows = [HEAD, ("---",) * len(HEAD), *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in rows)
