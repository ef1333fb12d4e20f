"""`simcore map`: every image of a collection as a point in the plane."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import (
    Combine,
    Direction,
    Json,
    Metric,
    Models,
    Post,
    Ready,
    Subset,
    Weights,
)
from simcore.cli.output import STOPPED

if TYPE_CHECKING:
    from simcore.lab.search.pair import Picture
    from simcore.lab.search.search import SearchResult

Image = Annotated[str, typer.Argument(help="left:ID or right:ID.")]


def map_(
    name: str,
    models: Models = "mobilenetv2",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    post: Post = "none",
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
    from simcore import errors
    from simcore.lab.search import maps

    shares = options.numbers(weights, "weights")
    recipe = maps.single_recipe(
        options.names(models), combine, weights=shares, metric=metric, post=post
    )
    how = maps.look(method, near=neighbours, tight=min_dist, perplexity=perplexity, seed=seed)
    with output.monitor() as monitor:
        try:
            found = maps.make(name, recipe, how, subset=subset, monitor=monitor)
        except errors.Stopped as stopped:
            raise typer.Exit(STOPPED) from stopped
    if csv is not None:
        csv.write_text(found.csv(), "utf-8")
        output.note(f"wrote {csv}")
    if json:
        output.document(found.to_dict())
        return
    rows = [
        ("points", f"{len(found.xy) - found.missing:,}"),
        ("without a place", f"{found.missing:,}"),
        ("groups of alike images", f"{found.cluster.max() + 1}"),
    ]
    if found.variance is not None:
        first, second = found.variance
        rows.append(("variance of the two axes", f"{first:.1%}, {second:.1%}"))
    output.table(["", ""], rows, title=f"{name}: {method} of {recipe.label}")


def pair(
    name: str,
    first: Image,
    second: Image,
    models: Ready = "",
    metric: Metric = "own",
    json: Json = False,
) -> None:
    """How alike each backbone finds two images, and how many of all pairs are less alike."""
    from simcore.lab.search import pair as search_pair

    one, other = _picture(name, first), _picture(name, second)
    rows = search_pair.table(name, one, other, options.ready(name, models), metric)
    if json:
        output.document(
            {"collection": name, "first": first, "second": second, "rows": [vars(r) for r in rows]}
        )
        return
    output.table(
        ["backbone", "metric", "similarity", "% of all pairs less alike", "% of the true pairs"],
        [
            (
                r.backbone,
                r.metric,
                *("" if v is None else f"{v:.4f}" for v in (r.similarity,)),
                *("" if v is None else f"{100 * v:.2f}" for v in (r.above, r.mates)),
            )
            for r in rows
        ],
        title=f"{first} and {second}",
    )


def _picture(name: str, text: str) -> "Picture":
    from simcore.lab.search import pair as search_pair

    side, _, image = text.partition(":")
    return search_pair.known(name, side, image)


def search(
    name: str,
    id: Annotated[str, typer.Option("--id", help="An image of the collection.")] = "",
    image: Annotated[
        Path | None, typer.Option("--image", help="Any image file as the query.")
    ] = None,
    text: Annotated[str, typer.Option("--text", help="Words, for CLIP backbones.")] = "",
    models: Models = "@offline",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    post: Post = "none",
    k: Annotated[int, typer.Option("-k", "--k", help="How many to return.")] = 10,
    way: Annotated[
        str,
        typer.Option(
            help="exact, index, or auto: an index from 200,000 images on, if there is one."
        ),
    ] = "",
    json: Json = False,
) -> None:
    """The most similar images to one of the collection's, to any image file, or to words."""
    from simcore.lab import recipes
    from simcore.lab.search import search as search_search

    if text:
        way = options.parse_direction(direction)
        found = [
            search_search.search_text(name, text, model, direction=way, k=k)
            for model in options.names(models)
        ]
        _show(found, {"collection": name, "query": {"text": text}, "direction": direction}, json)
        return
    asked = recipes.parse(
        options.names(models),
        combine,
        weights=options.numbers(weights, "weights"),
        metric=metric,
        post=post,
    )
    query = search_search.Query(
        id or None, None if image is None else search_search.read_file(image)
    )
    found = search_search.search(
        name, query, asked, direction=options.parse_direction(direction), k=k, way=way
    )
    asked_for = {"id": id or None, "image": None if image is None else str(image)}
    told = {"collection": name, "query": asked_for, "metric": metric, "direction": direction}
    _show(found, told, json)


def _show(found: "list[SearchResult]", told: dict, json: bool) -> None:
    if json:
        gallery = found[0].gallery if found else 0
        output.document(told | {"gallery": gallery, "rows": [hits.to_dict() for hits in found]})
        return
    for hits in found:
        _print_hits(hits)


def _print_hits(hits: "SearchResult") -> None:
    rows = [
        (rank, image, f"{score:.4f}", "mate" if image == hits.mate_id else "")
        for rank, (image, score) in enumerate(zip(hits.ids, hits.scores, strict=True), start=1)
    ]
    title = hits.recipe.label
    if hits.mate_rank is not None:
        title += f"   (the mate, {hits.mate_id}, is at rank {hits.mate_rank:,} of {hits.gallery:,})"
    elif hits.index and hits.mate_score is not None:
        title += f"   (the mate, {hits.mate_id}, is not among the first {len(rows)})"
    output.table(["rank", "image", "score", ""], rows, title=title)
    if hits.note:
        output.note(hits.note)
