"""`simcore extract` and `simcore search`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, show
from simcore.cli.options import Combine, Device, Direction, Json, Lift, Metric, Models, Weights

if TYPE_CHECKING:
    from simcore.lab.extract import Report
    from simcore.lab.retrieve import Hits

STOPPED = 143  # 128 + SIGTERM, as shells count it


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
    from simcore.lab import jobs
    from simcore.lab.extract import extract as make

    with jobs.reporting() as (report, stop), show.progress() as bar:
        done = make(
            name, options.names(models), device=device, engine=engine, address=address,
            workers=workers, on_progress=report or bar, stop=stop,
        )  # fmt: skip
    if json:
        show.document(_json(name, done))
    else:
        _print(done)
    if stop():
        raise typer.Exit(STOPPED)


def index(name: str, models: Models = "@offline", json: Json = False) -> None:
    """Make approximate search of a large collection fast, and measure how much it finds."""
    from simcore.lab import jobs, nearest

    with jobs.reporting() as (report, stop), show.progress() as bar:
        made = nearest.build(name, options.names(models), on_progress=report or bar, stop=stop)
    if json:
        show.document({"collection": name, "indexes": {b: vars(one) for b, one in made.items()}})
        return
    rows = [
        (b, one.kind, one.metric, f"{one.rows:,}", f"{one.recall:.1%}", f"{one.seconds:.1f} s")
        for b, one in made.items()
    ]
    show.table(["backbone", "index", "metric", "rows", "of the true 10 found", "made in"], rows)


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
    lift: Lift = "none",
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
    from simcore.lab import recipes, retrieve, words

    if text:
        way = options.direction(direction)
        found = [
            words.search(name, text, model, direction=way, k=k) for model in options.names(models)
        ]
        _show(found, {"collection": name, "query": {"text": text}, "direction": direction}, json)
        return
    asked = recipes.parse(
        options.names(models),
        combine,
        weights=options.numbers(weights, "weights"),
        metric=metric,
        lift=lift,
    )
    query = retrieve.Query(id or None, None if image is None else retrieve.read_file(image))
    found = retrieve.search(
        name, query, asked, direction=options.direction(direction), k=k, way=way
    )
    asked_for = {"id": id or None, "image": None if image is None else str(image)}
    told = {"collection": name, "query": asked_for, "metric": metric, "direction": direction}
    _show(found, told, json)


def _show(found: "list[Hits]", told: dict, json: bool) -> None:
    if json:
        gallery = found[0].gallery if found else 0
        show.document(told | {"gallery": gallery, "rows": [hits.json() for hits in found]})
        return
    for hits in found:
        _print_hits(hits)


def _print_hits(hits: "Hits") -> None:
    rows = [
        (rank, image, f"{score:.4f}", "mate" if image == hits.mate_id else "")
        for rank, (image, score) in enumerate(zip(hits.ids, hits.scores, strict=True), start=1)
    ]
    title = hits.recipe.label
    if hits.mate_rank is not None:
        title += f"   (the mate, {hits.mate_id}, is at rank {hits.mate_rank:,} of {hits.gallery:,})"
    elif hits.index and hits.mate_score is not None:
        title += f"   (the mate, {hits.mate_id}, is not among the first {len(rows)})"
    show.table(["rank", "image", "score", ""], rows, title=title)
    if hits.note:
        show.note(hits.note)


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
    show.table(["backbone", "computed", "from cache"], rows, title=f"{done.seconds:.1f} s")
    for item in done.skipped:
        show.note(f"left out {item.what}: {item.reason}")
    for backbone, reason in done.unavailable.items():
        show.note(f"{backbone} is not available: {reason}")
