"""`simcore judgements`: add, list and remove people's judgements."""

from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import show
from simcore.cli.options import Json
from simcore.lab.judgements import KINDS

app = typer.Typer(help="People's judgements: add, list, remove.", no_args_is_help=True)
HELP = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help=HELP)],
    path: Annotated[
        Path | None, typer.Argument(help="Folder, file, tar or zip; none for known.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images, where they lie apart.")
    ] = None,
    size: Annotated[
        int, typer.Option(help="At most so many trials a group, at random; 0: all.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    grade: Annotated[
        int, typer.Option(help="Least percentage of catch trials passed (hsj, birds-16).")
    ] = 100,
    others: Annotated[
        bool, typer.Option(help="Keep the further images of 8rank2 trials, for quadruplets.")
    ] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Read a set of judgements and remember it under a name."""
    from simcore.lab import jobs, judgements

    with jobs.reporting() as (report, _), show.progress() as bar:
        made = judgements.add(
            kind, path, name=name or kind, images=images, size=None if size == 0 else size,
            seed=seed, grade=grade, others=others, on_progress=report or bar,
        )  # fmt: skip
    told = judgements.summary(made.name)
    if json:
        show.document(told)
        return
    show.note(f"{made.name}: {told['trials']:,} trials over {told['images']:,} images")
    for note in made.notes:
        show.note(f"  {note}")
    show.left_out(made.skipped)


@app.command(name="list")
def list_(json: Json = False) -> None:
    """Every set of judgements that is remembered."""
    from simcore.lab import judgements

    found = judgements.listing()
    if json:
        show.document(found)
    elif not found:
        show.note(
            "No judgements yet; `simcore evaluate triplets known` makes a set that needs no "
            "download, `simcore judgements add` adds yours."
        )
    else:
        rows = [
            (s["name"], s["kind"], s["votes"], s["trials"], s["images"], len(s["groups"]),
             len(s["skipped"])) for s in found
        ]  # fmt: skip
        head = ["name", "kind", "votes", "trials", "images", "groups", "left out"]
        show.table(head, rows)


@app.command()
def remove(name: str, json: Json = False) -> None:
    """Forget a set of judgements. Features stay in the cache."""
    from simcore.lab import judgements

    judgements.remove(name)
    if json:
        show.document({"removed": name})
    else:
        show.note(f"removed {name}")


@app.command()
def sample(
    name: str,
    what: Annotated[
        str,
        typer.Argument(help="triplets, quadruplets or singles, or an id of Table A.1."),
    ] = "triplets",
    size: Annotated[int, typer.Option(help="At most so many; the paper draws 1,000.")] = 1000,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
    save: Annotated[
        str, typer.Option("--save", help="Keep the sample as a set of judgements.")
    ] = "",
    json: Json = False,
) -> None:  # fmt: skip
    """Draw a fine-tuning set (margaritescu2024, 4.3): every group equally often.

    Its ids are printed, tab-separated; or it is kept under a name, with its votes.
    """
    from simcore.lab import judgements, samples

    if save:
        with show.progress() as bar:
            made = samples.keep(name, what, save, size=size, seed=seed, on_progress=bar)
        told = judgements.summary(made.name)
        if json:
            show.document(told)
        else:
            show.note(f"{made.name}: {told['trials']:,} trials over {told['images']:,} images")
        return
    found = samples.sample(name, what, size=size, seed=seed)
    if json:
        show.document(found)
        return
    show.lines("\t".join(row) for row in [found["columns"], *found["rows"]])
    show.note(f"{len(found['rows']):,} {found['what']} of {name}, seed {seed}")


@app.command()
def printed(json: Json = False) -> None:
    """The fine-tuning sets of margaritescu2024, Table A.1, and what they can be drawn from here."""
    from simcore.lab import samples

    rows = samples.printed()
    if json:
        show.document(rows)
        return
    show.table(
        ["id", "drawn from", "what", "size", "sets of that kind here"],
        [(r["id"], r["source"], r["sample"], f"{r['size']:,}", ", ".join(r["here"])) for r in rows],
        title="margaritescu2024, Table A.1",
    )  # fmt: skip
