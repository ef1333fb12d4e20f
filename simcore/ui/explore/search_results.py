"""Explore's answer on the screen: the rows, and what one can take away."""

import math
import shlex
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from simcore.lab import recipes
from simcore.lab.search.search import SearchResult
from simcore.recipe import Recipe
from simcore.types import Collection, Metric
from simcore.ui import gallery, thumbnails, widgets
from simcore.ui.explore import query_bar
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.gallery import Row, Tile, format_score

COMPARED = {
    "cosine": "cosine",
    "l2": "Euclidean distance, negated",
    "l1": "city-block distance, negated",
}
TITLES = {"sum": "Sum", "zsum": "z-sum", "weighted": "Weighted z-sum"}


def show(
    collection: Collection,
    view: ExploreView,
    own: tuple[str, bytes] | None,
    found: list[tuple[str, SearchResult]],
) -> None:
    """The question and a row for each answer, every picture a way to the next question.

    Args:
        own: name and bytes of an uploaded picture that is asked about instead of the view's query.
        found: what each row is called, and what it found.
    """
    images, others = collection.sides(view.direction)
    query_row = images.row_of[view.query]
    where, there = (gallery.side(collection, view.direction, asked=a) for a in (True, False))
    first, second = lead(found)
    rows: list[Row] = [row(collection, view, name, hits) for name, hits in found]
    if own:
        left, right = st.columns([1, 4], vertical_alignment="center")
        left.image(own[1], width=172, output_format="JPEG", alt=f"Your picture {own[0]}")
        right.markdown(
            f"**{widgets.escape_markdown(own[0])}**  \n{widgets.escape_markdown(first)} {widgets.escape_markdown(second)}"
        )
        gallery.comparison(
            None,
            None,
            rows,
            key="x_gallery",
            on_pick=query_bar.follow,
            trail=query_bar.trail(collection),
        )
        return
    asked = gallery.image_tile(images, query_row, where, collection)
    asked["tag"] = f"Query, {where}" if collection.right is not None else "Query"
    mate: Tile | None = None
    if collection.right is not None:
        mate = gallery.image_tile(others, query_row, there, collection)
        mate["tag"], mate["caption"] = f"True mate, {there}", others.ids[query_row]
        mate["alt"] = f"True mate: {mate['alt']}. Make it the query."
    ways = f"Looking from the {where} side into {len(others):,} {there} images. " if mate else ""
    back = (
        f"A click on a {there} image turns the direction round: it becomes the query."
        if mate
        else ""
    )
    gallery.comparison(
        asked,
        mate,
        rows,
        key="x_gallery",
        on_pick=query_bar.follow,
        lead=first,
        more=f"{second} {ways}{back}".strip(),
        trail=query_bar.trail(collection),
    )


def downloads(
    collection: Collection,
    view: ExploreView,
    file: str | None,
    found: list[tuple[str, SearchResult]],
    models: list[str],
) -> None:
    """The command line that gives the same numbers, the table, and whose pictures these are."""
    if collection.right is not None and not file:
        _why(collection, view, models)
    st.caption("The same numbers in a terminal:")
    st.code(command(view, models, file), language="bash", wrap_lines=True)
    name = file or view.query
    st.download_button(
        "Download these results (CSV)",
        table(view, name, found),
        on_click="ignore",
        file_name=f"{collection.name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="x_csv",
    )
    widgets.credits(collection.credits)


def _why(collection: Collection, view: ExploreView, models: list[str]) -> None:
    """The way to the same pair on Compare."""
    images, others = collection.sides(view.direction)
    query_row = images.row_of[view.query]
    where, there = (gallery.side(collection, view.direction, asked=a) for a in (True, False))
    st.page_link(
        "pages/compare.py",
        label="Why? Compare the query with its mate, place by place",
        icon=":material/compare:",
        query_params={
            "c": collection.name,
            "models": ",".join(models),
            "m": view.metric,
            "a": f"{where}:{view.query}",
            "b": f"{there}:{others.ids[query_row]}",
        },
    )


def recipes_of(view: ExploreView, models: Sequence[str]) -> dict[str, Recipe]:
    """One recipe a backbone and one a combination, by what the row is called.

    Raises:
        SimError: a name or a weight that cannot be used.
    """
    if not models:
        return {}
    found = {r.backbones[0]: r for r in recipes.parse(models, metric=view.metric)}
    if len(models) > 1:
        for mix in view.mixes:
            weights = [view.share(model) for model in models] if mix == "weighted" else []
            combine = "zsum" if mix == "weighted" else mix
            found[TITLES[mix]] = recipes.parse(
                models, combine, weights=weights, metric=view.metric
            )[-1]
    return found


def row(collection: Collection, view: ExploreView, title: str, hits: SearchResult) -> Row:
    """One recipe's answer as the gallery draws it."""
    where = gallery.side(collection, view.direction, asked=False)
    tiles: list[Tile] = []
    for rank, (name, key, score) in enumerate(
        zip(hits.ids, hits.keys, hits.scores, strict=True), 1
    ):
        mate = name == hits.mate_id
        tiles.append(
            Tile(
                id=name,
                side=where,
                src=thumbnails.source(key),
                rank=str(rank),
                score=format_score(score),
                mate=mate,
                alt=f"{'True mate, ' if mate else ''}rank {rank}, score {format_score(score)}: "
                f"{gallery.side_label(collection, where)} {name}. Make it the query.",
            )
        )
    mix = hits.recipe.combine != "none"
    chip, tone, place = _mate(hits, view.k)
    return Row(
        title=title,
        sub=_how(hits.recipe),
        chip=chip,
        tone=tone,
        place=place,
        note=hits.note,
        mix=mix,
        tiles=tiles,
    )


def _mate(hits: SearchResult, k: int) -> tuple[str, str, float | None]:
    """What to say of the mate, how good it is, and where it lies (0 first, 1 last)."""
    if hits.mate_id is None:
        return "", "", None
    if hits.index is not None and hits.mate_rank is None and hits.mate_score is not None:
        return "mate not among these", "far", None
    if hits.mate_rank is None or hits.mate_score is None:
        return "mate: no evidence", "far", None
    rank, most = hits.mate_rank, max(hits.gallery, 2)
    place = math.log(rank) / math.log(most)
    if rank == 1:
        return "mate first", "first", place
    if rank <= k and hits.mate_id in hits.ids:
        return f"mate at rank {rank} of {hits.gallery:,}", "near", place
    return (
        f"mate at rank {rank:,} of {hits.gallery:,}, score {format_score(hits.mate_score)}",
        "far",
        place,
    )


def _how(recipe: Recipe) -> str:
    own: dict[str, Metric] = recipes.default_metrics([recipe])
    if recipe.combine == "none":
        (part,) = recipe.parts
        return COMPARED[part.metric or own[part.backbone]]
    if any(part.weight != 1 for part in recipe.parts):
        return " + ".join(
            f"{part.weight:g} {part.backbone}" for part in recipe.parts if part.weight
        )
    return f"of {len(recipe.parts)} backbones"


def lead(found: Sequence[tuple[str, SearchResult]]) -> tuple[str, str]:
    """Two sentences over the rows: do they find the mate, and where do they differ most."""
    placed = [(hits.mate_rank, name) for name, hits in found if hits.mate_rank is not None]
    if placed:
        placed.sort()
        firsts = [name for rank, name in placed if rank == 1]
        (best, first), (worst, last) = placed[0], placed[-1]
        put = "puts" if len(firsts) == 1 else "put"
        head = f"{len(firsts)} of {len(found)} rows {put} the true mate first."
        if not firsts:
            head = f"No row puts the true mate first; the nearest is {first}, at rank {best:,}."
        far = (
            f"They differ: rank {best:,} for {first}, rank {worst:,} for {last}."
            if worst > best
            else ""
        )
        return head, far
    tops = [hits.ids[0] for _, hits in found if hits.ids]
    if not tops:
        return "No row found anything to compare.", ""
    favourite = max(dict.fromkeys(tops), key=tops.count)
    if len(tops) == 1:
        return f"The nearest picture is {favourite}.", ""
    if tops.count(favourite) == len(tops):
        return f"All {len(tops)} rows put the same picture first.", f"It is {favourite}."
    return (
        f"{len(tops)} rows put {len(set(tops))} different pictures first.",
        f"{tops.count(favourite)} of them agree on {favourite}."
        if tops.count(favourite) > 1
        else "",
    )


def table(view: ExploreView, asked: str, found: Sequence[tuple[str, SearchResult]]) -> bytes:
    """Every shown hit as CSV, one a line."""
    lines = [
        {
            "collection": view.collection,
            "query": asked,
            "direction": view.direction,
            "recipe": hits.recipe.label,
            "metric": view.metric,
            "rank": rank,
            "id": name,
            "score": float(score),
            "is_mate": name == hits.mate_id if hits.mate_id else None,
            "mate_id": hits.mate_id,
            "mate_rank": hits.mate_rank,
            "mate_score": hits.mate_score,
            "gallery": hits.gallery,
        }
        for _, hits in found
        for rank, (name, score) in enumerate(zip(hits.ids, hits.scores, strict=True), 1)
    ]
    return pd.DataFrame(lines).to_csv(index=False).encode("utf-8")


def command(view: ExploreView, models: Sequence[str], file: str | None) -> str:
    """Command lines that print the same numbers."""
    words = ["simcore", "search", view.collection]
    words += ["--image", file] if file else ["--id", view.query]
    words += ["--models", ",".join(models)]
    if view.metric != "own":
        words += ["--metric", view.metric]
    if view.direction != "lr":
        words += ["--direction", view.direction]
    words += ["-k", str(view.k)]
    mixes = view.mixes if len(models) > 1 else ()
    lines = []
    for mix in mixes or ("none",):
        more = [] if mix == "none" else ["--combine", "zsum" if mix == "weighted" else mix]
        if mix == "weighted":
            more += ["--weights", ",".join(f"{view.share(model):g}" for model in models)]
        lines.append(shlex.join([*words, *more]))
    return "\n".join(lines)
