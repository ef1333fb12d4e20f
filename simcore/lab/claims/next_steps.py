"""Commands that make more claims testable with what is already on this machine or in a package."""

from collections.abc import Mapping
from dataclasses import dataclass

from simcore.lab.claims.claim import UndecidableError
from simcore.lab.library import models
from simcore.models import registry, weights
from simcore.results import Result
from simcore.types import JSON


@dataclass(frozen=True)
class NextStep(Result):
    """One command, and the claims that cannot be tested without it.

    Attributes:
        args: what follows `simcore`.
        label: what it does, for a button.
        claims: their ids.
    """

    args: tuple[str, ...]
    label: str
    claims: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For example "`simcore claims mine --train` makes 4 more claims testable: ..."."""
        count = "1 more claim" if len(self.claims) == 1 else f"{len(self.claims)} more claims"
        names = ", ".join(self.claims)
        command = " ".join(["simcore", *self.args])
        return f"`{command}` makes {count} testable: {names}."

    def to_dict(self) -> JSON:
        """The step for JSON."""
        return {"command": ["simcore", *self.args], "claims": list(self.claims)}


def next_steps(
    collection: str, train: tuple[str, ...], obstacles: Mapping[str, UndecidableError]
) -> tuple[NextStep, ...]:
    """The commands that remove obstacles, those for most claims first.

    Backbones whose weights a person has to get first are left out; the claims name them.

    Args:
        collection: its name.
        train: the arguments of `simcore claims` with training.
        obstacles: claim -> why it cannot be tested.
    """
    steps = []
    training = tuple(claim for claim, obstacle in obstacles.items() if obstacle.training)
    if training:
        steps.append(NextStep(("claims", *train), "Train, then test", training))
    extractable = {
        claim: obstacle.backbones
        for claim, obstacle in obstacles.items()
        if obstacle.backbones and all(map(_is_available, obstacle.backbones))
    }
    if extractable:
        backbones = tuple(dict.fromkeys(name for row in extractable.values() for name in row))
        fetch = () if all(map(_is_loadable, backbones)) else ("--fetch",)
        args = "extract", collection, "--models", ",".join(backbones), *fetch
        steps.append(NextStep(args, f"Extract {', '.join(backbones)}", tuple(extractable)))
    return tuple(sorted(steps, key=lambda step: -len(step.claims)))


def _is_loadable(backbone: str) -> bool:
    return weights.status(registry.get(backbone))[0]


def _is_available(backbone: str) -> bool:
    """Whether a backbone can be loaded, or its weights come from packages and are verified."""
    return _is_loadable(backbone) or models.is_fetched_unasked(registry.get(backbone))
