"""Where a fine-tuning run goes on from: everything the rest of it depends on, in one file."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simcore.data import home
from simcore.errors import BadDataError
from simcore.models import checkpoints as files

if TYPE_CHECKING:
    from simcore.learn.finetune import Run


def _identity(run: "Run") -> str:
    """What has to be alike for a checkpoint to be gone on with: all but how long."""
    told = {k: v for k, v in asdict(run.settings).items() if k not in {"epochs", "patience"}}
    told["origin"] = run.origin
    rows = [
        part
        for one in (run.train, run.check)
        for part in (one.query, one.positive, one.strangers, one.singles)
    ]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for part in rows:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def save(run: "Run", place: Path) -> None:
    """All that the rest of the run depends on, in one step."""
    import torch

    state = {
        "identity": _identity(run), "step": run.step, "epoch": run.epoch,
        "losses": run.losses, "checks": run.checks, "best": run.best,
        "net": run.net.module.state_dict(), "block": run.block.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "memory": run.memory.state() if run.memory else None,
    }  # fmt: skip
    draft = place.with_suffix(".writing")
    with home.writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, draft)
        draft.replace(place)


def restore(run: "Run", place: Path) -> None:
    found = files.read(place)
    if found.get("identity") != _identity(run):
        raise BadDataError(
            f"{place.name} is the checkpoint of another run; expected the same data, base and "
            "settings; choose another name, or remove that one first"
        )
    run.step, run.epoch = found["step"], found["epoch"]
    run.losses, run.checks, run.best = found["losses"], found["checks"], found["best"]
    run.net.module.load_state_dict(found["net"])
    run.block.load_state_dict(found["block"])
    run.optimizer.load_state_dict(found["optimizer"])
    if run.memory is not None:
        run.memory.restore(found["memory"])
