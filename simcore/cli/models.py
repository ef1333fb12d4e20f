"""`simcore models`: what is known, and getting weights."""

from typing import Annotated

import typer

from simcore.cli import show
from simcore.cli.options import Json, names

app = typer.Typer(help="Backbones and their weights.", no_args_is_help=True)


@app.command(name="list")
def list_(
    only: Annotated[str, typer.Argument(help="Names or @groups; all when left out.")] = "",
    json: Json = False,
) -> None:
    """Every backbone, whether it is ready, and what would make it so."""
    from simcore.lab import models

    found = models.listing(names(only) or None)
    if json:
        show.document(found)
        return
    rows = [
        (m["name"], m["dim"], "ready" if m["ready"] else m["reason"], m["license"]) for m in found
    ]
    show.table(["backbone", "dim", "state", "licence"], rows)
    show.note("Any other by name: timm:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED.")


@app.command()
def fetch(
    which: Annotated[str, typer.Argument(help="Names or @groups, separated by commas.")],
    json: Json = False,
) -> None:
    """Get weight files, checked against their checksums."""
    from simcore.lab import jobs, models

    with jobs.reporting() as (report, _), show.progress() as bar:
        ready = models.fetch(names(which), on_progress=report or bar)
    if json:
        show.document({"ready": ready})
    else:
        show.note(f"ready: {', '.join(ready) or 'none'}")
