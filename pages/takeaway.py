"""Evaluate's table and chart as one HTML file that needs no network."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from pages.choices import Choice
from pages.tables import Shown
from simcore.lab.papers import Printed

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "td,th{border:0;border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left}"
    "pre{background:#f3f5f7;padding:.8rem;white-space:pre-wrap}.wide{overflow-x:auto}"
)


def about(table: Printed) -> str:
    """What the printed numbers count, and why they are not one's own."""
    head = table.about[:1].upper() + table.about[1:]
    return f"{head}. Other networks and another gallery than yours: read the shape, not the height."


def printed(table: Printed) -> pd.DataFrame:
    """A printed table as it is shown."""
    return pd.DataFrame(table.rows, columns=list(table.columns))


def page(asked: Choice, name: str, found: Shown) -> bytes:
    """The whole of what Evaluate shows; the script that draws the chart travels inside."""
    options = [f"pairs: {asked.subset}", *[f"{k}: {v}" for k, v in asked.changed().items()]]
    parts = [
        f"<h1>{escape(name)}: {escape(asked.collection)}</h1>",
        f"<p>{escape(', '.join(options))}</p><h2>{escape(found.title)}</h2>",
        f"<p>{escape(found.remark)}</p>" if found.remark else "",
        _chart(found),
        f"<div class='wide'>{found.shown.to_html(index=False)}</div>",
        f"<p>The same in a terminal:</p><pre>{escape(found.hand)}</pre>",
    ]
    if (table := found.printed) is not None:
        parts += [
            f"<h2>As printed in {escape(table.paper)}, {escape(table.place)}</h2>",
            f"<p>{escape(about(table))} {escape(table.remark)}</p>",
            f"<div class='wide'>{printed(table).to_html(index=False, na_rep='')}</div>",
        ]
    head = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(name)}: {escape(asked.collection)}</title><style>{STYLE}</style></head>"
    )
    return f"{head}<body>{''.join(parts)}</body></html>".encode()


def _chart(found: Shown) -> str:
    if found.figure is None:
        return ""
    figure = go.Figure(found.figure).update_layout(
        template="plotly_white", xaxis_title=found.x, yaxis_title=found.y, height=520
    )
    return figure.to_html(
        full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
    )
