"""What the analyses ask for on the command line, as recipes and searches."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from simcore.lab.evaluate.combinations import SubsetSearch
    from simcore.recipe import Combination as Kinds
    from simcore.recipe import Recipe
    from simcore.types import Direction as Sides

Ready = Annotated[
    str,
    typer.Option(
        "--models",
        help="Backbones or @groups, separated by commas; left out: all that are ready.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Models = Annotated[
    str,
    typer.Option(
        help="Backbones, separated by commas; @group for all of a group, such as @offline."
    ),
]
Metric = Annotated[str, typer.Option(help="own (cosine; Euclidean for faces), cosine, l2 or l1.")]
Combine = Annotated[
    str,
    typer.Option(
        help="none: backbones one by one; sum or zsum: and behind them their combination."
    ),
]
Weights = Annotated[
    str, typer.Option(help="One weight a backbone for the combination, separated by commas.")
]
Direction = Annotated[
    str, typer.Option(help="lr: from the left image into the right side; rl: the other way.")
]
Post = Annotated[
    str,
    typer.Option(
        help="none (as the papers), center, csls or center+csls: what is done to similarities "
        "first; csls looks at all queries at once."
    ),
]
Subset = Annotated[
    str,
    typer.Option(
        help="all, tlld, tlld-paper, tllobj, tllobj-paper, faces, objects, haar-faces, "
        "haar-objects, reviewed, or unseen:NAME of a learned backbone: which of the pairs."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]


def ready(name: str, models: str) -> list[str]:
    from simcore.lab.library import collections

    return names(models) or collections.default_backbones(name)


def asked(
    name: str, models: str, combine: str, weights: str, metric: str, post: str = "none"
) -> list["Recipe"]:
    from simcore.lab import recipes

    shares = numbers(weights, "weights")
    return recipes.parse(ready(name, models), combine, weights=shares, metric=metric, post=post)


def search(
    name: str, models: str, metric: str, direction: str, subset: str, *, post: str = "none"
) -> "SubsetSearch":
    """All combinations of the backbones asked for."""
    from simcore.lab.evaluate import combinations

    return combinations.search(
        name,
        ready(name, models),
        subset=subset,
        direction=parse_direction(direction),
        metric=metric,
        post=post,
    )


def names(text: str) -> list[str]:
    """A comma list as names.

    >>> names("hog, color,")
    ['hog', 'color']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str, what: str) -> list[float]:
    """A comma list as numbers.

    Raises:
        BadDataError: something in it is not a number.
    """
    from simcore.errors import BadDataError

    try:
        return [float(part) for part in names(text)]
    except ValueError as error:
        raise BadDataError(
            f"found {what} {text!r}; expected numbers separated by commas, such as 1,5,10"
        ) from error


def kind(text: str) -> "Kinds":
    """A way of adding, checked."""
    from simcore.errors import unknown_name

    if text not in {"sum", "zsum"}:
        raise unknown_name("combination", text, ("sum", "zsum"))
    return cast("Kinds", text)


def parse_direction(text: str) -> "Sides":
    """The direction, checked."""
    from simcore.errors import unknown_name
    from simcore.types import DIRECTIONS

    if text not in DIRECTIONS:
        raise unknown_name("direction", text, DIRECTIONS)
    return text
