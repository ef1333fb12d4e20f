"""What several pages share: errors as sentences, safe text, sizes, downloads, empty states."""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import streamlit as st

from simcore import csv_text
from simcore.errors import SimError
from simcore.lab import html_document
from simcore.ui import actions, kiosk, page_export, remedies

if TYPE_CHECKING:
    import pandas as pd

ROW_HEIGHT, MAX_TABLE = 31, 400  # px, as Streamlit draws tables of any length
NAME_WIDTHS = (60, 320)  # of a column of names in px, at least and at most
MARKS = str.maketrans({mark: "\\" + mark for mark in "\\`*_{}[]()<>#+-.!|~$:^"})


def escape_markdown(text: str) -> str:
    """Text of users for places that read Markdown: every mark shows as itself.

    >>> escape_markdown("a*b*.png")
    'a\\\\*b\\\\*\\\\.png'
    """
    return " ".join(kiosk.hide_paths(text).split()).translate(MARKS)


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a `SimError` of the block, or of a callback before it, as one red sentence.

    What it says to do is a button.
    """
    if message := actions.take_error():
        show_error(message, key="action")
    try:
        yield
    except SimError as error:
        show_error(str(error), key="block")


def show_error(message: str, *, key: str) -> None:
    """Show what is wrong as one red sentence, and what to do about it as a button.

    Args:
        key: start of the keys of the buttons.
    """
    text, offered = remedies.split(message)
    st.error(escape_markdown(text), icon=":material/error:")
    remedies.show(offered, key=f"remedy_{key}")


@contextmanager
def placeholder(text: str, *heights: int) -> Iterator[None]:
    """Gray shapes in place of what is being computed, of its heights in px.

    Args:
        text: what is computed, for screen readers and below the shapes.
    """
    box = st.empty()
    shapes = "".join(f'<i style="height:{height}px"></i>' for height in heights)
    box.html(f'<div class="placeholder" role="status">{shapes}<p>{html.escape(text)}</p></div>')
    try:
        yield
    finally:
        box.empty()


def empty_state(text: str, page: str = "", label: str = "") -> None:
    """Say that nothing can be shown yet, with a link to the page that changes this.

    In workshop mode there is no link, since visitors change nothing.
    """
    st.info(text)
    if page and not kiosk.enabled():
        st.page_link(page, label=label, icon=":material/add:")


def is_phone() -> bool:
    """Whether the browser says that it is one of a phone."""
    return "Mobi" in (st.context.headers.get("User-Agent") or "")


def name_column(names: Iterable[str], *, help: str | None = None) -> Any:
    """The column with the names of a table's rows, as wide as the longest of them.

    Streamlit measures a column by its first rows, and cuts longer names further down. On a phone
    the column stays in view while the table scrolls. On a larger screen it does not: Streamlit
    writes pinned columns in gray, which means missing elsewhere.
    """
    phone = is_phone()
    longest = max(map(len, names), default=0)
    low, high = NAME_WIDTHS
    width = min(max(low, 24 + round(6.5 * longest)), 185 if phone else high)
    return st.column_config.Column(pinned=phone, width=width, help=help)


def table_height(rows: int) -> int:
    """The height of a table with so many rows in px, so that its place is kept while it loads."""
    return min(ROW_HEIGHT * (rows + 1) + 2, MAX_TABLE)


def frame_csv(frame: "pd.DataFrame") -> str:
    """The columns and rows of a frame as CSV text."""
    cells = frame.astype(object).where(frame.notna(), None)
    return csv_text.write([str(column) for column in frame.columns], cells.to_numpy().tolist())


def csv_button(make: Callable[[], str | bytes], file_name: str, *, key: str | None = None) -> None:
    """A button that downloads a table; the table is written when the button is clicked."""

    def data() -> bytes:
        table = make()
        return table.encode() if isinstance(table, str) else table

    st.download_button(
        "Download as CSV",
        data,
        file_name,
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )


def credits(lines: Sequence[str]) -> None:
    """Authors and licenses of the images, small and below them."""
    if lines:
        page_export.add(
            "credits", lambda: [html_document.paragraph("Images: " + " · ".join(lines), soft=True)]
        )
        st.caption("Images: " + " · ".join(escape_markdown(line) for line in lines))
