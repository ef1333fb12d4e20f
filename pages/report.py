"""One HTML file that needs no network and nothing installed: text, tables, charts, pictures."""

from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go

from pages import thumbs

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "td,th{border:0;border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left}"
    "pre{background:#f3f5f7;padding:.8rem;white-space:pre-wrap}.wide{overflow-x:auto}"
    ".row{display:flex;flex-wrap:wrap;gap:10px;margin:.3rem 0 1.2rem}"
    "figure{margin:0;width:110px}figure img{width:110px;height:110px;object-fit:contain;"
    "background:#f3f5f7;border-radius:6px}figure.mate img{outline:4px solid #007a58}"
    "figcaption{font-size:13px;overflow-wrap:anywhere}"
)


def page(title: str, parts: Iterable[str]) -> bytes:
    """The file; `parts` are what the other functions here return."""
    head = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
    )
    return f"{head}<body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>".encode()


def heading(text: str) -> str:
    """A heading below the title."""
    return f"<h2>{escape(text)}</h2>"


def text(words: str) -> str:
    """A paragraph; nothing where there is nothing to say."""
    return f"<p>{escape(words)}</p>" if words else ""


def command(line: str) -> str:
    """What prints the same numbers."""
    return f"<p>The same in a terminal:</p><pre>{escape(line)}</pre>" if line else ""


def table(frame: pd.DataFrame) -> str:
    """A table, scrolled where it is wider than the window."""
    return f"<div class='wide'>{frame.to_html(index=False, na_rep='')}</div>"


def chart(figure: go.Figure | None, *, x: str = "", y: str = "", script: bool = True) -> str:
    """A chart.

    Args:
        script: bring along what draws it; once in a file is enough.
    """
    if figure is None:
        return ""
    drawn = go.Figure(figure).update_layout(
        template="plotly_white", xaxis_title=x, yaxis_title=y, height=520
    )
    return drawn.to_html(
        full_html=False, include_plotlyjs=script, config={"displaylogo": False, "responsive": True}
    )


def pictures(keys: Sequence[str], captions: Sequence[str], *, mate: int = -1) -> str:
    """A line of thumbnails, inside the file; the mate has a green frame.

    Args:
        keys: content keys. captions: what stands below each and is read aloud.
        mate: which of them is the mate; -1 = none.
    """
    shown = [
        f"<figure{' class=mate' if place == mate else ''}>"
        f"<img src='{thumbs.inline(key)}' alt='{escape(caption, quote=True)}'>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for place, (key, caption) in enumerate(zip(keys, captions, strict=True))
    ]
    return f"<div class='row'>{''.join(shown)}</div>"
