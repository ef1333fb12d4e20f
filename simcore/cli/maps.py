"""`simcore map`: every image of a collection as a point in the plane."""

from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import options, show
from simcore.cli.options import Combine, Json, Lift, Metric, Models, Subset, Weights
from simcore.cli.retrieve import STOPPED


def make(
    name: str,
    models: Models = "mobilenetv2",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    lift: Lift = "none",
    subset: Subset = "all",
    method: Annotated[str, typer.Option(help="umap, pca or tsne.")] = "umap",
    neighbours: Annotated[int, typer.Option(help="UMAP's n_neighbors, 2 to 200.")] = 15,
    min_dist: Annotated[float, typer.Option(help="UMAP's min_dist, 0 to 1.")] = 0.1,
    perplexity: Annotated[float, typer.Option(help="t-SNE's, 2 to 200.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of every random number.")] = 0,
    csv: Annotated[Path | None, typer.Option(help="Also write the points as a CSV.")] = None,
    json: Json = False,
) -> None:
    """A map of a collection: UMAP, PCA or t-SNE of a backbone or a combination."""
    from simcore.lab import jobs, maps

    shares = options.numbers(weights, "weights")
    recipe = maps.asked(options.names(models), combine, weights=shares, metric=metric, lift=lift)
    how = maps.look(method, near=neighbours, tight=min_dist, perplexity=perplexity, seed=seed)
    with jobs.reporting() as (report, stop), show.progress() as bar:
        try:
            found = maps.make(
                name, recipe, how, subset=subset, on_progress=report or bar, stop=stop
            )
        except maps.Stopped as stopped:
            raise typer.Exit(STOPPED) from stopped
    if csv is not None:
        csv.write_text(found.csv(), "utf-8")
        show.note(f"wrote {csv}")
    if json:
        show.document(found.json())
        return
    rows = [
        ("points", f"{len(found.at) - found.missing:,}"),
        ("without a place", f"{found.missing:,}"),
        ("groups of alike images", f"{found.cluster.max() + 1}"),
    ]
    if found.variance is not None:
        first, second = found.variance
        rows.append(("variance of the two axes", f"{first:.1%}, {second:.1%}"))
    show.table(["", ""], rows, title=f"{name}: {method} of {recipe.label}")
