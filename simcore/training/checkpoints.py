"""Checkpoints: a training run that was stopped or killed resumes from a file.

A checkpoint belongs to one run: data, split and settings are part of its fingerprint, and a run
refuses the checkpoint of another one.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore.data import cache_dir
from simcore.errors import BadDataError
from simcore.models import state_dicts
from simcore.types import JSON, Array

SAVE_SECONDS = 60.0  # between two checkpoints: at most this much work is lost
RESUME_MESSAGE = "Stopped. Run the same command again to resume."


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint file of one run.

    Attributes:
        path: the file, which need not exist yet.
        fingerprint: of the run, see `run_fingerprint`.
    """

    path: Path
    fingerprint: str

    def read(self) -> JSON | None:
        """The state that was written last; None without a file.

        Raises:
            BadDataError: the file belongs to another run, or is not a checkpoint.
        """
        if not self.path.exists():
            return None
        state = state_dicts.read(self.path)
        if state.get("identity") != self.fingerprint:
            raise BadDataError(
                f"{self.path.name} is the checkpoint of another run: its data, backbones or "
                "settings differ. Choose another name, or delete the checkpoint with `simcore "
                f"learn remove {self.path.stem}`."
            )
        return state

    def write(self, state: JSON) -> None:
        """Replace the file in one step; a state holds tensors, numbers, lists and dicts."""
        import torch

        with cache_dir.atomic_path(self.path) as draft, draft.open("wb") as file:
            torch.save(state | {"identity": self.fingerprint}, file)


def run_fingerprint(settings: JSON, arrays: list[Array]) -> str:
    """A digest of everything that decides how a run ends.

    Args:
        settings: JSON values; renaming a key orphans the checkpoints on disk.
        arrays: features, rows of the splits, ...
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
