"""`simcore data`: add, list and remove collections."""

from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json
from simcore.lab.library.collections import KINDS
from simcore.types import Monitor

app = typer.Typer(help="Collections of images: add, list, remove.", no_args_is_help=True)
HELP = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help=HELP)],
    path: Annotated[
        Path | None, typer.Argument(help="Folder, zip, CSV or s3://bucket/folder; none for emoji.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    votes: Annotated[
        Path | None, typer.Option(help="CSV with the columns id, wins, fails.")
    ] = None,
    trim: Annotated[
        int, typer.Option(help="Rows to cut from the bottom of each image, in px.")
    ] = 0,
    json: Json = False,
) -> None:
    """Read a collection and remember it under a name."""
    from simcore.lab.library import collections

    with output.monitor() as monitor:
        made = collections.add(
            kind, path, name=name or kind, votes=votes, trim=trim, monitor=monitor
        )
    summary = collections.summary(made.name)
    if json:
        output.document(summary)
        return
    output.note(f"{made.name}: {_counts(summary)}")
    output.left_out(made.skipped)


@app.command(name="list")
def list_(json: Json = False) -> None:
    """Every collection that is remembered."""
    from simcore.lab.library import collections

    found = collections.listing()
    if json:
        output.document(found)
    elif not found:
        output.note("No collections yet; `simcore demo` makes one, `simcore data add` adds yours.")
    else:
        rows = [(s["name"], s["kind"], _counts(s), len(s["skipped"]), s["source"]) for s in found]
        output.table(["name", "kind", "holds", "left out", "from"], rows)


@app.command()
def remove(name: str, json: Json = False) -> None:
    """Forget a collection. Features stay in the cache, other collections may share them."""
    from simcore.lab.library import collections

    collections.remove(name)
    if json:
        output.document({"removed": name})
    else:
        output.note(f"removed {name}")


@app.command()
def download(
    folder: Annotated[Path, typer.Argument(help="Where the two zips are put.")],
    json: Json = False,
) -> None:
    """Fetch the official Totally-Looks-Like files (needs pip install -e ".[download]")."""
    from simcore.lab.library import collections

    with output.progress() as bar:
        place = collections.download_tll(folder, monitor=Monitor(bar))
    if json:
        output.document({"folder": str(place)})
    else:
        output.note(f"fetched; now run `simcore data add tll {place} --name tll`")


def _counts(summary: dict) -> str:
    return f"{summary['rows']:,} {'pairs' if summary['paired'] else 'images'}"
