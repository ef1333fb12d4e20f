"""Whose features a table holds: its name changes with all that changes the numbers."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from simcore.types import Preprocessing

LAYOUT = 1


@dataclass(frozen=True)
class FeatureKey:
    """All that changes a backbone's numbers, and nothing else: the name of a table.

    Attributes:
        backbone, version: which code makes the features.
        preprocessing: how an image becomes the input.
        weights_sha: digest of the weight files; empty where there are none.
        precision: "fp32", "bf16" or "fp16".
        dim: D.
    """

    backbone: str
    version: int
    preprocessing: Preprocessing
    weights_sha: str
    precision: str
    dim: int

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "FeatureKey":
        """The key that a table's metadata describes; other entries of `fields` are ignored."""
        shown: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in fields["prepare"].items()
        }
        return cls(
            backbone=fields["backbone"],
            version=fields["version"],
            preprocessing=Preprocessing(**shown),
            weights_sha=fields["weights_sha"],
            precision=fields["precision"],
            dim=fields["dim"],
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields by the names that stored tables use.

        The table's name is a digest of exactly this: renaming a field in the code must not rename
        an entry here, or every stored feature would be computed again.
        """
        shown = self.preprocessing
        return {
            "backbone": self.backbone,
            "version": self.version,
            "prepare": {
                "resize": shown.resize,
                "crop": shown.crop,
                "interpolation": shown.interpolation,
                "mean": shown.mean,
                "std": shown.std,
                "raw": shown.raw,
            },
            "weights_sha": self.weights_sha,
            "precision": self.precision,
            "dim": self.dim,
        }

    @property
    def table(self) -> str:
        """Table name: the backbone for people, then a digest of every field.

        >>> FeatureKey("hog", 1, Preprocessing(), "", "fp32", 9).table
        'hog-7d50753360ee7506'
        """
        fields = json.dumps({"layout": LAYOUT, **self.to_dict()}, sort_keys=True)
        readable = re.sub(r"[^a-z0-9_]+", "-", self.backbone.lower()).strip("-")[:60]
        return f"{readable}-{hashlib.sha256(fields.encode()).hexdigest()[:16]}"
