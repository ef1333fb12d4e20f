"""One self-contained HTML file: tables, charts and pictures, for readers without the program.

A document is a list of HTML blocks. The custom components of the app are embedded with their data
and pictures, so that a map can still be panned and a gallery still be browsed.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from simcore.types import JSON

# Okabe and Ito 2008, without its yellow, which vanishes on white; black is left to the theme.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
PATTERNS = ("", "/", "x", "-", "|", "+", ".", "\\")
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
# Calls each component as Streamlit does; the setters do nothing, since a file has no server.
RUN = (
    "for(const box of document.querySelectorAll('.component')){"
    "const content=JSON.parse(box.querySelector('script').textContent);"
    "const root=box.attachShadow({mode:'open'});const style=document.createElement('style');"
    "style.textContent=content.css;root.append(style);const body=document.createElement('div');"
    "body.innerHTML=content.html;root.append(body);"
    "import('data:text/javascript;base64,'+content.js).then(module=>module.default({data:content.data,"
    "parentElement:root,setTriggerValue(){},setStateValue(){}}))}"
)


@dataclass(frozen=True)
class Block:
    """A part of a document.

    Attributes:
        html: finished HTML.
        chart: whether it needs plotly.
        component: whether it holds a custom component that has to be started.
    """

    html: str
    chart: bool = False
    component: bool = False


def line_style(number: int) -> JSON:
    """Plotly's color, dash and width of the n-th line; no two lines look the same.

    Lines that follow each other differ in color and dash, so that they can be told apart in print,
    too.

    >>> line_style(0)["dash"], line_style(1)["dash"], line_style(7)["dash"]
    ('solid', 'dash', 'dash')
    """
    turn, color = divmod(number, len(COLORS))
    if turn < len(DASHES):
        dash = DASHES[(color + turn) % len(DASHES)]
    else:  # dashes of our own: their lengths grow with every turn
        dash = f"{turn}px,{2 + color}px,2px,{2 + color}px"
    return {"color": COLORS[color], "dash": dash, "width": 2}


def bar_style(number: int) -> JSON:
    """Plotly's marker of the n-th group of bars: a color, and a pattern after the last color."""
    turn, color = divmod(number, len(COLORS))
    return {"color": COLORS[color], "pattern": {"shape": PATTERNS[turn % len(PATTERNS)]}}


def heading(text: str, level: int = 2) -> Block:
    """A heading; the text is escaped."""
    return Block(f"<h{level}>{escape(text)}</h{level}>")


def paragraph(text: str, *, soft: bool = False) -> Block:
    """A paragraph; the text is escaped.

    Args:
        text: plain text.
        soft: whether it is drawn in gray.
    """
    return Block(f"<p{' class=soft' if soft else ''}>{escape(text)}</p>")


def command(line: str) -> Block:
    """The command line that gives the same numbers."""
    return Block(f"<p>The same in a terminal:</p><pre>{escape(line)}</pre>")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "") -> Block:
    """A table; None is an empty cell."""
    head = "".join(f"<th>{escape(str(column))}</th>" for column in columns)
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return Block(f"<div class='wide'><table>{title}<tr>{head}</tr>{lines}</table></div>")


def side_by_side(*blocks: Block) -> Block:
    """Blocks next to each other; they wrap on a narrow screen."""
    return Block(f'<div class="two">{"".join(block.html for block in blocks)}</div>')


def data_url(webp: bytes) -> str:
    """A WebP image as a data URL, so that the document needs no other file.

    >>> data_url(b"RIFF")
    'data:image/webp;base64,UklGRg=='
    """
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")


def pictures(sources: Sequence[str], captions: Sequence[str], *, mate: int = -1) -> Block:
    """A row of pictures; the mate has a green frame.

    Args:
        sources: one data URL per picture.
        captions: one per picture; also its alternative text.
        mate: index of the mate; -1 = none.
    """
    figures = [
        f"<figure{' class=mate' if index == mate else ''}><img src='{escape(source, quote=True)}' "
        f"alt='{escape(caption, quote=True)}'><figcaption>{escape(caption)}</figcaption></figure>"
        for index, (source, caption) in enumerate(zip(sources, captions, strict=True))
    ]
    return Block(f"<div class='row'>{''.join(figures)}</div>")


def chart(figure: Any, *, x: str = "", y: str = "", height: int = 480) -> Block:
    """An interactive plotly figure.

    Args:
        figure: it is copied, not changed.
        x, y: titles of the axes; empty leaves them as they are.
        height: in px.
    """
    import plotly.graph_objects as go

    copy = go.Figure(figure).update_layout(template="plotly_white", height=height)
    if x or y:
        copy.update_layout(xaxis_title=x, yaxis_title=y)
    html = copy.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={
            "displaylogo": False,
            "responsive": True,
            "toImageButtonOptions": {"format": "svg", "filename": "simcore"},
        },
    )
    return Block(f"<div class='chart'>{html}</div>", chart=True)


def embed(html: str, css: str, js: str, data: dict[str, Any]) -> Block:
    """A custom component of the app with the data that it shows.

    Args:
        html: its markup.
        css: its style sheet.
        js: a module whose default export draws, as Streamlit calls it.
        data: what it draws; pictures must be data URLs already.

    Raises:
        ValueError: the data holds NaN or infinity, which JSON cannot express.
    """
    content = {
        "html": html,
        "css": css,
        "js": base64.b64encode(js.encode()).decode(),
        "data": data,
    }
    # "<" is escaped so that no text in the data can end the script element that carries it.
    escaped = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    return Block(
        f"<div class='component'><script type='application/json'>{escaped}</script></div>",
        component=True,
    )


def document(title: str, blocks: Sequence[Block]) -> str:
    """The whole HTML file; plotly is embedded only where a block needs it."""
    library = ""
    if any(block.chart for block in blocks):
        from plotly.offline import get_plotlyjs

        library = f"<script>{get_plotlyjs()}</script>"
    run = f"<script>{RUN}</script>" if any(block.component for block in blocks) else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>{library}</head>"
        f"<body><h1>{escape(title)}</h1>{''.join(block.html for block in blocks)}{run}"
        "</body></html>"
    )
