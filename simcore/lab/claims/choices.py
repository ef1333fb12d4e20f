"""Choices that the papers leave open, and the universes that a collection allows.

A universe is one value per choice. The first value of each choice is the one of the main verdict.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from simcore.errors import SimError, Stopped
from simcore.lab.library import features, subsets
from simcore.types import Collection, Labels, Monitor

CHOICES: dict[str, Labels] = {
    "subset": {
        "all": "every pair",
        "tlld": "without near-duplicates, by the paper's text",
        "tlld-paper": "without near-duplicates, by the authors' notebook",
        "objects": "pairs without a face on both sides",
        "haar-objects": "pairs without a face on both sides, by a Haar cascade",
    },
    "tlld": {
        "tlld": "without near-duplicates, by the paper's text",
        "tlld-paper": "without near-duplicates, by the authors' notebook",
    },
    "missing": {
        "mean": "an image without a face is as similar as the average",
        "worst": "an image without a face is less similar than any other (infinite distance)",
    },
    "scale": {
        "matrix": "z over the whole similarity matrix",
        "rows": "z over each query's row",
    },
    "combine": {"zsum": "z-sums", "sum": "plain sums"},
    "metric": {
        "own": "each backbone's own",
        "l2": "L2 for all",
        "cosine": "cosine for all",
        "l1": "L1 for all",
    },
    "ties": {
        "against": "a tie is ahead of the mate",
        "half": "a tie is broken at random",
        "for": "a tie is behind the mate",
    },
    "direction": {"lr": "left images are the queries", "rl": "right images are the queries"},
    "detector": dict(subsets.DETECTORS),
    "descriptor": {name: subsets.DETECTORS[name] for name in ("face", "face-cnn")},
    "counting": {
        "share": "a trial earns the share of votes",
        "majority": "a trial earns 1 or 0",
    },
    "judgement_metric": {
        "own": "each backbone's own metric",
        "l2": "L2 for all",
        "cosine": "cosine for all",
    },
    "protocol": {
        "held-out": "the epoch is selected on validation pairs",
        "paper": "the epoch is selected on the test pairs, as in the paper",
    },
}
EXPENSIVE = {"metric": ("own", "l2")}  # where all combinations are searched in every universe
Options = dict[str, tuple[str, ...]]  # choice -> the values that are available
Values = tuple[tuple[str, str], ...]  # (choice, value), in the order of CHOICES


@dataclass(frozen=True)
class Universe:
    """One value per choice."""

    values: Values

    def get(self, choice: str) -> str:
        """The value of a choice, by default the first one."""
        return dict(self.values).get(choice) or next(iter(CHOICES[choice]))

    @property
    def label(self) -> str:
        """Short text, such as "subset tlld, ties half"."""
        return ", ".join(f"{choice} {value}" for choice, value in self.values)

    def to_text(self) -> str:
        """For an address: "subset:tlld,ties:half"."""
        return ",".join(f"{choice}:{value}" for choice, value in self.values)


def available(
    collection: Collection,
    base_subset: str,
    *,
    waits: bool = True,
    monitor: Monitor = Monitor(),
) -> Options:
    """The values of each choice that a collection's features allow, the main one first.

    Args:
        base_subset: the pairs of the main verdict.
        waits: whether near-duplicates among many pairs are computed; if not, subsets without them
            count as available until it is known that no pair is left.

    Raises:
        Stopped: the monitor asked to stop.
    """
    options = {choice: tuple(labels) for choice, labels in CHOICES.items()}
    for choice in ("detector", "descriptor"):
        options[choice] = tuple(
            name for name in CHOICES[choice] if features.is_ready(collection, name)
        )
    is_open = partial(_is_open, collection, waits=waits, monitor=monitor)
    variants = [name for name in ("all", "tlld", "tlld-paper") if is_open(name)]
    options["subset"] = tuple(dict.fromkeys([base_subset, *variants]))
    options["tlld"] = tuple(name for name in ("tlld", "tlld-paper") if name in variants)
    # Without any, the first one stays, so that the claim says which features it needs.
    return {choice: rows or (next(iter(CHOICES[choice])),) for choice, rows in options.items()}


def universes(
    choices: Sequence[str], options: Mapping[str, Sequence[str]], *, search: bool = False
) -> list[Universe]:
    """All combinations of the values of some choices; the first is that of the main verdict.

    Args:
        choices: names in `CHOICES`.
        options: their values, from `available`.
        search: whether each universe searches all combinations of backbones.
    """
    names = [name for name in CHOICES if name in choices]
    values = [
        tuple(
            value
            for value in options[name]
            if not search or value in EXPENSIVE.get(name, options[name])
        )
        for name in names
    ]
    combinations = itertools.product(*values)
    rows = [Universe(tuple(zip(names, row, strict=True))) for row in combinations]
    return list({_effective(row): row for row in reversed(rows)}.values())[::-1]


def _effective(universe: Universe) -> Values:
    """The values that make a difference: a plain sum has no scale."""
    if dict(universe.values).get("combine") == "sum":
        return tuple(row for row in universe.values if row[0] != "scale")
    return universe.values


def _is_open(collection: Collection, subset: str, *, waits: bool, monitor: Monitor) -> bool:
    """Whether the features that a subset needs are extracted, and leave a pair."""
    if subset == "tlld-paper" and not features.is_ready(collection, "face"):
        return False
    if not waits and not subsets.is_quick(collection.name, subset):
        return True
    try:
        subsets.open_subset(collection.name, subset, monitor=monitor)
    except Stopped:
        raise
    except SimError:
        return False
    return True
