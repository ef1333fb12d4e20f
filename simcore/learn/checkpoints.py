"""Where a run goes on from when it was stopped or killed: all the rest of it depends on, in a file.

A checkpoint belongs to one run: data, split and settings are in its identity, and another run's is
refused instead of being gone on with.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import cache_dir
from simcore.errors import BadDataError
from simcore.models import state_dicts
from simcore.types import Array

SAVE_SECONDS = 60.0  # at most so much is lost
RESUME_MESSAGE = "stopped; the same command goes on from here"


@dataclass(frozen=True)
class Checkpoint:
    """One file: where it is, and of which run."""

    place: Path
    identity: str

    def read(self) -> dict[str, Any] | None:
        """What was written last, None where nothing was.

        Raises:
            BadDataError: it is another run's, or no checkpoint.
        """
        if not self.place.exists():
            return None
        found = state_dicts.read(self.place)
        if found.get("identity") != self.identity:
            raise BadDataError(
                f"{self.place.name} is the checkpoint of another run; expected the same data, base "
                "and settings; choose another name, or forget that one first with `simcore learn "
                f"remove {self.place.stem}`"
            )
        return found

    def write(self, state: dict[str, Any]) -> None:
        """Tensors, numbers, lists and dictionaries of them; in one step."""
        import torch

        draft = self.place.with_suffix(".writing")
        with cache_dir.disk_errors(self.place.parent):
            self.place.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state | {"identity": self.identity}, draft)
            draft.replace(self.place)


def identity(told: dict[str, Any], arrays: list[Array]) -> str:
    """Of everything that decides how a run ends."""
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for part in arrays:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
