"""The page Invariance: one picture under a change, all backbones under all changes, galleries."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.invariance import changed_features, invariance_evaluation, picture
from simcore.lab.invariance.invariance_evaluation import TRANSFORMS, InvarianceTable, Setting
from simcore.lab.invariance.picture import PictureCurve
from simcore.recipe import Question, Recipe
from simcore.types import Collection
from simcore.ui import charts, gallery, job_progress, page_export
from simcore.ui.widgets import escape_markdown

MATES = "true mates"  # the last column of the heat map of floors
SHOWN = 6  # pictures per gallery
WIDTH = 150  # of a picture in px: two beside each other on a phone
MEASURES = {
    "recall": "Recall@1, points gained or lost",
    "floor": "More alike than unrelated pairs, %",
}


def pictures(question: Question, query: str, setting: Setting) -> None:
    """The picture and its changed self, side by side."""
    image = picture.open_picture(question, query)
    changed = changed_features.change(image, setting)
    with st.container(horizontal=True):
        for pixels, caption in ((image.pixels, query), (changed.pixels, setting.label)):
            st.image(pixels, caption=escape_markdown(caption), width=WIDTH, alt=caption)


def curve_chart(question: Question, query: str, setting: Setting) -> None:
    """How alike the picture and its changed self are, for every strength and recipe."""
    with job_progress.progress_bar("Comparing") as monitor:
        curves = picture.curves(
            question, query, setting.transform, seed=setting.seed, monitor=monitor
        )
    transform = TRANSFORMS[setting.transform]
    has_strengths = len(transform.levels) > 1
    levels = [f"{level:g}" if has_strengths else transform.name for level in transform.levels]
    figure = go.Figure()
    for number, curve in enumerate(curves):
        mates = _share(curve.mates)
        figure.add_scatter(
            x=levels,
            y=[100 * point.floor for point in curve.points],
            customdata=[[point.similarity, point.rank, mates] for point in curve.points],
            mode="lines+markers",
            name=curve.recipe,
            line=charts.line(number),
            hovertemplate=f"{curve.recipe}<br>%{{y:.2f}} % of unrelated pairs are less alike<br>"
            "similarity %{customdata[0]:.3f}, mate at rank %{customdata[1]}<br>"
            "true mates: %{customdata[2]}<extra></extra>",
        )
    if has_strengths:
        figure.add_vline(x=levels.index(f"{setting.strength:g}"), line={"color": "#9A9A9A"})
    charts.level(figure, 50, "unrelated")
    _mates(figure, [100 * curve.mates for curve in curves if not np.isnan(curve.mates)])
    charts.show(
        figure.update_xaxes(type="category").update_yaxes(rangemode="tozero"),
        "invariance_curves",
        title="How alike it still is",
        x=f"{transform.name}: {transform.description}" if has_strengths else transform.description,
        y="unrelated pairs less alike, %",
        height=330,
    )
    _sentence(curves, setting)


def _mates(figure: go.Figure, medians: Sequence[float]) -> None:
    """A band where the recipes have their true mates."""
    if not medians:
        return
    figure.add_hrect(
        y0=min(medians) - 0.4,
        y1=max(medians) + 0.4,  # visible for a single recipe, too
        fillcolor="#7F7F7F",
        opacity=0.25,
        line_width=0,
        layer="below",
        annotation={"text": "true mates", "font": {"color": "#7F7F7F"}},
        annotation_position="bottom right",
    )


def _sentence(curves: Sequence[PictureCurve], setting: Setting) -> None:
    """What the selected strength does to the best of the recipes."""
    points = {
        curve.recipe: next(p for p in curve.points if p.strength == setting.strength)
        for curve in curves
    }
    scored = {name: point for name, point in points.items() if not np.isnan(point.floor)}
    if not scored:
        st.caption("No backbone has evidence about this image.")
        return
    best, worst = (choose(scored, key=lambda name: scored[name].floor) for choose in (max, min))
    text = f"**{escape_markdown(best)}** finds it more alike than {_share(scored[best].floor)}"
    if _share(scored[worst].floor) != _share(scored[best].floor):
        text += f", **{escape_markdown(worst)}** than {_share(scored[worst].floor)}"
    st.markdown(f"{text} of unrelated pairs.")


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def heat_map(table: InvarianceTable, measure: str) -> None:
    """Every recipe under every change, at its middle strength; true mates beside the floor."""
    labels = [Setting(row.transform, row.strength, table.seed).label for row in table.rows]
    changes = list(dict.fromkeys(labels)) + ([MATES] if measure == "floor" else [])
    recipes = list(dict.fromkeys(row.recipe for row in table.rows))
    values = np.full((len(recipes), len(changes)), np.nan)
    text = np.full(values.shape, "", object)
    for label, row in zip(labels, table.rows, strict=True):
        cell = recipes.index(row.recipe), changes.index(label)
        values[cell] = 100 * (row.change if measure == "recall" else row.floor[1])
        low, high = row.ci95 if measure == "recall" else (row.floor[0], row.floor[2])
        text[cell] = f"{100 * low:+.1f} to {100 * high:+.1f}"
        if measure == "floor":
            mates = recipes.index(row.recipe), changes.index(MATES)
            values[mates], text[mates] = 100 * row.mates, "median of all pairs"
    reach = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=changes,
            y=recipes,
            customdata=text,
            texttemplate="%{z:+.1f}" if measure == "recall" else "%{z:.1f}",
            hovertemplate="%{y}<br>%{x}<br>%{z:.1f} [%{customdata}]<extra></extra>",
            colorscale="RdBu" if measure == "recall" else "Cividis",
            zmin=-reach if measure == "recall" else 0,
            zmax=reach if measure == "recall" else 100,
        )
    ).update_yaxes(autorange="reversed")
    _export_heading("invariance_heat", MEASURES[measure])  # the page has it as a choice
    figure.update_xaxes(dtick=1)  # on a phone, too, every column has its name
    charts.show(figure, "invariance_heat", height=150 + 42 * len(recipes))


def _export_heading(key: str, text: str) -> None:
    page_export.add(f"{key}_heading", lambda: [html_document.heading(text, 3)])


def galleries(question: Question, recipe: Recipe, setting: Setting, collection: Collection) -> bool:
    """The pictures that move least and most under a change; a click opens one in Explore.

    Returns:
        Whether the change is computed for all pictures; if not, a sentence is drawn instead.
    """
    outcomes = invariance_evaluation.picture_outcomes(question, recipe, setting)
    if outcomes is None:
        st.info(f"{setting.label} is not computed for all images yet.")
        return False
    evident = np.flatnonzero(~np.isnan(outcomes.floor))
    order = evident[np.argsort(outcomes.floor[evident], kind="stable")]
    side = gallery.query_side(collection, question.direction)
    queries = collection.pairs(question.direction).queries
    for title, rows in (
        ("Least invariant", order[:SHOWN]),
        ("Most invariant", order[::-1][:SHOWN]),
    ):
        st.markdown(f"**{title}** under {setting.label}, {escape_markdown(recipe.label)}")
        _export_heading(
            f"invariance_{title}",
            f"{title} under {setting.label}, {recipe.label}: share of unrelated pairs less alike",
        )
        tiles = []
        for row in rows:
            tile = gallery.image_tile(queries, int(row), side, collection)
            share = f"{100 * outcomes.floor[row]:.1f} %"
            before, after = int(outcomes.before[row]), int(outcomes.ranks[row])
            tile["caption"] = share
            tile["alt"] += (
                f", {share} of unrelated pairs are less alike; its mate was at rank {before:,} and "
                f"is at {after:,}{gallery.OPEN_IN_EXPLORE}"
            )
            tiles.append(tile)
        gallery.grid(
            tiles,
            key=f"invariance_{title}",
            on_pick=gallery.open_in_explore(question.collection, models=recipe.backbones),
        )
    return True
