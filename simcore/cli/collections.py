"""`simcore collections`: add, list and remove collections."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import output
from simcore.cli.catalog import catalog_commands
from simcore.cli.options import Json
from simcore.lab.library.collections import KINDS
from simcore.results import Table

if TYPE_CHECKING:
    from simcore.lab.library.collections import CollectionSummary

app = typer.Typer(help="Collections of images: add, list, remove.", no_args_is_help=True)
HELP = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help=HELP)],
    path: Annotated[
        Path | None, typer.Argument(help="Folder, zip, CSV or s3://bucket/folder; none for emoji.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Name of the collection.")] = "",
    votes: Annotated[
        Path | None, typer.Option(help="CSV with the columns id, wins, fails.")
    ] = None,
    trim: Annotated[
        int, typer.Option(help="Rows to cut from the bottom of each image, in px.")
    ] = 0,
    ignore_profiles: Annotated[
        bool,
        typer.Option(
            "--ignore-profiles",
            help="Leave colors as stored, as the papers did; else color profiles become sRGB.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Add a collection under a name."""
    from simcore.lab.library import collections

    with output.monitor() as monitor:
        collection = collections.add(
            kind,
            path,
            name=name or kind,
            votes=votes,
            trim=trim,
            ignore_profiles=ignore_profiles,
            monitor=monitor,
        )
    summary = collections.summary(collection.name)
    if json:
        output.document(summary.to_dict())
        return
    output.note(f"{summary.name}: {summary.size}")
    if summary.profiles_text:
        output.note(summary.profiles_text)
    output.left_out(collection.skipped)
    for files in summary.other_files:
        output.note(f"  not used: {files}")


def _table(summaries: list["CollectionSummary"]) -> Table:
    rows = tuple((s.name, s.kind, s.size, len(s.skipped), s.source) for s in summaries)
    return Table(("name", "kind", "size", "left out", "source"), rows)


catalog_commands(
    app,
    "simcore.lab.library.collections",
    noun="collection",
    table=_table,
    empty="No collections yet. Add the demo with `simcore demo`, or your own images with "
    "`simcore collections add`.",
    removed="Its features stay in the cache, because other collections may share them.",
)


@app.command()
def download(
    folder: Annotated[Path, typer.Argument(help="Folder for the two zips.")],
    json: Json = False,
) -> None:
    """Download the official Totally-Looks-Like files (needs pip install -e ".[download]")."""
    from simcore.lab.library import collections

    with output.monitor() as monitor:
        path = collections.download_tll(folder, monitor=monitor)
    if json:
        output.document({"folder": str(path)})
    else:
        output.note(f"Downloaded. Next: `simcore collections add tll {path} --name tll`")
