"""Recipes from the options of a command, and what does not go together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from simcore.cli import output

if TYPE_CHECKING:
    from simcore.recipe import Combination, Recipe


def parse(
    models: list[str],
    combine: str,
    weights: Sequence[float],
    *,
    pair_function: str = "",
    metric: str = "own",
    post: str = "none",
    missing: str = "mean",
) -> "list[Recipe]":
    """One recipe per backbone, and their combination if there is one.

    Raises:
        UnknownNameError: no such backbone, combination or metric. BadDataError: options that do
            not fit together.
    """
    from simcore.lab import recipes

    check_combination(models, combine, weights, pair_function)
    return recipes.parse(
        models,
        combine,
        weights=weights,
        metric=metric,
        post=post,
        missing=missing,
        pair_function=pair_function,
    )


def stored(name: str) -> "list[Recipe]":
    """The backbones of a stored recipe, and the recipe; the JSON document will list them.

    Raises:
        UnknownNameError: there is none.
    """
    from simcore.lab import stored_recipes

    parsed = stored_recipes.with_parts(name)
    output.remember_backbones(list(parsed[-1].backbones))
    return parsed


def refuse_with_recipe(**given: bool) -> None:
    """Refuse options that a stored recipe decides.

    Args:
        given: option -> whether it differs from its default.

    Raises:
        BadDataError: one does.
    """
    from simcore.errors import BadDataError

    if decided := [f"--{name.replace('_', '-')}" for name, differs in given.items() if differs]:
        raise BadDataError(
            f"The stored recipe says what is compared and how. Leave out {', '.join(decided)}, or "
            "--recipe."
        )


def check_combination(
    models: list[str], combine: str, weights: Sequence[float], pair_function: str = ""
) -> None:
    """Refuse a combination of one backbone, and options of a combination without it.

    Raises:
        BadDataError: the option would be ignored. UnknownNameError: no such @group.
    """
    from simcore.errors import BadDataError
    from simcore.lab import recipes

    if weights and combine == "none":
        raise BadDataError(
            "The weights have no effect without a combination. Add --combine zsum, sum, rrf or "
            "rerank, or leave out --weights."
        )
    if pair_function and combine != "rerank":
        raise BadDataError(
            "A pair function has no effect without a second stage. Add --combine rerank, or leave "
            "out --pair-function."
        )
    if combine != "none" and models and len(recipes.parse(models)) < 2:
        raise BadDataError(
            f"--combine {combine} needs two or more backbones, got {', '.join(models)}. Name more "
            "with --models."
        )


def refuse_with_text(**given: bool) -> None:
    """Refuse options that a search by text ignores.

    Args:
        given: option -> whether it differs from its default.

    Raises:
        BadDataError: one does.
    """
    from simcore.errors import BadDataError

    if ignored := [f"--{name}" for name, differs in given.items() if differs]:
        raise BadDataError(
            f"A search by text compares by cosine alone. Leave out {', '.join(ignored)}."
        )


def parse_combination(text: str) -> "Combination":
    """ "sum" or "zsum", checked.

    Raises:
        UnknownNameError: something else.
    """
    from simcore.errors import BadDataError, unknown_name

    if text in {"rrf", "gated", "rerank"}:
        raise BadDataError(
            f"This evaluation searches all subsets, and {text} is no plain sum of similarities "
            "that it could search. Choose zsum or sum; `simcore evaluate recall` takes the others."
        )
    if text not in {"sum", "zsum"}:
        raise unknown_name("combination", text, ("sum", "zsum"))
    return cast("Combination", text)
