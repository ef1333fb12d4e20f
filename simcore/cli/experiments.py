"""`simcore experiment ...`: forced-choice experiments with people."""

from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Json, Subset
from simcore.types import Monitor

app = typer.Typer(help="Ask people which pictures look alike.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Of the experiment.")]


@app.command()
def new(
    name: Name,
    collection: Annotated[str, typer.Argument(help="With or without known mates.")],
    distractors: Annotated[
        str,
        typer.Option(
            help="One condition each, separated by commas: random, or a backbone whose nearest "
            "pictures are shown, such as face or mobilenetv2@tllobj."
        ),
    ] = "random",
    questions: Annotated[int, typer.Option(help="A condition.")] = 20,
    choices: Annotated[int, typer.Option(help="2 to 9, the mate among them.")] = 5,
    catch: Annotated[int, typer.Option(help="Trials with an obvious answer.")] = 0,
    subset: Subset = "all",
    seed: int = 0,
    consent: Annotated[
        Path | None, typer.Option(help="File with the text that participants agree to.")
    ] = None,
    json: Json = False,
) -> None:
    """Draw an experiment's questions and keep it."""
    from simcore.lab.people import experiments

    conditions = experiments.parse(options.names(distractors), questions, subset)
    text = _read(consent).decode("utf-8", "replace") if consent else ""
    plan = experiments.Plan(conditions, choices, catch, seed, text)
    made = experiments.create(name, collection, plan)
    told = next(row for row in experiments.listing() if row["name"] == made.name)
    if json:
        output.document(told)
        return
    output.note(
        f"{told['questions']:,} questions; participants begin at /experiments?e={name}&sitting=new"
    )


@app.command(name="list")
def list_(json: Json = False) -> None:
    """All experiments, newest first."""
    from simcore.lab.people import experiments

    rows = experiments.listing()
    if json:
        output.document(rows)
        return
    output.table(
        ["name", "collection", "conditions", "questions", "participants", "answers"],
        [
            (
                row["name"],
                row["collection"],
                "; ".join(row["conditions"]),
                row["questions"],
                row["participants"],
                row["answers"],
            )
            for row in rows
        ],
    )


@app.command()
def export(
    name: Name,
    triplets: Annotated[
        bool, typer.Option(help="Comparisons of two: query, a, b, vote, group, votes.")
    ] = False,
    json: Json = False,
) -> None:
    """Print an experiment with its answers as CSV."""
    from simcore.lab.people import export as people_export

    output.csv((people_export.triplets if triplets else people_export.export)(name), json=json)


@app.command()
def judgements(
    name: Name,
    save: Annotated[str, typer.Option("--save", help="Name of the set; left out: NAME.")] = "",
    json: Json = False,
) -> None:
    """Keep the answers as a set of judgements, to score similarities by and to learn from."""
    from simcore.lab.judgements import sets
    from simcore.lab.people import export as people_export

    with output.progress() as bar:
        made = people_export.judgements(name, save or name, monitor=Monitor(bar))
    told = sets.summary(made.name)
    if json:
        output.document(told.to_dict())
        return
    output.note(
        f"{made.name}: {told.trials:,} comparisons over {told.images:,} images; "
        f"`simcore learn finetune {made.name}` learns from them"
    )


@app.command(name="import")
def import_(
    name: Name,
    collection: Annotated[str, typer.Argument(help="Holds the pictures that the CSV names.")],
    file: Annotated[Path, typer.Argument(help="As export prints it.")],
    json: Json = False,
) -> None:
    """Keep an experiment that was run elsewhere; nothing is kept where anything is wrong."""
    from simcore.lab.people import experiments
    from simcore.lab.people import export as people_export

    people_export.read(name, collection, _read(file))
    told = next(row for row in experiments.listing() if row["name"] == name)
    if json:
        output.document(told)
        return
    output.note(f"{told['questions']:,} questions, {told['answers']:,} answers")


@app.command()
def analyse(
    name: Name,
    models: Annotated[
        str,
        typer.Option(help="Machines beside people; left out: all that are ready; none: no machine"),
    ] = "",
    attentive: Annotated[
        bool, typer.Option(help="Leave out participants who failed a catch trial.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
    json: Json = False,
) -> None:
    """People, machines, and how far they agree (rosenfeld2018, Table 2b and Figure 5)."""
    from simcore.lab.people import analysis

    machines = [] if models == "none" else options.names(models) or None
    told = analysis.analyse(name, machines, attentive=attentive, seed=seed)
    if json:
        output.document(told)
        return
    rows = []
    for row in told["conditions"]:
        rows.append(
            (row["condition"], "people", *_percent(row["human"]), *_percent(row["ceiling"]))
        )
        rows += [
            (
                "",
                m["model"],
                *_percent(None if m["ci95"] is None else {"value": m["right"], "ci95": m["ci95"]}),
                *_percent(m["with_people"]),
            )
            for m in row["machines"]
        ]
    output.table(
        ["condition", "who", "right %", "95 %", "as other people %", "95 %"],
        rows,
        title=f"{name}: {told['answers']:,} answers of {told['participants']:,} participants",
    )
    found, places = told["agreement"], told["places"]
    if found["questions"]:
        output.note(
            f"majority agrees on {100 * found['most']:.0f} % of {found['questions']:,} questions, "
            f"all on {100 * found['unanimous']:.0f} %; alpha {_number(found['alpha'])}; "
            f"agreement and correctness: r {_number(found['correlation'])}"
        )
    output.note(f"answers by place {list(places['counts'])}, p = {places['p']:.3g}")


def _read(path: Path) -> bytes:
    from simcore.errors import BadDataError

    try:
        return path.read_bytes()
    except OSError as error:
        raise BadDataError(
            f"found no readable file at {str(path)!r} ({error.strerror}); expected one"
        ) from error


def _percent(score: dict | None) -> tuple[str, str]:
    if score is None:
        return "", ""
    low, high = score["ci95"]
    return f"{100 * score['value']:.1f}", f"[{100 * low:.1f}, {100 * high:.1f}]"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
