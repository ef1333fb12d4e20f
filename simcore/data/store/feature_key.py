"""The key of a feature table: everything that changes its numbers, and nothing else."""

import hashlib
import json
import re
from dataclasses import dataclass

from simcore.types import JSON, Preprocessing

LAYOUT = 1


@dataclass(frozen=True)
class FeatureKey:
    """Everything that changes a backbone's features, and nothing else; it names their table.

    Attributes:
        backbone, version: the code that computes the features.
        preprocessing: how an image becomes the input.
        weights_sha: digest of the weight files; empty for backbones without any.
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
    def from_dict(cls, fields: JSON) -> "FeatureKey":
        """The key that a table's metadata describes; other entries of `fields` are ignored."""
        preprocessing: JSON = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields["prepare"].items()
        }
        return cls(
            backbone=fields["backbone"],
            version=fields["version"],
            preprocessing=Preprocessing(**preprocessing),
            weights_sha=fields["weights_sha"],
            precision=fields["precision"],
            dim=fields["dim"],
        )

    def to_dict(self) -> JSON:
        """The fields under the names that stored tables use.

        The table's name is a digest of exactly this: when a field is renamed in the code, its
        entry here stays, or all stored features would be computed again.
        """
        preprocessing = self.preprocessing
        prepare: JSON = {
            "resize": preprocessing.resize,
            "crop": preprocessing.crop,
            "interpolation": preprocessing.interpolation,
            "mean": preprocessing.mean,
            "std": preprocessing.std,
            "raw": preprocessing.raw,
        }
        if preprocessing.borderless:  # left out elsewhere: tables made before it keep their names
            prepare["borderless"] = True
        return {
            "backbone": self.backbone,
            "version": self.version,
            "prepare": prepare,
            "weights_sha": self.weights_sha,
            "precision": self.precision,
            "dim": self.dim,
        }

    @property
    def table(self) -> str:
        """Table name: the backbone for people, then a digest of all fields.

        >>> FeatureKey("hog", 1, Preprocessing(), "", "fp32", 9).table
        'hog-7d50753360ee7506'
        """
        fields = json.dumps({"layout": LAYOUT, **self.to_dict()}, sort_keys=True)
        return f"{table_prefix(self.backbone)}-{hashlib.sha256(fields.encode()).hexdigest()[:16]}"


def table_prefix(backbone: str) -> str:
    """What the names of a backbone's tables begin with.

    >>> table_prefix("timm:resnet50.a1_in1k")
    'timm-resnet50-a1_in1k'
    """
    return re.sub(r"[^a-z0-9_]+", "-", backbone.lower()).strip("-")[:60]
