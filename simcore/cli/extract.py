"""`simcore extract` and `simcore index`: features of a collection, and search indexes over them."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Device, Json, Models
from simcore.cli.output import STOPPED

if TYPE_CHECKING:
    from simcore.lab.library.extraction import Report


def extract(
    name: str,
    models: Models = "@offline",
    device: Device = "auto",
    engine: Annotated[str, typer.Option(help="local, or ray: a cluster, or all cores here.")] = (
        "local"
    ),
    address: Annotated[
        str, typer.Option(help="Of the Ray cluster; auto for the one running here.")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, help="Ray actors; 0: one a GPU, or one for two cores.")
    ] = 0,
    json: Json = False,
) -> None:
    """Make the features of a collection; what is in the cache already is not made again."""
    from simcore.lab.library.extraction import extract as make

    with output.monitor() as monitor:
        done = make(
            name,
            options.names(models),
            device=device,
            engine=engine,
            address=address,
            workers=workers,
            monitor=monitor,
        )
    if json:
        output.document(_json(name, done))
    else:
        _print(done)
    if monitor.stopped:
        raise typer.Exit(STOPPED)


def index(name: str, models: Models = "@offline", json: Json = False) -> None:
    """Make approximate search of a large collection fast, and measure how much it finds."""
    from simcore.lab.library import indexes

    with output.monitor() as monitor:
        made = indexes.build(name, options.names(models), monitor=monitor)
    if json:
        output.document({"collection": name, "indexes": {b: vars(one) for b, one in made.items()}})
        return
    rows = [
        (b, one.kind, one.metric, f"{one.rows:,}", f"{one.recall:.1%}", f"{one.seconds:.1f} s")
        for b, one in made.items()
    ]
    output.table(["backbone", "index", "metric", "rows", "of the true 10 found", "made in"], rows)


def _json(name: str, done: "Report") -> dict:
    return {
        "collection": name,
        "computed": done.computed,
        "cached": done.cached,
        "skipped": [vars(item) for item in done.skipped],
        "unavailable": done.unavailable,
        "seconds": round(done.seconds, 3),
    }


def _print(done: "Report") -> None:
    rows = [(b, done.computed[b], done.cached.get(b, 0)) for b in done.computed]
    output.table(["backbone", "computed", "from cache"], rows, title=f"{done.seconds:.1f} s")
    for item in done.skipped:
        output.note(f"left out {item.name}: {item.reason}")
    for backbone, reason in done.unavailable.items():
        output.note(f"{backbone} is not available: {reason}")
