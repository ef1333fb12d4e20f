"""`simcore experiments`: similarity tasks for people."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import MAX_SEED, Json, Subset
from simcore.errors import BadDataError, unknown_name
from simcore.results import Table

if TYPE_CHECKING:
    from simcore.lab.people.answer_backups import AnswerBackup

app = typer.Typer(help="Ask people which pictures look alike.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The experiment.")]
TaskName = Annotated[
    str,
    typer.Option(
        help="What is asked: mafc (choose one of several), rank-8-2, two-afc, odd-one-out or "
        "same-different."
    ),
]
Distractors = Annotated[
    str,
    typer.Option(
        help="Conditions, separated by commas: random; a backbone whose nearest images are shown, "
        "such as face or mobilenetv2@tllobj; disagreement:hog+color for the questions on which "
        "these backbones disagree most; or mates (same-different only)."
    ),
]
ExposureMs = Annotated[
    int | None,
    typer.Option(
        help="Time that images are shown, in ms; 0: until the answer. By default 1000 for "
        "same-different and 0 for the other tasks."
    ),
]
TABLES = ("csv", "triplets")  # formats that are printed
MinCatch = Annotated[
    float,
    typer.Option(
        min=0,
        max=100,
        callback=options.finite,
        help="Lowest percentage of catch trials that a participant must have passed.",
    ),
]


@app.command()
def new(
    name: Name,
    collection: options.Name,
    *,
    task: TaskName = "mafc",
    distractors: Distractors = "random",
    questions: Annotated[int, typer.Option(help="Questions per condition.")] = 20,
    choices: Annotated[
        int | None, typer.Option(help="Images to choose from, 2 to 9, by default 5 (mafc only).")
    ] = None,
    catch: Annotated[int, typer.Option(help="Catch trials (the answer is obvious).")] = 0,
    exposure: ExposureMs = None,
    gap: Annotated[
        int | None,
        typer.Option(help="Time between the two images of same-different, in ms; by default 250."),
    ] = None,
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
    from simcore.lab.people.plans import Plan

    if choices is not None and task != Plan.task:
        raise BadDataError(f"--choices is for {Plan.task}; {task} has its own number.")
    if preset:
        conditions = experiments.preset(preset, collection)
    else:
        conditions = experiments.parse(options.names(distractors), questions, subset)
    text = experiments.read_consent(consent) if consent else ""
    plan = Plan(
        conditions,
        Plan.choices if choices is None else choices,
        catch,
        seed,
        text,
        task=task,
        exposure=exposure,
        gap=gap,
    )
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
    columns = ("name", "task", "collection", "conditions", "questions", "participants", "answers")
    cells = tuple(
        (
            row.name,
            row.task,
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
    *,
    format: Annotated[
        str,
        typer.Option(
            help="csv (read by `import`); triplets (query, a, b, vote, group, votes); or a zip "
            "that others read: psiz, nights, things, cblearn."
        ),
    ] = "csv",
    out: Annotated[
        Path | None, typer.Option(help="File to write; tables are printed without it.")
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Put the images into the zip.")
    ] = True,
    min_catch: MinCatch = 0,
    triplets: Annotated[bool, typer.Option(help="The same as --format triplets.")] = False,
    json: Json = False,
) -> None:
    """Print an experiment with its answers as CSV, or write it for other programs."""
    from simcore.lab.people import exchange
    from simcore.lab.people import export as people_export

    format = "triplets" if triplets else format
    if format == "csv" and min_catch:
        raise BadDataError("A CSV holds all participants, so it has no --min-catch.")
    if format in TABLES:
        is_csv = format == "csv"
        text = people_export.export(name) if is_csv else people_export.triplets(name, min_catch)
        if out is not None:
            output.save(out, text)
        if out is None or json:
            output.csv(text, json=json)
        return
    if format not in exchange.TASKS_OF:
        raise unknown_name("format", format, [*TABLES, *exchange.TASKS_OF])
    if out is None:
        raise BadDataError(f"The format {format} is a zip. Name its file with --out.")
    with output.monitor() as monitor:
        written = exchange.write(
            name, format, out, with_images=images, min_catch=min_catch, monitor=monitor
        )
    if json:
        output.document(written.to_dict())
        return
    output.note(f"Wrote {written.path}: {written.trials:,} trials, {written.images:,} images.")
    for sentence in written.notes:
        output.note(sentence)


@app.command()
def judgements(
    name: Name,
    save: Annotated[
        str,
        typer.Option(
            "--save", help="Name of the judgement set; by default that of the experiment."
        ),
    ] = "",
    min_catch: MinCatch = 0,
    json: Json = False,
) -> None:
    """Store the answers as a judgement set, to score similarities with and to learn from."""
    from simcore.lab.judgements import sets
    from simcore.lab.people import export as people_export

    with output.monitor() as monitor:
        created = people_export.judgements(name, save or name, min_catch=min_catch, monitor=monitor)
    row = sets.summary(created.name)
    if json:
        output.document(row.to_dict())
        return
    learn = f"; `simcore learn finetune {created.name}` learns from them"
    output.note(
        f"{created.name}: {row.trials:,} trials over {row.images:,} images"
        f"{learn if row.shape == 'triplets' else ''}"
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
def analyze(
    name: Name,
    models: Annotated[
        str,
        typer.Option(
            help="Backbones to compare; by default all that are ready; none: only people."
        ),
    ] = "",
    passed_catch: Annotated[
        bool, typer.Option("--passed-catch", help="The same as --min-catch 100.")
    ] = False,
    min_catch: MinCatch = 0,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the intervals.")] = 0,
    json: Json = False,
) -> None:
    """Answers of people and backbones, and their agreement (rosenfeld2018, Table 2b, Fig. 5)."""
    from simcore.lab.people import analysis, analysis_text

    machines = [] if models == "none" else options.backbones(models) or None
    result = analysis.analyze(
        name, machines, passed_catch=passed_catch, min_catch=min_catch, seed=seed
    )
    output.show(result, analysis_text.table(result), analysis_text.times_table(result), json=json)
    if not json:
        for sentence in analysis_text.sentences(result):
            output.note(sentence)


@app.command()
@options.table_files
def backup(json: Json = False) -> None:
    """Back up all answers now; backups that you ask for are never deleted."""
    from simcore.lab.people import answer_backups

    _print_backups([answer_backups.create()], json)


@app.command(name="backups")
@options.table_files
def backups_(json: Json = False) -> None:
    """List the backups of the answers, newest first."""
    from simcore.lab.people import answer_backups

    _print_backups(answer_backups.listing(), json)


@app.command()
def restore(
    file: Annotated[
        Path | None, typer.Argument(help="A backup; by default the newest whole one.")
    ] = None,
    json: Json = False,
) -> None:
    """Replace the answers by a backup; the former database is kept beside it."""
    from simcore.lab.people import answer_backups

    result = answer_backups.restore(file)
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
