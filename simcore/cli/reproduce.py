"""`simcore reproduce`: a whole paper, in the terminal and as one HTML file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json, Ready
from simcore.lab.papers.paper_report import page

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
        str, typer.Option(help="Which pairs; left out: those of the paper, where they are known.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(help="Also write one self-contained HTML file.")
    ] = None,
    json: Json = False,
) -> None:
    """Every table and figure of a paper on your own data, the printed values beside them."""
    from simcore.lab.papers import reproduce as papers_reproduce

    with output.monitor() as monitor:
        found = papers_reproduce.run(
            paper,
            name,
            options.names(models),
            subset=subset,
            monitor=monitor,
        )
    if html is not None:
        html.write_text(page(found), "utf-8")
        output.note(f"wrote {html}")
    if json:
        output.document(found.to_dict())
        return
    for section in found.sections:
        _print(section)


def _print(section: "Section") -> None:
    if section.rows:
        output.table(section.columns, section.rows, title=section.title)
    if section.note:
        output.note(section.note if section.rows else f"{section.title}: {section.note}")
    if section.printed is not None and section.rows:
        known = [[("" if c is None else c) for c in row] for row in section.printed.rows]
        output.table(section.printed.columns, known, title="  as printed")
