"""Explore's results: one row per recipe, the downloads, and the command line."""

import math
from collections.abc import Mapping, Sequence

import streamlit as st

from simcore import csv_text
from simcore.lab import recipes, stored_recipes
from simcore.lab.library import provenance
from simcore.lab.search.search import SearchResult
from simcore.recipe import Recipe
from simcore.types import Collection, Metric
from simcore.ui import commands, field_filter, gallery, job_progress, thumbnails, widgets
from simcore.ui.commands import Command
from simcore.ui.explore import query_bar
from simcore.ui.explore.explore_view import PAGE, ExploreView
from simcore.ui.gallery import Row, Tile, format_score
from simcore.ui.widgets import escape_markdown

METRIC_NAMES: dict[Metric, str] = {
    "cosine": "cosine",
    "l2": "Euclidean distance, negated",
    "l1": "city-block distance, negated",
}
Results = Sequence[tuple[str, SearchResult]]  # title of the row, result


def show(
    collection: Collection,
    view: ExploreView,
    upload: tuple[str, bytes] | None,
    recipes_by_title: Mapping[str, Recipe],
    results: Results,
) -> None:
    """The query and a row per recipe; a click makes an image the next query.

    Args:
        upload: name and bytes of an uploaded image that replaces the view's query.
        results: of the recipes that are computed; the others have empty places.
    """
    complete = len(results) == len(recipes_by_title)
    first, second = summary(results) if complete else ("Searching", "")
    by_title = dict(results)
    rows: list[Row] = [
        result_row(collection, view, title, by_title[title])
        if title in by_title
        else Row(
            title=title,
            sub=_recipe_text(recipe),
            mix=recipe.combine != "none",
            loading=True,
            tiles=[],
        )
        for title, recipe in recipes_by_title.items()
    ]
    if complete and view.order == "rank":
        rows.sort(key=lambda row: by_title[row["title"]].mate_rank or math.inf)
    if upload:
        left, right = st.columns([1, 4], vertical_alignment="center")
        left.image(upload[1], width=172, output_format="JPEG", alt=f"Your image {upload[0]}")
        right.markdown(
            f"**{escape_markdown(upload[0])}**  \n{escape_markdown(f'{first} {second}')}"
        )
        query, mate, first, second = None, None, "", ""
    else:
        query, mate = _pair_tiles(collection, view)
        if mate and complete:
            second = f"{second} Click an image to make it the query; Space enlarges it.".strip()
    gallery.comparison(
        query,
        mate,
        rows,
        key=f"{PAGE}_gallery",
        on_pick=query_bar.follow,
        lead=first,
        more=second,
        trail=query_bar.trail_tiles(collection),
        k=view.k,
    )


def _pair_tiles(collection: Collection, view: ExploreView) -> tuple[Tile, Tile | None]:
    """The query and, in a collection of pairs, its mate."""
    queries, mates = collection.sides(view.direction)
    row = queries.row_of[view.query]
    side = gallery.query_side(collection, view.direction)
    query = gallery.image_tile(queries, row, side, collection)
    if collection.right is None:
        return query | {"tag": "Query"}, None
    other_side = gallery.gallery_side(collection, view.direction)
    mate = gallery.image_tile(mates, row, other_side, collection)
    mate["tag"], mate["caption"] = f"True mate, {other_side}", mates.ids[row]
    mate["alt"] = f"True mate: {mate['alt']}. Make it the query."
    return query | {"tag": f"Query, {side}"}, mate


def downloads(
    collection: Collection,
    view: ExploreView,
    file_name: str | None,
    results: Results,
    models: Sequence[str],
) -> None:
    """A link to Compare, the command line, the table as CSV, and the credits."""
    if collection.right is not None and not file_name:
        _compare_link(collection, view, models)
    commands.show(*search_commands(view, models, file_name))
    query = file_name or view.query
    widgets.csv_button(
        lambda: table(view, query, results), f"{collection.name}.csv", key=f"{PAGE}_csv"
    )
    widgets.credits(collection.credits)


def _compare_link(collection: Collection, view: ExploreView, models: Sequence[str]) -> None:
    st.page_link(
        "pages/compare.py",
        label="Compare the query with its mate",
        icon=":material/compare:",
        query_params=query_bar.compare_params(collection, view, models),
        help="Why are they similar? Corresponding regions and occlusion.",
    )


def recipes_of(view: ExploreView, models: Sequence[str]) -> Mapping[str, Recipe]:
    """The recipes by the titles of their rows: combinations first, then one per backbone.

    A weighted z-sum with equal weights is left out beside the z-sum, whose ranks it has, and a
    stored recipe while a backbone that it needs has no features.

    Args:
        models: the needed backbones that have features in the collection.

    Raises:
        SimError: a name or a weight that cannot be used.
    """
    stored = [stored_recipes.open_(name) for name in view.stored]
    combined = {
        # A stored recipe may have the name of a backbone, whose row has that title.
        f"recipe {recipe.title}" if recipe.title in models else recipe.title: recipe
        for recipe in stored
        if set(recipe.backbones) <= set(models)
    }
    models = [model for model in models if model in view.models]
    if not models:
        return combined
    for combination in view.combined if len(models) > 1 else ():
        weights = [view.weight(model) for model in models] if combination == "weighted" else []
        if weights and "zsum" in view.combine and not view.has_weights:
            continue
        recipe = recipes.parse(
            models,
            "zsum" if weights else combination,
            weights=weights,
            metric=view.metric,
            missing=view.missing,
        )[-1]
        combined[recipe.title] = recipe
    singles = recipes.parse(models, metric=view.metric)
    return combined | {recipe.title: recipe for recipe in singles}


def result_row(collection: Collection, view: ExploreView, title: str, result: SearchResult) -> Row:
    """The result of one recipe as the gallery draws it."""
    side = gallery.gallery_side(collection, view.direction)
    label = gallery.side_label(collection, side)
    tiles: list[Tile] = []
    for rank, (name, key, similarity) in enumerate(
        zip(result.ids, result.keys, result.scores, strict=True), 1
    ):
        mate, score = name == result.mate_id, format_score(similarity)
        tiles.append(
            Tile(
                id=name,
                side=side,
                src=thumbnails.source(key),
                rank=str(rank),
                score=score,
                mate=mate,
                alt=f"{'True mate, ' if mate else ''}rank {rank}, score {score}: "
                f"{label} {name}. Make it the query.",
                large=f"{name}, rank {rank} of {title}, score {score}",
            )
        )
    chip, tone, place = _mate_chip(result, view.k)
    return Row(
        title=title,
        badge=_training_badge(collection, view, result),
        sub=_recipe_text(result.recipe),
        chip=chip,
        tone=tone,
        place=place,
        note=result.note,
        why=result.recipe.combine == "none" and (result.mate_rank or 1) > 1,
        mix=result.recipe.combine != "none",
        tiles=tiles,
    )


def _training_badge(collection: Collection, view: ExploreView, result: SearchResult) -> str:
    """A warning where a backbone was trained on the pair that is searched for."""
    queries, mates = collection.sides(view.direction)
    if collection.right is None or result.mate_id is None:
        return ""
    row = queries.row_of[view.query]
    names = result.recipe.backbones
    trained = provenance.trained_on_any(names, [queries.keys[row], mates.keys[row]])
    if not trained:
        return ""
    return "trained on this pair" if len(names) == 1 else f"{trained[0]} was trained on this pair"


def _mate_chip(result: SearchResult, k: int) -> tuple[str, str, float | None]:
    """Text and color of the chip about the mate, and its place on a log scale (0 first, 1 last)."""
    if result.mate_id is None:
        return "", "", None
    if result.index is not None and result.mate_rank is None and result.mate_score is not None:
        return "mate not among these", "far", None
    if result.mate_rank is None or result.mate_score is None:
        return "mate: no evidence", "far", None
    rank, gallery_size = result.mate_rank, max(result.gallery, 2)
    place = math.log(rank) / math.log(gallery_size)
    if rank == 1:
        return "mate first", "first", place
    if rank <= k and result.mate_id in result.ids:
        return f"mate at rank {rank} of {result.gallery:,}", "near", place
    score = format_score(result.mate_score)
    return f"mate at rank {rank:,} of {result.gallery:,}, score {score}", "far", place


def _recipe_text(recipe: Recipe) -> str:
    """The metric of a single backbone, or the weights of a combination."""
    if recipe.combine == "none":
        (part,) = recipe.parts
        return METRIC_NAMES[recipes.resolve_metric(part)]
    if any(part.weight != 1 for part in recipe.parts):
        text = " + ".join(
            f"{part.weight:g} {part.backbone}" for part in recipe.parts if part.weight
        )
    else:
        text = " + ".join(part.backbone for part in recipe.parts)
    cues = ", ".join(gate.cue for gate in recipe.gates)
    return f"{text}; weights change with: {cues}" if cues else text


def summary(results: Results) -> tuple[str, str]:
    """Two sentences on the rows: how many rank the mate first, and how much they differ."""
    ranks = sorted((r.mate_rank, title) for title, r in results if r.mate_rank is not None)
    if ranks:
        return _mate_summary(ranks, len(results))
    tops = [result.ids[0] for _, result in results if result.ids]
    if not tops:
        return "No row has a result.", ""
    favorite = max(dict.fromkeys(tops), key=tops.count)
    if len(tops) == 1:
        return f"The nearest image is {favorite}.", ""
    if tops.count(favorite) == len(tops):
        return f"All {len(tops)} rows rank the same image first.", f"It is {favorite}."
    agreeing = tops.count(favorite)
    return (
        f"{len(tops)} rows rank {len(set(tops))} different images first.",
        f"{agreeing} of them agree on {favorite}." if agreeing > 1 else "",
    )


def _mate_summary(ranks: Sequence[tuple[int, str]], n_rows: int) -> tuple[str, str]:
    """The same for a query with a mate, from its ranks in ascending order."""
    (best, best_title), (worst, worst_title) = ranks[0], ranks[-1]
    firsts = sum(rank == 1 for rank, _ in ranks)
    verb = "ranks" if firsts == 1 else "rank"
    head = f"{firsts} of {n_rows} rows {verb} the true mate first."
    if not firsts:
        head = f"No row ranks the true mate first; the best is {best_title} with rank {best:,}."
    if worst == best:
        return head, ""
    return head, f"The ranks go from {best:,} ({best_title}) to {worst:,} ({worst_title})."


def table(view: ExploreView, query: str, results: Results) -> str:
    """All hits as CSV, one per line."""
    rows = [
        {
            "collection": view.collection,
            "query": query,
            "direction": view.direction,
            "recipe": result.recipe.label,
            "metric": view.metric,
            "rank": rank,
            "id": name,
            "score": float(score),
            "is_mate": name == result.mate_id if result.mate_id else None,
            "mate_id": result.mate_id,
            "mate_rank": result.mate_rank,
            "mate_score": result.mate_score,
            "gallery": result.gallery,
        }
        for _, result in results
        for rank, (name, score) in enumerate(zip(result.ids, result.scores, strict=True), 1)
    ]
    return csv_text.write(list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def offer_job(view: ExploreView, waiting: Sequence[str], recipe: Recipe) -> None:
    """The job that computes what some z-sums need of all pairs, before any query can be searched.

    Args:
        waiting: titles of their rows. recipe: that of the first.
    """
    args = ["search", view.collection, "--id", view.query]
    args += ["--direction", view.direction] if view.direction != "lr" else []
    if recipe.name:
        args += ["--recipe", recipe.name]
    else:
        args += ["--models", ",".join(recipe.backbones), "--combine", "zsum"]
        args += ["--metric", view.metric] if view.metric != "own" else []
    titles = escape_markdown(", ".join(waiting))
    reason = f"**{titles}**: the scale of all similarities is not computed yet."
    job_progress.offer(args, reason, key=f"{PAGE}_job")


def search_commands(
    view: ExploreView, models: Sequence[str], file_name: str | None
) -> list[Command]:
    """The command lines that print the same numbers, one per combination or stored recipe."""
    models = [model for model in models if model in view.models]
    source = ["search", view.collection]
    source += ["--image", file_name] if file_name else ["--id", view.query]
    own = ["--models", ",".join(models)]
    if view.metric != "own":
        own += ["--metric", view.metric]
    shared: list[str] = []
    if view.direction != "lr":
        shared += ["--direction", view.direction]
    if where := field_filter.current(PAGE, view.collection):
        shared += ["--where", where]
    shared += ["-k", str(view.k)]
    combinations = view.combined if len(models) > 1 else ()
    missing = ["--missing", view.missing] if view.missing != "mean" else []
    weights = ",".join(f"{view.weight(model):g}" for model in models)
    options = {name: ["--combine", name] for name in combinations}
    options["weighted"] = ["--combine", "zsum", "--weights", weights]
    lines = [[*source, *own, *shared, *missing, *options[name]] for name in combinations]
    lines += [[*source, "--recipe", name, *shared] for name in view.stored]
    return [Command(tuple(line)) for line in lines or [[*source, *own, *shared]]]
