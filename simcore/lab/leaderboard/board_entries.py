"""The rows of a leaderboard: what a similarity did with each item, and what its backbone costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simcore.lab.leaderboard.board_tasks import Task
from simcore.types import Array

COSTS = {  # field of `Cost` -> its heading
    "milliseconds": "ms per image",
    "bytes": "MB of weights",
    "parameters": "million parameters",
    "dim": "dimensions",
}
# Share of the processor: while other programs use more, a time is too high to be relied on, and is
# measured again once they use less.
QUIET_SHARE = 0.1
UNITS = {"bytes": 1e6, "parameters": 1e6}  # what headings count in


@dataclass(frozen=True)
class Cost:
    """What a backbone costs; None where it is unknown.

    Attributes:
        dim: D. parameters: number of weights. bytes: of its weight files.
        milliseconds: to turn one decoded image into features, on `machine`.
        others: share of the processor that other programs used meanwhile, 0 to 1.
    """

    dim: int | None = None
    parameters: int | None = None
    bytes: int | None = None
    milliseconds: float | None = None
    machine: str = ""
    others: float | None = None

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs slowed the measurement of the time down."""
        return self.others is not None and self.others > QUIET_SHARE


@dataclass(frozen=True, eq=False)
class Entry:
    """One row: a backbone under a metric and post-processing.

    Attributes:
        features: name of the feature table, which changes with network, weights and preprocessing.
        license: of code and weights, and what it allows.
        printed: what a paper prints about this backbone; "" if none does.
        outcomes: digest of a task -> what happened to each of its items, see `Task.score`.
        reasons: digest of a task -> why there is no outcome; "" for all tasks.
        trained: digests of the tasks whose images the backbone was trained on; it has no rank
            there.
    """

    backbone: str
    metric: str
    post: str
    features: str
    cost: Cost = Cost()
    license: str = ""
    printed: str = ""
    outcomes: Mapping[str, Array] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    trained: tuple[str, ...] = ()

    def contains(self, words: str) -> bool:
        """Whether each word is part of the backbone, metric, post-processing or license.

        >>> Entry("mobilenetv2-grid", "cosine", "none", "", license="MIT").contains("grid mit")
        True
        """
        text = f"{self.backbone} {self.metric} {self.post} {self.license}".casefold()
        return all(word in text for word in words.casefold().split())

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for rows that must have equal outcomes."""
        return self.backbone, self.features, self.metric, self.post

    @property
    def label(self) -> str:
        """Short text for tables and charts."""
        post = "" if self.post == "none" else f", {self.post}"
        return f"{self.backbone}, {self.metric}{post}" if self.metric else self.backbone

    def reason(self, task: Task) -> str:
        """Why there is no score on a task; "" if there is one."""
        if task.digest in self.outcomes:
            return ""
        return self.reasons.get(task.digest) or self.reasons.get("") or "not evaluated"


def cost_value(cost: Cost, name: str) -> float | None:
    """A cost in the unit of its heading; None where it is unknown.

    >>> cost_value(Cost(bytes=9_084_095), "bytes")
    9.084095
    """
    value = getattr(cost, name)
    return value / UNITS[name] if value is not None and name in UNITS else value


def format_cost(cost: Cost, name: str) -> str:
    """A cost with at most three digits; "" where it is unknown.

    >>> format_cost(Cost(bytes=9_084_095), "bytes"), format_cost(Cost(), "dim")
    ('9.08', '')
    """
    value = cost_value(cost, name)
    if value is None:
        return ""
    return f"{value:,.0f}" if name == "dim" or value >= 100 else f"{value:.3g}"
