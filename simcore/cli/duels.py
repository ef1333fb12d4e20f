"""`simcore duel`: a live game of people against backbones."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import MAX_SEED, Json, Ready, Subset

if TYPE_CHECKING:
    from simcore.lab.people.duels import Group

app = typer.Typer(
    help="Beat the machine: people and backbones answer the same questions, live.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="The duel.")]


@app.command()
def new(
    name: Name,
    collection: options.Name,
    *,
    models: Ready = "",
    questions: Annotated[int, typer.Option(help="Questions per player.")] = 10,
    choices: Annotated[int, typer.Option(help="Images to choose from, 2 to 9.")] = 4,
    distractors: Annotated[
        str,
        typer.Option(
            help="random, fair to all; or a backbone whose nearest images are the distractors, "
            "hard for that backbone above all; disagreement:hog+color for pictures on which these "
            "backbones disagree most."
        ),
    ] = "random",
    subset: Subset = "all",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the draw.")] = 0,
    json: Json = False,
) -> None:
    """Draw the questions, let the backbones answer them, and open the first group."""
    from simcore.lab.people import duels

    plan = duels.make_plan(
        questions=questions, choices=choices, distractors=distractors, subset=subset, seed=seed
    )
    with output.monitor() as monitor:
        group = duels.create(
            name, collection, plan, backbones=options.backbones(models), monitor=monitor
        )
    path = duels.wall_path(name)
    if json:
        output.document({**group.to_dict(), "wall": path})
        return
    output.note(f"{group.questions:,} questions, {len(group.machines)} machines")
    output.note(f"The wall, with the host's buttons, is at {path} on the app's server.")


@app.command()
@options.table_files
def show(name: Name, json: Json = False) -> None:
    """Print the score of the newest group: people against machines."""
    from simcore.lab.people import duel_scores

    live = duel_scores.live(name)
    output.show(live, live.to_table(), json=json)


@app.command()
def start(name: Name, json: Json = False) -> None:
    """Let the players of the newest group begin."""
    from simcore.lab.people import duels

    group = duels.start(name, duels.host_key(name))
    _print(group, f"Group {group.number} of {group.duel} has begun.", json)


@app.command()
def end(name: Name, json: Json = False) -> None:
    """Take no more answers in the newest group, and show its result."""
    from simcore.lab.people import duels

    group = duels.end(name, duels.host_key(name))
    _print(group, f"Group {group.number} of {group.duel} is over.", json)


@app.command(name="next-group")
def next_group(name: Name, json: Json = False) -> None:
    """End the newest group and open another one, with the same questions for other people."""
    from simcore.lab.people import duels

    group = duels.next_group(name, duels.host_key(name))
    _print(group, f"Group {group.number} of {group.duel} waits for its players.", json)


def _print(group: "Group", text: str, json: bool) -> None:
    if json:
        output.document(group.to_dict())
    else:
        output.note(text)
