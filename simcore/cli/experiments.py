"""`simcore experiments`: forced-choice experiments with people."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import MAX_SEED, Json, Subset
from simcore.results import Table

if TYPE_CHECKING:
    from simcore.lab.people.analysis import Rate
    from simcore.lab.people.backups import AnswerBackup

app = typer.Typer(help="Ask people which pictures look alike.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The experiment.")]


@app.command()
def new(
    name: Name,
    collection: options.Name,
    distractors: Annotated[
        str,
        typer.Option(
            help="Conditions, separated by commas: random, or a backbone whose nearest images are "
            "the distractors, such as face or mobilenetv2@tllobj."
        ),
    ] = "random",
    questions: Annotated[int, typer.Option(help="Questions per condition.")] = 20,
    choices: Annotated[int, typer.Option(help="Images to choose from, 2 to 9.")] = 5,
    catch: Annotated[int, typer.Option(help="Catch trials (the answer is obvious).")] = 0,
    subset: Subset = "all",
    preset: Annotated[
        str,
        typer.Option(
            help="A published experiment instead of --distractors, --questions and --subset: "
            "rosenfeld2018 (6 conditions of 20 questions)."
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the draw.")] = 0,
    consent: Annotated[
        Path | None, typer.Option(help="File with the text that participants agree to.")
    ] = None,
    json: Json = False,
) -> None:
    """Draw an experiment's questions and store it."""
    from simcore.lab.people import experiments

    if preset:
        conditions = experiments.preset(preset, collection)
    else:
        conditions = experiments.parse(options.names(distractors), questions, subset)
    text = experiments.read_consent(consent) if consent else ""
    plan = experiments.Plan(conditions, choices, catch, seed, text)
    created = experiments.create(name, collection, plan)
    row = experiments.summary(created.name)
    if json:
        output.document(row.to_dict())
        return
    output.note(
        f"{row.questions:,} questions; participants start at "
        f"/experiments?experiment={name}&participant=new"
    )


@app.command(name="list")
@options.table_files
def list_(json: Json = False) -> None:
    """All experiments, newest first."""
    from simcore.lab.people import experiments

    rows = experiments.listing()
    columns = ("name", "collection", "conditions", "questions", "participants", "answers")
    cells = tuple(
        (
            row.name,
            row.collection,
            "; ".join(row.conditions),
            row.questions,
            row.participants,
            row.answers,
        )
        for row in rows
    )
    output.show([row.to_dict() for row in rows], Table(columns, cells), json=json)


@app.command()
def export(
    name: Name,
    triplets: Annotated[
        bool, typer.Option(help="As triplets: query, a, b, vote, group, votes.")
    ] = False,
    json: Json = False,
) -> None:
    """Print an experiment with its answers as CSV."""
    from simcore.lab.people import export as people_export

    output.csv((people_export.triplets if triplets else people_export.export)(name), json=json)


@app.command()
def judgements(
    name: Name,
    save: Annotated[
        str,
        typer.Option(
            "--save", help="Name of the judgement set; by default that of the experiment."
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Store the answers as a judgement set, to score similarities with and to learn from."""
    from simcore.lab.judgements import sets
    from simcore.lab.people import export as people_export

    with output.monitor() as monitor:
        created = people_export.judgements(name, save or name, monitor=monitor)
    row = sets.summary(created.name)
    if json:
        output.document(row.to_dict())
        return
    output.note(
        f"{created.name}: {row.trials:,} comparisons over {row.images:,} images; "
        f"`simcore learn finetune {created.name}` learns from them"
    )


@app.command(name="import")
def import_(
    name: Name,
    collection: options.Name,
    file: Annotated[Path, typer.Argument(help="A CSV as `export` prints it.")],
    json: Json = False,
) -> None:
    """Store an experiment that was run elsewhere; nothing is stored if anything is wrong."""
    from simcore.lab.people import experiments
    from simcore.lab.people import export as people_export

    people_export.read(name, collection, people_export.read_file(file))
    row = experiments.summary(name)
    if json:
        output.document(row.to_dict())
        return
    output.note(f"{row.questions:,} questions, {row.answers:,} answers")


@app.command()
@options.table_files
def analyse(
    name: Name,
    models: Annotated[
        str,
        typer.Option(
            help="Backbones to compare; by default all that are ready; none: only people."
        ),
    ] = "",
    passed_catch: Annotated[
        bool, typer.Option("--passed-catch", help="Only participants who passed all catch trials.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the intervals.")] = 0,
    json: Json = False,
) -> None:
    """Accuracy of people and backbones, and their agreement (rosenfeld2018, Table 2b, Fig. 5)."""
    from simcore.lab.people import analysis

    machines = [] if models == "none" else options.backbones(models) or None
    result = analysis.analyse(name, machines, passed_catch=passed_catch, seed=seed)
    rows: list[tuple[str, ...]] = []
    for condition in result.conditions:
        people = (*_percent(condition.human), *_percent(condition.ceiling))
        rows.append((condition.condition, "people", *people))
        for machine in condition.machines:
            right = None
            if machine.right is not None and machine.ci95 is not None:
                right = analysis.Rate(machine.right, machine.ci95)
            rows.append(("", machine.model, *_percent(right), *_percent(machine.with_people)))
    columns = ("condition", "who", "right %", "95 %", "as other people %", "95 %")
    title = f"{name}: {result.answers:,} answers of {result.participants:,} participants"
    output.show(result, Table(columns, tuple(rows), title), json=json)
    if json:
        return
    agreement, places = result.agreement, result.places
    if agreement.questions and agreement.most is not None and agreement.unanimous is not None:
        output.note(
            f"a majority agrees on {100 * agreement.most:.0f} % of {agreement.questions:,} "
            f"questions, everyone on {100 * agreement.unanimous:.0f} %; "
            f"alpha {_number(agreement.alpha)}; "
            f"correlation of agreement and accuracy {_number(agreement.correlation)}"
        )
    output.note(f"answers by position {list(places.counts)}, p = {places.p:.3g}")


@app.command()
@options.table_files
def backup(json: Json = False) -> None:
    """Back up all answers now; backups that you ask for are never deleted."""
    from simcore.lab.people import backups

    _print_backups([backups.create()], json)


@app.command(name="backups")
@options.table_files
def backups_(json: Json = False) -> None:
    """List the backups of the answers, newest first."""
    from simcore.lab.people import backups

    _print_backups(backups.listing(), json)


@app.command()
def restore(
    file: Annotated[
        Path | None, typer.Argument(help="A backup; by default the newest whole one.")
    ] = None,
    json: Json = False,
) -> None:
    """Replace the answers by a backup; the former database is kept beside it."""
    from simcore.lab.people import backups

    result = backups.restore(file)
    if json:
        output.document(result.to_dict())
        return
    output.note(
        f"Restored {result.backup.answers or 0:,} answers and reviews from {result.backup.path}."
    )
    if result.former:
        output.note(f"The former database is {result.former}.")


def _print_backups(rows: "Sequence[AnswerBackup]", json: bool) -> None:
    cells = tuple(
        (row.reason, row.time, "damaged" if row.answers is None else row.answers, str(row.path))
        for row in rows
    )
    table = Table(("backup", "made", "answers and reviews", "file"), cells)
    output.show([row.to_dict() for row in rows], table, json=json)


def _percent(rate: "Rate | None") -> tuple[str, str]:
    if rate is None:
        return "", ""
    low, high = rate.ci95
    return f"{100 * rate.value:.1f}", f"[{100 * low:.1f}, {100 * high:.1f}]"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
