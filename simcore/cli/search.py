"""`simcore search`, `simcore pair` and `simcore map`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from simcore.cli import options, output, recipe_options
from simcore.cli.options import (
    MAX_SEED,
    Combine,
    Direction,
    Json,
    Metric,
    Missing,
    Models,
    Name,
    PairFunction,
    Post,
    Ready,
    StoredRecipe,
    Subset,
    Weights,
    Where,
    finite,
)
from simcore.cli.output import STOPPED
from simcore.recipe import Question, filtered_subset
from simcore.results import Table
from simcore.types import JSON, Monitor

if TYPE_CHECKING:
    from simcore.lab.search.maps import Map, ProjectionSettings
    from simcore.lab.search.pair import Picture
    from simcore.lab.search.search import SearchResult

T = TypeVar("T")
SET_OPTIONS = (
    "{!r} is a set of judgements, mapped once per backbone. Leave --combine, --weights, --metric, "
    "--post, --missing, --subset, --where, --morph and --picture out."
)
Image = Annotated[str, typer.Argument(help="left:ID or right:ID.")]


@options.table_files
def map_(
    name: Name,
    *,
    models: Models = "mobilenetv2",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    post: Post = "none",
    missing: Missing = "mean",
    subset: Subset = "all",
    where: Where = "",
    method: Annotated[str, typer.Option(help="umap, pca or tsne.")] = "umap",
    n_neighbors: Annotated[int, typer.Option(help="UMAP, 2 to 200.")] = 15,
    min_dist: Annotated[float, typer.Option(callback=finite, help="UMAP, 0 to 1.")] = 0.1,
    perplexity: Annotated[float, typer.Option(callback=finite, help="t-SNE, 2 to 200.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of all draws.")] = 0,
    morph: Annotated[
        bool, typer.Option("--morph", help="A map per backbone and of their z-sum, aligned.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the map: a file that ends in .svg or .png.")
    ] = None,
    color: Annotated[
        str, typer.Option(help="Color of --picture: side, found, rank, cluster or field:NAME.")
    ] = "cluster",
    json: Json = False,
) -> None:
    """Map a collection to the plane with UMAP, PCA or t-SNE of one recipe.

    NAME may be a set of judgements: then there is a map per backbone, and a table of how far the
    folders of its images are apart (silhouette, share of the 5 nearest images of the same folder).
    """
    from simcore import errors
    from simcore.lab.judgements import set_maps
    from simcore.lab.search import maps

    backbones = options.backbones(models)
    settings = maps.projection_settings(
        method, n_neighbors=n_neighbors, min_dist=min_dist, perplexity=perplexity, seed=seed
    )
    if set_maps.is_set(name):
        for_pairs = (combine, weights, metric, post, missing, subset, where, picture, morph)
        if for_pairs != ("none", "", "own", "none", "mean", "all", "", None, False):
            raise errors.BadDataError(SET_OPTIONS.format(name))
        _map_set(name, backbones, settings, json=json)
        return
    question = Question(name, subset=filtered_subset(subset, where))
    if morph:
        if (combine, weights, picture) != ("none", "", None):
            raise errors.BadDataError(
                "--morph shows each backbone and their z-sum. Leave --combine, --weights and "
                "--picture out."
            )
        _map_morph(question, (backbones, metric, post, missing), settings, json=json)
        return
    shares = options.numbers(weights, "weights")
    recipe_options.check_combination(backbones, combine, shares)
    recipe = maps.single_recipe(
        backbones,
        combine,
        weights=shares,
        metric=metric,
        post=post,
        missing=missing,
    )
    question = question.with_recipes(recipe)
    result = _until_stopped(lambda monitor: maps.make(question, settings, monitor=monitor))
    _until_stopped(result.compute_ranks)  # of many pairs, pages wait for none
    if picture is not None:
        from simcore.lab.search import map_pictures

        output.save(picture, map_pictures.picture(result, color, picture.suffix))
    output.write_files([result.to_table()])  # all points; the terminal gets a summary
    if json:
        output.document(result)
    else:
        output.table(_map_table(result))


def _until_stopped(make: Callable[[Monitor], T]) -> T:
    """What `make` returns; the command ends where somebody stops it."""
    from simcore.errors import Stopped

    with output.monitor() as monitor:
        try:
            return make(monitor)
        except Stopped as stopped:
            raise typer.Exit(STOPPED) from stopped


def _map_morph(
    question: Question,
    parts: tuple[list[str], str, str, str],
    settings: "ProjectionSettings",
    *,
    json: bool,
) -> None:
    """The maps of a morph; `parts` are backbones, metric, post-processing and missing rule."""
    from simcore.lab.search import morph

    models, metric, post, missing = parts
    recipes = morph.stops(models, metric=metric, post=post, missing=missing)
    question = question.with_recipes(*recipes)
    result = _until_stopped(lambda monitor: morph.make(question, settings, monitor=monitor))
    output.write_files([result.points_table()])  # all points; the terminal gets a summary
    if json:
        output.document(result)
    else:
        output.table(result.to_table())


def _map_set(name: str, models: list[str], settings: "ProjectionSettings", *, json: bool) -> None:
    from simcore.lab.judgements import set_maps

    result = _until_stopped(lambda monitor: set_maps.make(name, models, settings, monitor=monitor))
    output.result(result, json=json)


def _map_table(result: "Map") -> Table:
    rows: list[tuple[str, str]] = [
        ("images on the map", f"{len(result.xy) - result.missing:,}"),
        ("images without evidence", f"{result.missing:,}"),
        ("clusters", f"{result.cluster.max() + 1}"),
    ]
    if result.sample is not None:
        rows.append(("layout", f"approximate, of {result.sample:,} images; the others among them"))
    if result.variance is not None:
        first, second = result.variance
        rows.append(("variance of the two axes", f"{first:.1%}, {second:.1%}"))
    title = f"{result.collection}: {result.settings.method} of {result.recipe.label}"
    return Table(("", ""), tuple(rows), title)


@options.table_files
def pair(
    name: Name,
    first: Image,
    second: Image,
    models: Ready = "",
    metric: Metric = "own",
    json: Json = False,
) -> None:
    """Compare two images: their similarity, and the share of all pairs that are less similar."""
    from simcore.lab import recipes
    from simcore.lab.search import pair as search_pair

    left, right = _picture(name, first), _picture(name, second)
    parsed = recipes.parse(options.ready(name, models), metric=metric)
    table = search_pair.table(Question(name, tuple(parsed)), left, right)
    output.show(table.to_dict(), table.to_table(), json=json)


def _picture(name: str, text: str) -> "Picture":
    from simcore.lab.search import pair as search_pair

    side, _, image = text.partition(":")
    return search_pair.open_picture(name, side, image)


@options.table_files
def search(
    name: Name,
    *,
    id: Annotated[str, typer.Option("--id", help="An image of the collection.")] = "",
    image: Annotated[Path | None, typer.Option("--image", help="Any image file.")] = None,
    text: Annotated[str, typer.Option("--text", help="A text, for CLIP backbones.")] = "",
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    pair_function: PairFunction = "",
    recipe: StoredRecipe = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    post: Post = "none",
    missing: Missing = "mean",
    where: Where = "",
    k: Annotated[
        int | None,
        typer.Option("-k", "--k", help="Number of hits; by default 10, or all of fewer images."),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(help="exact, index, or auto: an index from 200,000 images if there is one."),
    ] = "",
    json: Json = False,
) -> None:
    """Find the most similar images to an image of the collection, an image file, or a text."""
    from simcore.lab.search import search as search_search

    decided = {
        "combine": combine != "none",
        "weights": bool(weights),
        "pair_function": bool(pair_function),
        "metric": metric != "own",
        "post": post != "none",
        "missing": missing != "mean",
    }
    parsed_direction = options.parse_direction(direction)
    count = 10 if k is None else k
    if text:
        backbones = options.backbones(models) or search_search.text_backbones(name)
        recipe_options.refuse_with_text(**decided, recipe=bool(recipe), mode=bool(mode))
        results = [
            search_search.search_text(
                name, text, model, direction=parsed_direction, k=count, where=where
            )
            for model in backbones
        ]
        header = {"collection": name, "query": {"text": text}, "direction": direction}
    else:
        if recipe:
            recipe_options.refuse_with_recipe(models=bool(models), **decided)
            parsed = recipe_options.stored(recipe)
        else:
            parsed = recipe_options.parse(
                _ready(name, models, uploaded=image is not None),
                combine,
                options.numbers(weights, "weights"),
                pair_function=pair_function,
                metric=metric,
                post=post,
                missing=missing,
            )
        data = None if image is None else search_search.read_file(image)
        query = search_search.Query(id or None, data)
        question = Question(name, tuple(parsed), parsed_direction)
        with output.monitor() as monitor:
            results = search_search.search(
                question, query, k=count, mode=mode, where=where, monitor=monitor
            )
        source = {"id": id or None, "image": None if image is None else str(image)}
        header = {"collection": name, "query": source, "metric": metric, "direction": direction}
    if k is not None and results:
        options.check_cut_offs([k], results[0].gallery)
    _print_results(results, header, json)


def _ready(name: str, models: str, *, uploaded: bool) -> list[str]:
    """The backbones to search with; those of a group that are left out are named on stderr."""
    from simcore.lab.search import search as search_search

    ready = search_search.ready_backbones(name, options.names(models), uploaded=uploaded)
    if ready.note:
        output.warn(ready.note)
    return output.remember_backbones(ready.names)


def _print_results(results: "list[SearchResult]", header: JSON, json: bool) -> None:
    rows = [result.to_dict() for result in results]
    gallery = results[0].gallery if results else 0
    document = header | {"gallery": gallery, "rows": rows}
    output.show(document, *map(_hits_table, results), json=json)


def _hits_table(result: "SearchResult") -> Table:
    rows = tuple(
        (rank, image, f"{score:.4f}", "mate" if image == result.mate_id else "")
        for rank, (image, score) in enumerate(zip(result.ids, result.scores, strict=True), start=1)
    )
    title = result.recipe.label
    if result.mate_rank is not None:
        rank = f"at rank {result.mate_rank:,} of {result.gallery:,}"
        title += f"   (the mate, {result.mate_id}, is {rank})"
    elif result.index and result.mate_score is not None:
        title += f"   (the mate, {result.mate_id}, is not among the first {len(rows)})"
    notes = (result.note,) if result.note else ()
    return Table(("rank", "image", "score", ""), rows, title, notes)
