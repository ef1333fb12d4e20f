"""`simcore reproduce`: a whole paper, in the terminal and as one HTML file."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, show
from simcore.cli.asking import Ready
from simcore.cli.options import Json

if TYPE_CHECKING:
    from simcore.lab.reproduce import Report, Section

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 1rem .5rem 0}td,th{border:1px solid #bbb;"
    "padding:.2rem .6rem;text-align:left}.two{display:flex;flex-wrap:wrap;gap:2rem}"
    "small{color:#555}"
)


def reproduce(
    paper: Annotated[
        str, typer.Argument(help="rosenfeld2018, rosenfeld2019, margaritescu2024 or bapps.")
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="A collection; for margaritescu2024 and bapps sets of judgements, separated by "
            "commas."
        ),
    ],
    models: Ready = "",
    html: Annotated[
        Path | None, typer.Option(help="Also write one self-contained HTML file.")
    ] = None,
    json: Json = False,
) -> None:
    """Every table and figure of a paper on your own data, the printed values beside them."""
    from simcore.lab import jobs
    from simcore.lab import reproduce as lab

    with jobs.reporting() as (report, _), show.progress() as bar:
        found = lab.run(paper, name, options.names(models), on_progress=report or bar)
    if html is not None:
        html.write_text(page(found), "utf-8")
        show.note(f"wrote {html}")
    if json:
        show.document(found.json())
        return
    for section in found.sections:
        _print(section)


def _print(section: "Section") -> None:
    if section.rows:
        show.table(section.columns, section.rows, title=section.title)
    if section.note:
        show.note(section.note if section.rows else f"{section.title}: {section.note}")
    if section.printed is not None and section.rows:
        known = [[("" if c is None else c) for c in row] for row in section.printed.rows]
        show.table(section.printed.columns, known, title="  as printed")


def page(found: "Report") -> str:
    """The report as one HTML document with everything inside."""
    title = escape(f"{found.paper} on {found.collection}: {found.pairs:,} {found.unit}")
    body = []
    for number, section in enumerate(found.sections):
        body.append(f"<h2>{escape(section.title)}</h2>")
        if section.note:
            body.append(f"<p>{escape(section.note)}</p>")
        if section.lines or section.bars:
            first = not any(earlier.lines or earlier.bars for earlier in found.sections[:number])
            body.append(_chart(section, whole=first))
        body.append('<div class="two">')
        if section.rows:
            body.append(_table("here", section.columns, section.rows))
        if section.printed is not None:
            printed = section.printed
            body.append(_table(f"as printed ({printed.place})", printed.columns, printed.rows))
        body.append("</div>")
        if section.printed is not None and section.printed.remark:
            body.append(f"<p><small>{escape(section.printed.remark)}</small></p>")
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<style>{STYLE}</style><h1>{title}</h1><p>Backbones: "
        f"{escape(', '.join(found.models))}. Printed values are of other networks, galleries.</p>"
        + "\n".join(body)
        + "</html>"
    )


def _chart(section: "Section", *, whole: bool) -> str:
    """The lines or bars as a chart; the first one brings the library that draws all of them."""
    import plotly.graph_objects as go

    from simcore.lab.reproduce import COLOURS

    drawn = [
        go.Scatter(x=section.x, y=values, name=label, mode="lines")
        for label, values in section.lines.items()
    ]
    drawn += [
        go.Bar(x=section.blocks, y=values, name=label) for label, values in section.bars.items()
    ]
    figure = go.Figure(drawn).update_layout(
        height=420, margin={"t": 20}, colorway=COLOURS, plot_bgcolor="white"
    )
    return str(figure.to_html(full_html=False, include_plotlyjs=whole))


def _table(caption: str, columns: tuple, rows: tuple) -> str:
    head = "".join(f"<th>{escape(str(c))}</th>" for c in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{'' if c is None else escape(str(c))}</td>" for c in row) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{lines}</table>"
