"""`simcore reproduce`: a whole paper, in the terminal and as HTML, Markdown or LaTeX."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json, Ready

if TYPE_CHECKING:
    from simcore.lab.learning.finetuning_grid import Grid
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
    *,
    models: Ready = "",
    subset: Annotated[
        str, typer.Option(help="Which pairs. By default those of the paper, where possible.")
    ] = "",
    finetune: Annotated[
        bool,
        typer.Option(
            "--finetune",
            help="margaritescu2024: also Figure 5.3, which fine-tunes networks for hours.",
        ),
    ] = False,
    bases: Annotated[
        str,
        typer.Option(help="Networks to fine-tune; by default those of Figure 5.3 at hand."),
    ] = "",
    paradigms: Annotated[
        str, typer.Option(help="Ways to fine-tune, separated by commas. By default all seven.")
    ] = "",
    protocol: Annotated[
        str,
        typer.Option(
            help="paper (default): learn from the triplets that are scored, as the thesis. "
            "held-out: score triplets that --split keeps apart."
        ),
    ] = "",
    split: Annotated[
        str,
        typer.Option(
            help="With --protocol held-out. images (default): training shows no image of a scored "
            "triplet. references: no reference of one."
        ),
    ] = "",
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of fine-tuning; by default as in Table B.1.")
    ] = None,
    singles: Annotated[
        str,
        typer.Option(
            help="Singleton sets for self-supervised paradigms (`judgements sample SET singles "
            "--save NAME`); by default images are drawn anew."
        ),
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
    from simcore.errors import BadDataError
    from simcore.lab.papers import reproduce as lab_reproduce

    of_finetuning = (bases, paradigms, protocol, split, epochs, singles)
    if not finetune and any(value not in ("", None) for value in of_finetuning):
        raise BadDataError(
            "--bases, --paradigms, --protocol, --split, --epochs and --singles are options of "
            "--finetune. Add it, or leave them out."
        )
    grid = _grid(*of_finetuning) if finetune else None
    with output.resumable_monitor() as monitor:
        report = lab_reproduce.run(
            paper, name, options.backbones(models), subset=subset, grid=grid, monitor=monitor
        )
    _write(report, {"html": html, "markdown": markdown, "latex": latex})
    if json:
        output.document(report.to_dict())
        return
    output.table(replace(report.header.to_table(), title=report.title))
    for section in report.sections:
        _print(section)


def _grid(
    bases: str, paradigms: str, protocol: str, split: str, epochs: int | None, singles: str
) -> "Grid":
    from simcore.lab.learning import finetuning_grid

    return finetuning_grid.make(
        options.backbones(bases),
        options.names(paradigms),
        protocol=protocol or "paper",
        split=split,
        epochs=epochs,
        singles=options.names(singles),
    )


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
