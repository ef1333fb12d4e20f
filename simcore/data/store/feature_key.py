"""Whose features a table holds: its name changes with all that changes the numbers."""

import dataclasses
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from simcore.types import Prepare

LAYOUT = 1


@dataclass(frozen=True)
class Slot:
    """All that changes a backbone's numbers, and nothing else: the name of a table.

    Attributes:
        backbone, version: which code makes the features.
        prepare: what the network is shown.
        weights_sha: digest of the weight files; empty where there are none.
        precision: "fp32", "bf16" or "fp16".
        dim: D.
    """

    backbone: str
    version: int
    prepare: Prepare
    weights_sha: str
    precision: str
    dim: int

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Slot":
        """The slot whose fields a note tells."""
        told = {one.name: fields[one.name] for one in dataclasses.fields(cls)}
        shown: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in told["prepare"].items()
        }
        return cls(**(told | {"prepare": Prepare(**shown)}))

    @property
    def table(self) -> str:
        """Table name: the backbone for people, then a digest of every field.

        >>> Slot("hog", 1, Prepare(), "", "fp32", 9).table.startswith("hog-")
        True
        """
        told = json.dumps({"layout": LAYOUT, **asdict(self)}, sort_keys=True)
        readable = re.sub(r"[^a-z0-9_]+", "-", self.backbone.lower()).strip("-")[:60]
        return f"{readable}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
