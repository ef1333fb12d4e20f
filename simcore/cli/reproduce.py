"""`simcore reproduce`: a whole paper, in the terminal and as one HTML file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, show
from simcore.cli.asking import Ready
from simcore.cli.options import Json

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from simcore.lab.sections import Report, Section


def reproduce(
    paper: Annotated[
        str,
        typer.Argument(
            help="rosenfeld2018, rosenfeld2019, risser-maroux2021, margaritescu2024 or bapps."
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="A collection; for margaritescu2024 and bapps sets of judgements, separated by "
            "commas."
        ),
    ],
    models: Ready = "",
    subset: Annotated[
        str, typer.Option(help="Which pairs; left out: those of the paper, where they are known.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(help="Also write one self-contained HTML file.")
    ] = None,
    json: Json = False,
) -> None:
    """Every table and figure of a paper on your own data, the printed values beside them."""
    from simcore.lab import jobs
    from simcore.lab import reproduce as lab

    with jobs.reporting() as (report, stop), show.progress() as bar:
        found = lab.run(
            paper,
            name,
            options.names(models),
            subset=subset,
            on_progress=report or bar,
            stop=stop,
        )
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
    from simcore.lab import collections, report

    models = ", ".join(found.models)
    said = f"Backbones: {models}. Printed values are of other networks and galleries."
    blocks = [report.words(said)]
    for section in found.sections:
        blocks.append(report.heading(section.title))
        if section.note:
            blocks.append(report.words(section.note))
        if section.lines or section.bars:
            blocks.append(report.chart(_chart(section), height=420))
        for row in section.pictures:
            sources = [report.inside(collections.thumb(key).read_bytes()) for key in row.keys]
            blocks.append(report.words(row.caption))
            blocks.append(report.pictures(sources, row.labels, mate=row.mate))
        tables = []
        if section.rows:
            tables.append(report.table(section.columns, section.rows, caption="here"))
        if section.printed is not None:
            printed = section.printed
            caption = f"as printed ({printed.place})"
            tables.append(report.table(printed.columns, printed.rows, caption=caption))
        blocks.append(report.beside(*tables))
        if section.printed is not None and section.printed.remark:
            blocks.append(report.words(section.printed.remark, soft=True))
    title = f"{found.paper} on {found.collection}: {found.pairs:,} {found.unit}"
    return report.document(title, blocks)


def _chart(section: "Section") -> "Figure":
    import plotly.graph_objects as go

    from simcore.lab import report

    drawn = [
        go.Scatter(x=section.x, y=values, name=label, mode="lines")
        for label, values in section.lines.items()
    ]
    drawn += [
        go.Bar(x=section.blocks, y=values, name=label) for label, values in section.bars.items()
    ]
    return go.Figure(drawn).update_layout(margin={"t": 20}, colorway=report.COLOURS)
