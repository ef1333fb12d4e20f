"""One HTML file with everything inside: tables, charts, pictures; for people without the program.

A report is a list of blocks of HTML; the page's own components travel as they are, with their data
and pictures inside, so that a map can still be moved and a gallery still be read.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

# Okabe and Ito 2008, without its yellow, which vanishes on white; black is left to the theme.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F")
STYLE = (
    ":root{color-scheme:light dark;--st-font:system-ui,sans-serif;--st-text-color:#14191f;"
    "--st-background-color:#fff;--st-secondary-background-color:#f3f5f7;--st-border-color:#d9dee4;"
    "--st-gray-color:#5a6570;--st-green-color:#007a58;--st-orange-color:#b86e00;"
    "--st-primary-color:#0072b2}"
    "@media(prefers-color-scheme:dark){:root{--st-text-color:#e8ecf0;"
    "--st-background-color:#101418;--st-secondary-background-color:#1a2027;"
    "--st-border-color:#313a44;--st-gray-color:#9aa6b2;--st-green-color:#3cc79c;"
    "--st-orange-color:#e69f00;--st-primary-color:#56b4e9}}"
    "body{font:16px/1.5 var(--st-font);max-width:75rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--st-text-color);background:var(--st-background-color)}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 1rem .5rem 0}"
    "td,th{border:0;border-bottom:1px solid var(--st-border-color);padding:.3rem .8rem;"
    "text-align:left}caption{text-align:left;color:var(--st-gray-color)}"
    "pre{background:var(--st-secondary-background-color);padding:.8rem;white-space:pre-wrap}"
    ".two{display:flex;flex-wrap:wrap;gap:2rem}.wide{overflow-x:auto}"
    ".row{display:flex;flex-wrap:wrap;gap:10px;margin:.3rem 0 1.2rem}"
    "figure{margin:0;width:110px}figure img{width:110px;height:110px;object-fit:contain;"
    "background:var(--st-secondary-background-color);border-radius:6px}"
    "figure.mate img{outline:4px solid var(--st-green-color)}"
    "figcaption{font-size:13px;overflow-wrap:anywhere}"
    "small,.soft{color:var(--st-gray-color)}.chart{background:#fff;border-radius:8px}"
)
# What Streamlit gives a component, as far as ours use it; nothing goes back from a file.
RUN = (
    "for(const box of document.querySelectorAll('.live')){"
    "const told=JSON.parse(box.querySelector('script').textContent);"
    "const root=box.attachShadow({mode:'open'});const style=document.createElement('style');"
    "style.textContent=told.css;root.append(style);const inside=document.createElement('div');"
    "inside.innerHTML=told.html;root.append(inside);"
    "import('data:text/javascript;base64,'+told.js).then(module=>module.default({data:told.data,"
    "parentElement:root,setTriggerValue(){},setStateValue(){}}))}"
)


@dataclass(frozen=True)
class Block:
    """A part of a report: finished HTML; `charts` where plotly draws in it."""

    html: str
    charts: bool = False
    live: bool = False


def heading(text: str, level: int = 2) -> Block:
    """A heading, of words from anywhere."""
    return Block(f"<h{level}>{escape(text)}</h{level}>")


def words(text: str, *, soft: bool = False) -> Block:
    """A paragraph, of words from anywhere."""
    return Block(f"<p{' class=soft' if soft else ''}>{escape(text)}</p>")


def command(line: str) -> Block:
    """The command line that gives the same."""
    return Block(f"<p>The same in a terminal:</p><pre>{escape(line)}</pre>")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "") -> Block:
    """A table; None is an empty cell."""
    head = "".join(f"<th>{escape(str(c))}</th>" for c in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{'' if c is None else escape(str(c))}</td>" for c in row) + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return Block(f"<div class='wide'><table>{title}<tr>{head}</tr>{lines}</table></div>")


def beside(*blocks: Block) -> Block:
    """Blocks side by side, as far as there is room."""
    return Block(f'<div class="two">{"".join(block.html for block in blocks)}</div>')


def inside(webp: bytes) -> str:
    """A picture as a data address, which needs nothing beside the file that it stands in."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")


def pictures(sources: Sequence[str], captions: Sequence[str], *, mate: int = -1) -> Block:
    """A line of pictures; the mate has a green frame.

    Args:
        sources: data addresses. captions: what stands below each and is read aloud.
        mate: which of them is the mate; -1 = none.
    """
    shown = [
        f"<figure{' class=mate' if place == mate else ''}><img src='{escape(source, quote=True)}' "
        f"alt='{escape(caption, quote=True)}'><figcaption>{escape(caption)}</figcaption></figure>"
        for place, (source, caption) in enumerate(zip(sources, captions, strict=True))
    ]
    return Block(f"<div class='row'>{''.join(shown)}</div>")


def chart(figure: Any, *, x: str = "", y: str = "", height: int = 480) -> Block:
    """A plotly figure, which stays alive."""
    import plotly.graph_objects as go

    drawn = go.Figure(figure).update_layout(template="plotly_white", height=height)
    if x or y:
        drawn.update_layout(xaxis_title=x, yaxis_title=y)
    html = drawn.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
    )
    return Block(f"<div class='chart'>{html}</div>", charts=True)


def live(html: str, css: str, js: str, data: dict[str, Any]) -> Block:
    """One of the page's own components, with all that it shows.

    Args:
        js: a module whose default export draws, as Streamlit calls it.
        data: what it is given; pictures must be inside already.
    """
    told = {
        "html": html,
        "css": css,
        "js": base64.b64encode(js.encode()).decode(),
        "data": data,
    }
    # "<" is written so that no word of a name can end the script that carries it.
    inside = json.dumps(told, allow_nan=False).replace("<", "\\u003c")
    return Block(
        f"<div class='live'><script type='application/json'>{inside}</script></div>", live=True
    )


def document(title: str, blocks: Sequence[Block]) -> str:
    """The whole file."""
    library = ""
    if any(block.charts for block in blocks):
        from plotly.offline import get_plotlyjs

        library = f"<script>{get_plotlyjs()}</script>"
    run = f"<script>{RUN}</script>" if any(block.live for block in blocks) else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>{library}</head>"
        f"<body><h1>{escape(title)}</h1>{''.join(block.html for block in blocks)}{run}"
        "</body></html>"
    )
