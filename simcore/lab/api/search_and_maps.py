"""Search and maps in the Python API: images that look alike, for a notebook to show."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import thumbnails
from simcore.lab import html_document
from simcore.lab.api.arguments import (
    CollectionLike,
    RecipeLike,
    as_recipe,
    collection_name,
    make_question,
)
from simcore.lab.library import collections
from simcore.lab.search import map_colors, maps
from simcore.lab.search import search as lab_search
from simcore.lab.search.search import Query, SearchResult
from simcore.recipe import Question
from simcore.results import Table, TableResult
from simcore.types import Direction, Monitor


@dataclass(frozen=True, eq=False)
class Hits(TableResult):
    """The most similar gallery images to one query; shows thumbnails in a notebook."""

    result: SearchResult

    def to_table(self) -> Table:
        """One row per hit, the most similar first."""
        result = self.result
        rows = enumerate(zip(result.ids, result.scores, strict=True), 1)
        notes = (result.note,) if result.note else ()
        return Table(
            ("rank", "id", "score"),
            tuple((rank, name, float(score)) for rank, (name, score) in rows),
            result.recipe.label,
            notes,
        )

    def _repr_html_(self) -> str:
        result = self.result
        sources = [
            html_document.data_url(thumbnails.thumb(key).read_bytes()) for key in result.keys
        ]
        captions = [
            f"{rank}. {name} ({score:.3f})"
            for rank, (name, score) in enumerate(zip(result.ids, result.scores, strict=True), 1)
        ]
        mate = result.ids.index(result.mate_id) if result.mate_id in result.ids else -1
        row = html_document.pictures(sources, captions, mate=mate)
        return f"<style>{_NOTEBOOK_STYLE}</style>{row.html}"


_NOTEBOOK_STYLE = (
    ".row{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0;width:110px}"
    "figure img{width:110px;height:110px;object-fit:contain}"
    "figure.mate img{outline:4px solid #009e73}figcaption{font-size:12px;overflow-wrap:anywhere}"
)


def search(
    collection: CollectionLike,
    query: str | Path | bytes | Any,
    recipe: RecipeLike,
    *,
    k: int = 10,
    direction: Direction = "lr",
) -> Hits:
    """The k most similar gallery images to one image.

    Args:
        query: an id of the collection, a path, the bytes of an image file, or a PIL image. A text
            that is an id is taken as an id.
        direction: "lr" searches the right side.

    Raises:
        BadImageError: the query is no usable image.
    """
    name = collection_name(collection)
    queries, _ = collections.open_(name).sides(direction)
    if isinstance(query, str) and queries.find(query) is not None:
        lookup = Query(id=query)
    elif isinstance(query, str | Path):
        lookup = Query(image=lab_search.read_file(Path(query).expanduser()))
    elif isinstance(query, bytes):
        lookup = Query(image=query)
    else:
        out = io.BytesIO()
        query.convert("RGB").save(out, "PNG")
        lookup = Query(image=out.getvalue())
    question = Question(name, (as_recipe(recipe),), direction)
    (result,) = lab_search.search(question, lookup, k=k)
    return Hits(result)


def map(
    collection: CollectionLike,
    recipe: RecipeLike,
    *,
    method: str = "umap",
    color: str = "side",
    subset: str = "all",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> Any:
    """Every image as a point: a plotly figure.

    Args:
        method: "umap", "pca" or "tsne".
        color: "side", "found", "rank", "cluster", "faces" or "tags".

    Raises:
        BadDataError: too few images, or no data for that color.
    """
    import plotly.graph_objects as go

    question = make_question(collection, recipe, "lr", subset)
    points = maps.make(question, maps.projection_settings(method, seed=seed), monitor=monitor)
    if color in {"found", "rank"}:
        points.compute_ranks(monitor)  # of many pairs, pages wait for none
    groups = map_colors.groups(points, color)
    number, names = np.array(groups.group), np.array(points.ids)
    figure = go.Figure(layout={"title": f"{points.collection}: {points.recipe.label}, {method}"})
    for group, label in enumerate(groups.names):
        rows = np.flatnonzero((number == group) & ~np.isnan(points.xy[:, 0]))
        figure.add_scattergl(
            x=points.xy[rows, 0],
            y=points.xy[rows, 1],
            mode="markers",
            name=f"{label} ({len(rows):,})",
            text=names[rows],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": 5, "color": html_document.COLORS[group % len(html_document.COLORS)]},
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure
