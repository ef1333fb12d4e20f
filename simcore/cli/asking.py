"""What the analyses ask for on the command line, as recipes and searches."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options

if TYPE_CHECKING:
    from simcore.lab.combine import Search
    from simcore.specs import Recipe

Ready = Annotated[
    str,
    typer.Option(
        "--models",
        help="Backbones or @groups, separated by commas; left out: all that are ready.",
    ),
]


def ready(name: str, models: str) -> list[str]:
    from simcore.lab import collections

    return options.names(models) or collections.usual(name)


def asked(
    name: str, models: str, combine: str, weights: str, metric: str, lift: str = "none"
) -> list["Recipe"]:
    from simcore.lab import recipes

    shares = options.numbers(weights, "weights")
    return recipes.parse(ready(name, models), combine, weights=shares, metric=metric, lift=lift)


def search(
    name: str, models: str, metric: str, direction: str, subset: str, *, lift: str = "none"
) -> "Search":
    """All combinations of the backbones asked for."""
    from simcore.lab import combine

    return combine.search(
        name,
        ready(name, models),
        subset=subset,
        direction=options.direction(direction),
        metric=metric,
        lift=lift,
    )
