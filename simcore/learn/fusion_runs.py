"""Runs of fusion, each with its own split, that go on where they were stopped or killed."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from simcore.errors import Stopped
from simcore.learn import fusion
from simcore.learn.adaptation import OnCurve, Run, Stop, identity
from simcore.learn.checkpoints import Checkpoint
from simcore.learn.inputs import Inputs
from simcore.learn.splits import Split
from simcore.types import OnProgress, Progress


def train(
    inputs: Inputs,
    splits: Sequence[Split],
    settings: fusion.Settings,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    on_progress: OnProgress | None = None,
    on_curve: OnCurve | None = None,
    stop: Stop | None = None,
) -> list[Run]:
    """Every split a run, one after the other; run r has seed + r.

    Args:
        checkpoint: where to go on from if it is there; written after every fold.

    Raises:
        BadDataError: as `fusion.train`, or the checkpoint is of another run.
        Stopped: `stop` said so; with a checkpoint the same call goes on from there.
    """
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, identity(inputs, splits, asdict(settings)))
    known = (kept.read() if kept else None) or {"folds": []}
    done = [_fold_of(told) for told in known["folds"]]

    def write() -> None:
        if kept is not None:
            kept.write({"folds": [_told(one) for one in done]})

    def finished(fold: fusion.Fold) -> None:
        done.append(fold)
        write()
        if on_progress is not None:
            on_progress(Progress("folds", len(done), len(splits) * settings.folds))

    found = []
    for number, split in enumerate(splits):
        own = replace(settings, seed=settings.seed + number)
        first = number * settings.folds
        try:
            run = fusion.train(
                inputs, split, own, device=device, known=done[first : first + settings.folds],
                on_fold=finished, on_curve=on_curve, stop=stop,
            )  # fmt: skip
        except Stopped:
            write()  # even where no fold was finished: so that it is known to wait
            raise
        found.append(run)
    return found


def _told(fold: fusion.Fold) -> dict[str, Any]:
    """A fold as a checkpoint has it."""
    import torch

    tensors = [torch.from_numpy(one) for one in (*fold.scales, fold.shares)]
    return {"tensors": tensors, "losses": fold.losses, "checks": fold.checks, "epoch": fold.epoch}


def _fold_of(told: dict[str, Any]) -> fusion.Fold:
    *scales, shares = (one.numpy() for one in told["tensors"])
    return fusion.Fold(scales, shares, told["losses"], told["checks"], told["epoch"])
