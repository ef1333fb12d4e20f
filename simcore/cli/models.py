"""`simcore models`: list the backbones, and get their weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import output
from simcore.cli.options import Json, names, table_files
from simcore.results import Table, format_bytes

if TYPE_CHECKING:
    from simcore.lab.library.models import DownloadCost

app = typer.Typer(help="Backbones and their weights.", no_args_is_help=True)


@app.command(name="list")
@table_files
def list_(
    only: Annotated[str, typer.Argument(help="Names or @groups; by default all.")] = "",
    json: Json = False,
) -> None:
    """List the backbones, whether they are ready, and what they need."""
    from simcore.lab.library import models

    backbones = models.listing(names(only) or None)
    rows = tuple(
        (
            backbone.name,
            backbone.dim,
            "ready" if backbone.ready else "missing",
            format_bytes(backbone.bytes) if backbone.files else "",
            ("NC " if backbone.non_commercial else "") + backbone.license,
            backbone.paper_score,
        )
        for backbone in backbones
    )
    table = Table(("backbone", "dim", "state", "size", "license", "score in its paper"), rows)
    output.show([backbone.to_dict() for backbone in backbones], table, json=json)
    if json:
        return
    if len(backbones) == 1 and backbones[0].reason:
        output.note(backbones[0].reason)
    output.note(
        "Other networks by name: timm:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED. Other "
        "layers: NAME[layer2+layer3:max]. Face crops: faces:NAME."
    )


@app.command()
def fetch(
    models: Annotated[str, typer.Argument(help="Names or @groups, separated by commas.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Accept files whose SHA-256 no one publishes. Their digests are recorded, and "
            "later changes refused.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Download weight files and verify their checksums; resumes interrupted downloads."""
    import sys

    from simcore.lab.library import models as library

    if not (yes or json) and sys.stdin.isatty():
        cost = library.download_cost(names(models))
        if cost.files:
            output.confirm_download(_question(cost))
        if cost.unverified and not trust:
            trust = typer.confirm(_trust_question(cost))
    with output.monitor() as monitor:
        stoppable = monitor.raising("Stopped. Run the same command again to resume the download.")
        ready = library.fetch(names(models), trust=trust, monitor=stoppable)
    if json:
        output.document({"ready": ready})
    else:
        output.note(f"Ready: {', '.join(ready) or 'none'}")


def _question(cost: "DownloadCost") -> str:
    unknown = len(cost.unknown_size)
    more = f" and {unknown} of unknown size" if unknown else ""
    return f"{cost.files} files, {format_bytes(cost.bytes)}{more}. Download them?"


def _trust_question(cost: "DownloadCost") -> str:
    files = ", ".join(cost.unverified[:3]) + (", ..." if len(cost.unverified) > 3 else "")
    return (
        f"No one publishes a SHA-256 of {len(cost.unverified)} of them ({files}). Accept what "
        "their servers send, and refuse later changes?"
    )


@app.command(name="add-weights")
def add_weights(
    name: Annotated[str, typer.Argument(help="The backbone.")],
    file: Annotated[Path, typer.Argument(help="The weight file that you downloaded.")],
    json: Json = False,
) -> None:
    """Add a weight file from your disk, if its checksum is right and the network can load it."""
    from simcore.lab.library import models

    backbone = models.add_weights(name, file)
    if json:
        output.document(backbone.to_dict())
    else:
        output.note(f"{name}: {'ready' if backbone.ready else backbone.reason}")
