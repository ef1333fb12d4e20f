"""`simcore recipes ...`: recipes that are stored under a name."""

from typing import Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json

app = typer.Typer(help="Recipes that are stored under a name.", no_args_is_help=True)
RecipeName = Annotated[str, typer.Argument(help="Name of the recipe.")]


@app.command("list")
@options.table_files
def list_(json: Json = False) -> None:
    """The recipes that --recipe takes, and where each comes from."""
    from simcore.lab import stored_recipes

    output.result(stored_recipes.listing(), json=json)


@app.command()
def remove(name: RecipeName, json: Json = False) -> None:
    """Delete a recipe that was learned here."""
    from simcore.lab import stored_recipes

    stored_recipes.remove(name)
    if json:
        output.document({"removed": name})
    else:
        output.note(f"Removed {name}.")
