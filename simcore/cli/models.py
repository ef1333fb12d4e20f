"""`simcore models`: what is known, and getting weights."""

from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json, names
from simcore.results import format_bytes
from simcore.types import Monitor, Progress

app = typer.Typer(help="Backbones and their weights.", no_args_is_help=True)


@app.command(name="list")
def list_(
    only: Annotated[str, typer.Argument(help="Names or @groups; all when left out.")] = "",
    json: Json = False,
) -> None:
    """Every backbone, whether it is ready, and what would make it so."""
    from simcore.lab.library import models

    found = models.listing(names(only) or None)
    if json:
        output.document(found)
        return
    rows = [
        (
            m["name"],
            m["dim"],
            "ready" if m["ready"] else "missing",
            format_bytes(m["bytes"]) if m["files"] else "",
            ("NC " if m["non_commercial"] else "") + m["license"],
            m["score"],
        )
        for m in found
    ]
    output.table(["backbone", "dim", "state", "size", "licence", "its paper's score"], rows)
    if len(found) == 1 and found[0]["reason"]:
        output.note(found[0]["reason"])
    output.note(
        "Any other by name: timm:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED; other layers: "
        "NAME[layer2+layer3:max]; on faces: faces:NAME."
    )


@app.command()
def fetch(
    which: Annotated[str, typer.Argument(help="Names or @groups, separated by commas.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Get weight files, checked against their checksums; goes on where it broke off."""
    import sys

    from simcore.lab.library import models

    if not (yes or json) and sys.stdin.isatty():
        files, size, unknown = models.cost(names(which))
        more = f" and {len(unknown)} of unknown size" if unknown else ""
        if files and not typer.confirm(f"{files} files, {format_bytes(size)}{more}. Fetch them?"):
            raise typer.Abort
    with output.monitor() as monitor:

        def tell(now: Progress) -> None:
            monitor.check(
                "Stopped; the part that was fetched is kept, and the same command resumes it."
            )
            monitor.report(now.stage, now.done, now.total, now.rate)

        ready = models.fetch(names(which), monitor=Monitor(tell))
    if json:
        output.document({"ready": ready})
    else:
        output.note(f"ready: {', '.join(ready) or 'none'}")


@app.command(name="add-weights")
def add_weights(
    name: Annotated[str, typer.Argument(help="The backbone.")],
    file: Annotated[Path, typer.Argument(help="The file, downloaded by hand.")],
    json: Json = False,
) -> None:
    """Take over a weight file from your disk; checked, and tried in the network."""
    from simcore.lab.library import models

    row = models.add_weights(name, file)
    if json:
        output.document(row)
    else:
        output.note(f"{name}: {'ready' if row['ready'] else row['reason']}")
