"""`simcore features`: import vectors as a backbone, export those of a backbone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.catalog import catalog_commands
from simcore.cli.options import Json, Name
from simcore.results import Table

if TYPE_CHECKING:
    from simcore.lab.library.vectors import ImportedBackbone

app = typer.Typer(
    help="Features from and for other tools: import, export, list, remove.", no_args_is_help=True
)


@app.command(name="import")
def import_(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Vectors of all images: .npz, .parquet, .csv, or .npy with NAME.ids.txt. "
            "The ids of pairs are left:ID and right:ID."
        ),
    ] = None,
    *,
    backbone: Annotated[str, typer.Option(help="Name of the new backbone.")] = "",
    left: Annotated[Path | None, typer.Option(help="Instead: vectors of the left side.")] = None,
    right: Annotated[Path | None, typer.Option(help="And those of the right side.")] = None,
    metric: Annotated[str, typer.Option(help="Default metric: cosine, l2 or l1.")] = "cosine",
    json: Json = False,
) -> None:
    """Add vectors that were computed elsewhere as a backbone, matched to images by id."""
    from simcore.lab.library import vectors

    files = [path for path in (file, left) if path is not None]
    report = vectors.import_features(
        name,
        backbone or (files[0].stem.lower() if files else ""),
        both=file,
        left=left,
        right=right,
        metric=metric,
    )
    if json:
        output.document(report.to_dict())
        return
    output.note(f"{report.backbone}: {report.dim} numbers for each of {report.images:,} images.")
    if report.unused:
        shown = ", ".join(report.unused[: vectors.NAMED])
        output.note(f"{len(report.unused):,} ids match no image: {shown}")


@app.command()
def export(
    name: Name,
    backbone: Annotated[str, typer.Argument(help="A backbone with extracted features.")],
    file: Annotated[
        Path, typer.Argument(help="To write: .npz, .parquet, .csv or .npy, or as --format says.")
    ],
    format: Annotated[
        str,
        typer.Option(
            help="vectors; or for another tool: embedding-atlas (.parquet), projector (a folder "
            "for TensorBoard), clip-retrieval or fiftyone (folders)."
        ),
    ] = "vectors",
    method: Annotated[
        str, typer.Option(help="Coordinates for embedding-atlas and fiftyone: umap, pca or tsne.")
    ] = "umap",
    json: Json = False,
) -> None:
    """Write the features of a collection's images to a file."""
    from simcore.lab.library import vectors
    from simcore.lab.search import neighbor_tools

    options.backbones(backbone)
    if format == "vectors":
        count = vectors.export_features(name, backbone, file)
    else:
        with output.monitor() as monitor:
            count = neighbor_tools.export(
                name, backbone, file, tool=format, method=method, monitor=monitor
            )
    if json:
        output.document({"file": str(file), "images": count})
    else:
        output.note(f"Wrote the {backbone} features of {count:,} images to {file}.")


def _table(rows: "list[ImportedBackbone]") -> Table:
    cells = tuple((row.name, row.dim, row.metric, row.source) for row in rows)
    return Table(("name", "dimensions", "metric", "source"), cells)


catalog_commands(
    app,
    "simcore.lab.library.vectors",
    noun="imported backbone",
    table=_table,
    empty="No imported features yet. Add some with `simcore features import`.",
)
