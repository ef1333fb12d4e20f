"""Recipes: which backbones, metrics, weights, combination and post-processing make a similarity."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Metric


@dataclass(frozen=True)
class Part:
    """One backbone's share in a recipe; `metric` None means the backbone's own."""

    backbone: str
    metric: Metric | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.weight) or self.weight < 0:
            raise BadDataError(
                f"found the weight {self.weight} for {self.backbone}; expected 0 or more"
            )


Combination = Literal["none", "sum", "zsum"]
# What is done before adding: the mean feature taken away; hubs corrected, by all queries at once.
PostProcessing = Literal["none", "center", "center+csls", "csls"]


@dataclass(frozen=True)
class Recipe:
    """Which backbones make a similarity, and how they are added (rosenfeld2019, Eq. 4, 5)."""

    parts: tuple[Part, ...]
    combine: Combination = "none"
    post: PostProcessing = "none"

    def __post_init__(self) -> None:
        if not self.parts:
            raise BadDataError("found a recipe without a backbone; expected at least one")
        if self.combine == "none" and len(self.parts) > 1:
            raise BadDataError(
                f"found {len(self.parts)} backbones without a way to combine them; "
                "expected sum or zsum"
            )

    @property
    def backbones(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(part.backbone for part in self.parts)

    @property
    def label(self) -> str:
        """Short text for legends and tables.

        >>> Recipe((Part("hog"), Part("face", weight=0.5)), "zsum").label
        'zsum(hog + 0.5 face)'
        """
        names = [
            (f"{p.weight:g} " if p.weight != 1 else "")
            + p.backbone
            + (f"@{p.metric}" if p.metric else "")
            for p in self.parts
        ]
        label = names[0] if self.combine == "none" else f"{self.combine}({' + '.join(names)})"
        return label if self.post == "none" else f"{label}, {self.post}"


POST_PROCESSING: tuple[PostProcessing, ...] = ("none", "center", "csls", "center+csls")
