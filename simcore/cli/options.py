"""Options that commands share, and what they parse to; `question` turns them into a Question."""

import functools
import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from simcore.cli import output, recipe_options

if TYPE_CHECKING:
    from simcore.recipe import Question
    from simcore.types import Direction as Directions

MAX_SEED = 2**31 - 1  # what all generators of random numbers take


def finite(value: float | None) -> float | None:
    """The value of a float option; nan and inf, which Python reads as floats, are refused."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number.")
    return value


def _remember_context(context: typer.Context, value: bool) -> bool:
    output.remember_context(context)
    return value


def _remember_data(value: str) -> str:
    return output.remember_data(value)


Json = Annotated[
    bool,
    typer.Option(
        "--json",
        # Eager: the envelope of an error in another option names the command as well.
        is_eager=True,
        callback=_remember_context,
        help="Print one JSON document on stdout.",
    ),
]
Models = Annotated[
    str,
    typer.Option(help="Backbones or @groups, such as @offline, separated by commas or spaces."),
]
Ready = Annotated[
    str,
    typer.Option(
        "--models",
        help="Backbones or @groups, separated by commas or spaces. By default all extracted ones.",
    ),
]
Metric = Annotated[str, typer.Option(help="own (cosine; Euclidean for faces), cosine, l2 or l1.")]
Combine = Annotated[
    str,
    typer.Option(
        help="sum, zsum, rrf (reciprocal rank fusion) or rerank (z-sum, then the maps of the first "
        "50): add the combination of all backbones. By default none."
    ),
]
PairFunction = Annotated[
    str,
    typer.Option(help="What --combine rerank compares maps by: shift, mirror, elastic or match."),
]
StoredRecipe = Annotated[
    str,
    typer.Option(
        "--recipe",
        help="A stored recipe, such as best-offline, instead of --models and --combine.",
    ),
]
Combined = Annotated[
    str, typer.Option("--combine", help="zsum (normalized, Eq. 5) or sum (plain, Eq. 4).")
]
Weights = Annotated[
    str, typer.Option(help="One weight per backbone for --combine, separated by commas.")
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
Where = Annotated[
    str,
    typer.Option(
        help="Only images or pairs whose fields fit an SQL expression: \"category = 'face'\"."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]
Name = Annotated[str, typer.Argument(callback=_remember_data, help="Name of the collection.")]
JudgementsName = Annotated[
    str, typer.Argument(callback=_remember_data, help="Name of the set of judgements.")
]
PairsOrJudgements = Annotated[
    str,
    typer.Argument(callback=_remember_data, help="Name of the collection or set of judgements."),
]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Also write the table as CSV.")]
ParquetFile = Annotated[
    Path | None, typer.Option("--parquet", help="Also write the table as Parquet.")
]
LatexFile = Annotated[
    Path | None, typer.Option("--latex", help="Also write the table as LaTeX (booktabs).")
]

Command = Callable[..., None]


def question(*, combine: bool = False, post: bool = True) -> Callable[[Command], Command]:
    """Give a command that takes a `question` the options that make one.

        @app.command()
        @options.question(combine=True)
        def recall(question: Question, json: Json = False) -> None: ...

    The command gets NAME, --models, --metric, --direction, --subset and its own parameters.

    Args:
        combine: also --combine, --weights, --pair-function and --recipe.
        post: also --post.
    """
    combination: Parameters = {
        "combine": (Combine, "none"),
        "weights": (Weights, ""),
        "pair_function": (PairFunction, ""),
        "recipe": (StoredRecipe, ""),
    }
    shared: Parameters = {
        "name": (Name, inspect.Parameter.empty),
        "models": (Ready, ""),
        **(combination if combine else {}),
        "metric": (Metric, "own"),
        "direction": (Direction, "lr"),
        "subset": (Subset, "all"),
        "where": (Where, ""),
        **({"post": (Post, "none")} if post else {}),
        "missing": (Missing, "mean"),
    }

    def decorate(command: Command) -> Command:
        def call(values: dict[str, Any], own: dict[str, Any]) -> None:
            command(make_question(**values), **own)

        own = list(inspect.signature(command).parameters.values())[1:]
        return table_files(_with_parameters(command, shared, own, call))

    return decorate


def table_files(command: Command) -> Command:
    """Give a command that prints tables the options --csv, --parquet and --latex.

    The command prints by `output.show` or `output.result`, which write the files as well.
    """
    shared: Parameters = {
        "csv": (CsvFile, None),
        "parquet": (ParquetFile, None),
        "latex": (LatexFile, None),
    }

    def call(values: dict[str, Any], own: dict[str, Any]) -> None:
        output.remember_files(values)
        command(**own)

    own = list(inspect.signature(command).parameters.values())
    return _with_parameters(command, shared, own, call, first=False)


Parameters = dict[str, tuple[Any, Any]]  # parameter -> annotation, default


def _with_parameters(
    command: Command,
    shared: Parameters,
    own: list[inspect.Parameter],
    call: Callable[[dict[str, Any], dict[str, Any]], None],
    *,
    first: bool = True,
) -> Command:
    """A command with more parameters than the function has.

    Args:
        command: gives name and help.
        shared: the parameters added, before or after (`first`) those of `own`.
        call: takes the values of `shared` and of `own`.
    """
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
    ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        call({name: values.pop(name) for name in shared}, values)

    # Typer reads the options from the signature; annotations would override it.
    run.__annotations__ = {}
    keywords = [parameter.replace(kind=keyword) for parameter in own]
    parameters = [*added, *keywords] if first else [*keywords[:-1], *added, *keywords[-1:]]
    cast(Any, run).__signature__ = inspect.Signature(parameters)
    return run


def make_question(
    name: str,
    models: str,
    *,
    combine: str = "none",
    weights: str = "",
    pair_function: str = "",
    recipe: str = "",
    metric: str = "own",
    direction: str = "lr",
    subset: str = "all",
    where: str = "",
    post: str = "none",
    missing: str = "mean",
) -> "Question":
    """The question that the shared options ask; by default all extracted backbones.

    Raises:
        UnknownNameError: no such collection, backbone, combination, metric or direction.
        BadDataError: no backbone is extracted, or the weights do not fit.
    """
    from simcore.recipe import Question, filtered_subset

    if recipe:
        recipe_options.refuse_with_recipe(
            models=bool(models),
            combine=combine != "none",
            weights=bool(weights),
            pair_function=bool(pair_function),
            metric=metric != "own",
            post=post != "none",
            missing=missing != "mean",
        )
        parsed = recipe_options.stored(recipe)
    else:
        parsed = recipe_options.parse(
            ready(name, models),
            combine,
            numbers(weights, "weights"),
            pair_function=pair_function,
            metric=metric,
            post=post,
            missing=missing,
        )
    pairs = filtered_subset(subset, where)
    return Question(name, tuple(parsed), parse_direction(direction), pairs)


def ready(name: str, models: str) -> list[str]:
    """The backbones named, or all whose features are extracted."""
    from simcore.lab.library import collections

    if chosen := backbones(models):
        return chosen
    _warn_of_incomplete(name)
    return output.remember_backbones(collections.default_backbones(name))


def check_cut_offs(ks: list[int], gallery: int) -> None:
    """Refuse cut-offs beyond the gallery, at which every query would be a hit.

    Raises:
        BadDataError: one is larger.
    """
    from simcore.errors import BadDataError

    if ks and max(ks) > gallery:
        raise BadDataError(
            f"--k {max(ks)} is more than the {gallery:,} images that are searched. Choose at most "
            f"{gallery}."
        )


def _warn_of_incomplete(name: str) -> None:
    """Name the backbones that are left out because only some images have their features."""
    from simcore.lab.library import collections, features

    incomplete = [each for each in features.counts(collections.open_(name)) if not each.complete]
    if incomplete:
        counts = ", ".join(f"{c.backbone} ({c.done:,} of {c.images:,} images)" for c in incomplete)
        arguments = ",".join(each.backbone for each in incomplete)
        output.warn(
            f"Left out, since not every image has features: {counts}. "
            f"`simcore extract {name} --models {arguments}` completes them."
        )


def backbones(text: str) -> list[str]:
    """The names of backbones and @groups in a text; the JSON document will list them."""
    return output.remember_backbones(names(text))


def names(text: str) -> list[str]:
    """Names separated by commas or spaces.

    >>> names("hog, color,"), names("hog color")
    (['hog', 'color'], ['hog', 'color'])
    """
    return [part for part in re.split(r"[,\s]+", text) if part]


def numbers(text: str, what: str) -> list[float]:
    """Numbers separated by commas or spaces.

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
