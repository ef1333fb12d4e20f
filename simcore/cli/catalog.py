"""The commands `list` and `remove`, which all groups of named data share."""

from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json, table_files
from simcore.results import Table


def catalog_commands(
    app: typer.Typer,
    module: str,
    *,
    noun: str,
    table: Callable[[list], Table],
    empty: str,
    removed: str = "",
) -> None:
    """Add `list` and `remove` to a command group.

    Args:
        app: the group.
        module: has `listing()` and `remove(name)`; imported when a command runs.
        noun: what the group contains, such as "collection".
        table: the rows of the listing for a terminal.
        empty: printed where nothing is listed.
        removed: a sentence on what `remove` leaves alone, for its help.
    """

    @app.command(name="list", help=f"List every {noun}.")
    @table_files
    def list_(json: Json = False) -> None:
        rows = import_module(module).listing()
        output.show([row.to_dict() for row in rows], table(rows), json=json, empty=empty)

    @app.command(help=f"Remove one {noun}. {removed}".strip())
    def remove(
        name: Annotated[str, typer.Argument(help=f"Name of the {noun}.")], json: Json = False
    ) -> None:
        import_module(module).remove(name)
        if json:
            output.document({"removed": name})
        else:
            output.note(f"Removed {name}.")
