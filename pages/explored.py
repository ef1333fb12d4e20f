"""Explore's answer on the screen: the rows, and what one can take away."""

import streamlit as st

from pages import gallery, query, results, widgets
from pages.gallery import Row, Tile
from pages.state import View
from simcore.lab.retrieve import Hits
from simcore.types import Collection


def show(
    collection: Collection, view: View, own: tuple[str, bytes] | None, found: list[tuple[str, Hits]]
) -> None:
    """The question and a row for each answer, every picture a way to the next question.

    Args:
        own: name and bytes of an uploaded picture that is asked about instead of the view's query.
        found: what each row is called, and what it found.
    """
    images, others = collection.sides(view.direction)
    row = images.ids.index(view.query)
    where, there = (query.side(collection, view.direction, asked=a) for a in (True, False))
    first, second = results.lead(found)
    rows: list[Row] = [results.row(collection, view, name, hits) for name, hits in found]
    if own:
        left, right = st.columns([1, 4], vertical_alignment="center")
        left.image(own[1], width=172, output_format="JPEG", alt=f"Your picture {own[0]}")
        right.markdown(
            f"**{widgets.plain(own[0])}**  \n{widgets.plain(first)} {widgets.plain(second)}"
        )
        gallery.comparison(
            None, None, rows, key="x_gallery", on_pick=query.follow, trail=query.trail(collection)
        )
        return
    asked = query.tile(images, row, where, collection)
    asked["tag"] = f"Query, {where}" if collection.right is not None else "Query"
    mate: Tile | None = None
    if collection.right is not None:
        mate = query.tile(others, row, there, collection)
        mate["tag"], mate["caption"] = f"True mate, {there}", others.ids[row]
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
        on_pick=query.follow,
        lead=first,
        more=f"{second} {ways}{back}".strip(),
        trail=query.trail(collection),
    )


def take_away(
    collection: Collection,
    view: View,
    file: str | None,
    found: list[tuple[str, Hits]],
    models: list[str],
) -> None:
    """The command line that gives the same numbers, the table, and whose pictures these are."""
    if collection.right is not None and not file:
        _why(collection, view, models)
    st.caption("The same numbers in a terminal:")
    st.code(results.by_hand(view, models, file), language="bash", wrap_lines=True)
    name = file or view.query
    st.download_button(
        "Download these results (CSV)",
        results.table(view, name, found),
        on_click="ignore",
        file_name=f"{collection.name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="x_csv",
    )
    widgets.credits(collection.credits)


def _why(collection: Collection, view: View, models: list[str]) -> None:
    """The way to the same pair on Compare."""
    images, others = collection.sides(view.direction)
    row = images.ids.index(view.query)
    where, there = (query.side(collection, view.direction, asked=a) for a in (True, False))
    st.page_link(
        "pages/compare.py", label="Why? Compare the query with its mate, place by place",
        icon=":material/compare:",
        query_params={"c": collection.name, "models": ",".join(models), "m": view.metric,
                      "a": f"{where}:{view.query}", "b": f"{there}:{others.ids[row]}"},
    )  # fmt: skip
