"""Where a run goes on from when it was stopped or killed: all the rest of it depends on, in a file.

A checkpoint belongs to one run: data, split and settings are in its identity, and another run's is
refused instead of being gone on with.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore.data import home
from simcore.errors import BadDataError
from simcore.models import checkpoints as files
from simcore.types import Array

if TYPE_CHECKING:
    from simcore.learn.finetune import Run

SAVE_SECONDS = 60.0  # at most so much is lost
GOES_ON = "stopped; the same command goes on from here"


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
        found = files.read(self.place)
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
        with home.writing(self.place.parent):
            self.place.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state | {"identity": self.identity}, draft)
            draft.replace(self.place)


def identity(told: dict[str, Any], arrays: list[Array]) -> str:
    """Of everything that decides how a run ends."""
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for part in arrays:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _of(run: "Run", place: Path) -> Checkpoint:
    """What has to be alike for a fine-tuning to be gone on with: all but how long."""
    told = {k: v for k, v in asdict(run.settings).items() if k not in {"epochs", "patience"}}
    told["origin"] = run.origin
    rows = [
        part
        for one in (run.train, run.check)
        for part in (one.query, one.positive, one.strangers, one.singles)
    ]
    return Checkpoint(place, identity(told, rows))


def save(run: "Run", place: Path) -> None:
    """All that the rest of a fine-tuning depends on."""
    _of(run, place).write({
        "step": run.step, "epoch": run.epoch,
        "losses": run.losses, "checks": run.checks, "best": run.best,
        "net": run.net.module.state_dict(), "block": run.block.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "memory": run.memory.state() if run.memory else None,
    })  # fmt: skip


def restore(run: "Run", place: Path) -> None:
    """Go on where `save` was.

    Raises:
        BadDataError: the checkpoint is of another run.
    """
    found = _of(run, place).read()
    if found is None:
        return
    run.step, run.epoch = found["step"], found["epoch"]
    run.losses, run.checks, run.best = found["losses"], found["checks"], found["best"]
    run.net.module.load_state_dict(found["net"])
    run.block.load_state_dict(found["block"])
    run.optimizer.load_state_dict(found["optimizer"])
    if run.memory is not None:
        run.memory.restore(found["memory"])
