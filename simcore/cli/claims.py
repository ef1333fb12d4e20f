"""`simcore claims`: a verdict on each claim of the papers, and how it depends on open choices."""

from dataclasses import replace
from typing import Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json, Name, Ready


@options.table_files
def claims(
    name: Name,
    *,
    models: Ready = "",
    judgements: Annotated[
        str,
        typer.Option(help="A set of triplets for claims about judgements; none leaves them out."),
    ] = "known",
    papers: Annotated[
        str, typer.Option(help="Only the claims of these papers, separated by commas.")
    ] = "",
    claim: Annotated[
        str, typer.Option(help="Also print every universe of this claim, such as any-two.")
    ] = "",
    train: Annotated[
        bool, typer.Option(help="Also test claims about adaptation, which trains for minutes.")
    ] = False,
    json: Json = False,
) -> None:
    """Whether each claim of the four papers holds, fails or cannot be decided on your pairs.

    Each claim is repeated under every combination of the choices that its paper leaves open.
    """
    from simcore.errors import unknown_name
    from simcore.lab.claims import claims_evaluation
    from simcore.lab.claims.claims_evaluation import ClaimsQuestion

    sets = () if judgements == "none" else tuple(options.names(judgements))
    question = ClaimsQuestion(
        name, tuple(options.backbones(models)), sets, tuple(options.names(papers)), train
    )
    ids = [each.id for each in question.claims]
    if claim and claim not in ids:
        raise unknown_name("claim", claim, ids)
    with output.resumable_monitor() as monitor:
        report = claims_evaluation.run(question, monitor=monitor)
    tables = [report.to_table()]
    for verdict in report.verdicts:
        if verdict.claim.id == claim:
            heading = f"“{verdict.claim.sentence}” ({verdict.claim.place})"
            tables.append(replace(verdict.to_grid(), title=heading))
    output.show(report, *tables, json=json)
