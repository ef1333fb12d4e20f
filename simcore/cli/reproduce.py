"""`simcore reproduce`: a whole paper, in the terminal and as one HTML file."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json, Ready
from simcore.results import Table

if TYPE_CHECKING:
    from simcore.lab.papers.paper_report import Section


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
        str, typer.Option(help="Which pairs. By default those of the paper, where possible.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(help="Also write one self-contained HTML file.")
    ] = None,
    json: Json = False,
) -> None:
    """Every table and figure of a paper on your own data, with the printed values beside them."""
    from simcore.errors import Stopped
    from simcore.lab.papers import reproduce as lab_reproduce

    with output.monitor() as monitor:
        try:
            report = lab_reproduce.run(
                paper, name, options.names(models), subset=subset, monitor=monitor
            )
        except Stopped as stopped:
            output.note(str(stopped))
            raise typer.Exit(output.STOPPED) from stopped
    if html is not None:
        output.save(html, report.to_html())
    if json:
        output.document(report.to_dict())
        return
    for section in report.sections:
        _print(section)


def _print(section: "Section") -> None:
    table, printed = section.table, section.printed
    if table is not None:
        output.table(replace(table, title=section.title))
    if section.note:
        output.note(section.note if table is not None else f"{section.title}: {section.note}")
    if table is not None and printed is not None:
        output.table(Table(printed.columns, printed.rows, "  as printed"))
