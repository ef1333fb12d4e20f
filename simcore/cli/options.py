"""Options that commands share, and what they parse to; `question` turns them into a Question."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from simcore.recipe import Combination, Question
    from simcore.types import Direction as Directions

MAX_SEED = 2**31 - 1  # what all generators of random numbers take


def finite(value: float | None) -> float | None:
    """The value of a float option; nan and inf, which Python reads as floats, are refused."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number.")
    return value


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Models = Annotated[
    str,
    typer.Option(
        help="Backbones, separated by commas; @group for all of a group, such as @offline."
    ),
]
Ready = Annotated[
    str,
    typer.Option(
        "--models",
        help="Backbones or @groups, separated by commas. By default all extracted ones.",
    ),
]
Metric = Annotated[str, typer.Option(help="own (cosine; Euclidean for faces), cosine, l2 or l1.")]
Combine = Annotated[
    str,
    typer.Option(help="sum or zsum: add the combination of all backbones. By default none."),
]
Combined = Annotated[
    str, typer.Option("--combine", help="zsum (normalized, Eq. 5) or sum (plain, Eq. 4).")
]
Weights = Annotated[
    str, typer.Option(help="One weight per backbone for the combination, separated by commas.")
]
Direction = Annotated[
    str, typer.Option(help="lr: left images query the right side; rl: the reverse.")
]
Post = Annotated[
    str,
    typer.Option(
        help="Post-processing of the similarities: none (as in the papers), center, csls or "
        "center+csls. csls uses all queries at once."
    ),
]
Missing = Annotated[
    str,
    typer.Option(
        help="What missing evidence (no face, say) counts as in a combination: mean of the "
        "backbone's matrix, or worst: an infinite distance, as in rosenfeld2018."
    ),
]
Subset = Annotated[
    str,
    typer.Option(
        help="Which pairs: all, tlld, tlld-paper, tllobj, tllobj-paper, faces, objects, "
        "haar-faces, haar-objects, reviewed, or unseen:NAME of a learned backbone."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]
Name = Annotated[str, typer.Argument(help="Name of the collection.")]

Command = Callable[..., None]


def question(*, combine: bool = False, post: bool = True) -> Callable[[Command], Command]:
    """Give a command that takes a `question` the options that make one.

        @app.command()
        @options.question(combine=True)
        def recall(question: Question, json: Json = False) -> None: ...

    The command gets NAME, --models, --metric, --direction, --subset and its own parameters.

    Args:
        combine: also --combine and --weights.
        post: also --post.
    """
    shared: dict[str, tuple[Any, Any]] = {  # parameter -> annotation, default
        "name": (Name, inspect.Parameter.empty),
        "models": (Ready, ""),
        **({"combine": (Combine, "none"), "weights": (Weights, "")} if combine else {}),
        "metric": (Metric, "own"),
        "direction": (Direction, "lr"),
        "subset": (Subset, "all"),
        **({"post": (Post, "none")} if post else {}),
        "missing": (Missing, "mean"),
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
    ]

    def decorate(command: Command) -> Command:
        own = list(inspect.signature(command).parameters.values())[1:]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            value = make_question(**{name: values.pop(name) for name in shared})
            command(value, **values)

        # Typer reads the options from the signature; annotations would override it.
        run.__annotations__ = {}
        keywords = [parameter.replace(kind=keyword) for parameter in own]
        cast(Any, run).__signature__ = inspect.Signature([*parameters, *keywords])
        return run

    return decorate


def make_question(
    name: str,
    models: str,
    *,
    combine: str = "none",
    weights: str = "",
    metric: str = "own",
    direction: str = "lr",
    subset: str = "all",
    post: str = "none",
    missing: str = "mean",
) -> "Question":
    """The question that the shared options ask; by default all extracted backbones.

    Raises:
        UnknownNameError: no such collection, backbone, combination, metric or direction.
        BadDataError: no backbone is extracted, or the weights do not fit.
    """
    from simcore.lab import recipes
    from simcore.recipe import Question

    parsed = recipes.parse(
        ready(name, models),
        combine,
        weights=numbers(weights, "weights"),
        metric=metric,
        post=post,
        missing=missing,
    )
    return Question(name, tuple(parsed), parse_direction(direction), subset)


def ready(name: str, models: str) -> list[str]:
    """The backbones named, or all whose features are extracted."""
    from simcore.lab.library import collections

    return names(models) or collections.default_backbones(name)


def names(text: str) -> list[str]:
    """Names separated by commas.

    >>> names("hog, color,")
    ['hog', 'color']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str, what: str) -> list[float]:
    """Numbers separated by commas.

    Args:
        text: as typed.
        what: what they are, for the error.

    Raises:
        BadDataError: something in it is not a finite number.
    """
    from simcore.errors import BadDataError

    try:
        values = [float(part) for part in names(text)]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise BadDataError(
            f"Cannot read {what} from {text[:80]!r}. Separate finite numbers by commas, as in "
            "1,5,10."
        )
    return values


def whole_numbers(text: str, what: str) -> list[int]:
    """One or more whole numbers separated by commas; fractions are refused, not rounded.

    Args:
        text: as typed.
        what: what they are, for the error.

    Raises:
        BadDataError: there is none, or something in it is not a whole number.
    """
    from simcore.errors import BadDataError

    values = numbers(text, what)
    # Beyond 2**53 a float is no longer the number that was typed.
    if not values or not all(value.is_integer() and abs(value) < 2**53 for value in values):
        raise BadDataError(
            f"{what} must be whole numbers separated by commas, as in 1,5,10, got {text[:80]!r}."
        )
    return [int(value) for value in values]


def parse_combination(text: str) -> "Combination":
    """ "sum" or "zsum", checked.

    Raises:
        UnknownNameError: something else.
    """
    from simcore.errors import unknown_name

    if text not in {"sum", "zsum"}:
        raise unknown_name("combination", text, ("sum", "zsum"))
    return cast("Combination", text)


def parse_direction(text: str) -> "Directions":
    """ "lr" or "rl", checked.

    Raises:
        UnknownNameError: something else.
    """
    from simcore.errors import unknown_name
    from simcore.types import DIRECTIONS

    if text not in DIRECTIONS:
        raise unknown_name("direction", text, DIRECTIONS)
    return text
