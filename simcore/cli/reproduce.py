"""`simcore reproduce`: a whole paper, in the terminal and as HTML, Markdown or LaTeX."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json, Ready

if TYPE_CHECKING:
    from simcore.lab.papers.paper_report import Report
    from simcore.lab.papers.sections import Section


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
    markdown: Annotated[Path | None, typer.Option(help="Also write a Markdown file.")] = None,
    latex: Annotated[
        Path | None, typer.Option(help="Also write all tables as LaTeX (booktabs, longtable).")
    ] = None,
    json: Json = False,
) -> None:
    """Every table and figure of a paper on your own data, with the printed values beside them.

    Finished sections are stored: a stopped report continues with the next one.
    """
    from simcore.errors import Stopped
    from simcore.lab.papers import reproduce as lab_reproduce

    with output.monitor() as monitor:
        try:
            report = lab_reproduce.run(
                paper, name, options.backbones(models), subset=subset, monitor=monitor
            )
        except Stopped as stopped:
            output.note(str(stopped))
            raise typer.Exit(output.STOPPED) from stopped
    _write(report, {"html": html, "markdown": markdown, "latex": latex})
    if json:
        output.document(report.to_dict())
        return
    output.table(replace(report.header.to_table(), title=report.title))
    for section in report.sections:
        _print(section)


def _write(report: "Report", paths: dict[str, Path | None]) -> None:
    from simcore.lab.papers import report_files

    for name, path in paths.items():
        if path is not None:
            output.save(path, report_files.FORMATS[name].write(report))


def _print(section: "Section") -> None:
    from simcore.lab.papers import report_files

    tables = report_files.tables_of(section)
    for table in tables:
        output.table(replace(table, title=f"{section.title}: {table.title}"))
    if section.note:
        output.note(section.note if tables else f"{section.title}: {section.note}")
    if section.printed is not None:
        output.note(report_files.about(section.printed))
