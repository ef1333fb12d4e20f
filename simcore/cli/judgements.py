"""`simcore evaluate triplets | twoafc | layers`: similarities against people's judgements."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Combine, Device, Json
from simcore.lab.judgements.sets import KINDS
from simcore.types import Monitor

if TYPE_CHECKING:
    from simcore.data.judgements.trials import JudgementSet
    from simcore.lab.judgements.agreement import Table
    from simcore.lab.judgements.pair_similarities import ReadySimilarities
    from simcore.types import Score

STOPPED = 143  # 128 + SIGTERM, as shells count it
WIDE = 6  # groups, or similarities, that fit beside each other
Models = Annotated[
    str,
    typer.Option(
        help="Backbones, @groups, pixel-l2, ssim, ms-ssim, dists, lpips-alex, lpips-vgg, "
        "lpips-squeeze (lpips-alex/layer0: one layer), @distances; left out: all at hand."
    ),
]
Counting = Annotated[
    str, typer.Option(help="share: of the votes (BAPPS); majority: 1 or 0 (margaritescu2024).")
]

Part = Annotated[
    str, typer.Option("--subset", help="all, or unseen:NAME: what learned:NAME never saw.")
]

app = typer.Typer(help="People's judgements: add, list, remove.", no_args_is_help=True)
HELP = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())


def register(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    for command in (triplets, two_afc, layers):
        app.command()(command)


def triplets(
    name: str,
    models: Models = "",
    metrics: Annotated[
        str, typer.Option(help="Of cosine, l2, l1 and own, separated by commas.")
    ] = "cosine,l2,l1",
    combine: Combine = "none",
    counting: Counting = "share",
    subset: Part = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Backbones and combinations against judgements; `known` needs no download.

    What is missing is made first. Triplets, odd-one-out questions and same-or-different pairs.
    """
    from simcore.lab.judgements import agreement, pair_similarities

    judged, ready = _ready(
        name,
        options.names(models) or [*pair_similarities.default_backbones(), "@distances"],
        subset,
        device,
    )
    found = agreement.table(
        judged, ready.names, metrics=options.names(metrics), combine=combine, counting=counting
    )
    _told(found, ready, json)


def two_afc(
    name: str,
    models: Models = "@distances",
    search: Annotated[
        str, typer.Option(help="sum or zsum: the best combinations as well (Table 3).")
    ] = "none",
    subset: Part = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Perceptual distances against judgements (BAPPS 2AFC and JND), people's own scores beside."""
    from simcore.lab.judgements import agreement, pair_similarities, perceptual

    judged, ready = _ready(name, options.names(models) or ["@distances"], subset, device)
    found = agreement.table(judged, ready.names, metrics=[pair_similarities.OWN])
    if search == "none":
        _told(found, ready, json)
        return
    best = perceptual.combinations(judged, ready.names, combine=options.parse_combination(search))
    if json:
        extra = {"combinations": perceptual.combinations_json(best)}
        output.document(found.to_dict() | {"unavailable": ready.unavailable} | extra)
        return
    _print(found, ready)
    rows = [
        (
            row.group,
            row.single,
            _percent(row.single_score),
            " + ".join(row.several),
            _percent(row.several_score),
            f"{100 * row.held_out:.2f}",
        )
        for row in best.rows
    ]
    head = ["group", "best single", "%", "best combination", "%", "held out %"]
    output.table(
        head, rows, title=f"{search} of up to {len(best.contributing)}, chosen on these triplets"
    )
    if best.dropped:
        output.note(f"in no best combination of up to 4: {', '.join(best.dropped)}")


def layers(
    name: str,
    nets: Annotated[str, typer.Option(help="Of alex, vgg, squeeze.")] = "alex,vgg,squeeze",
    subset: Part = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Every layer of LPIPS alone against the calibrated sum of all (rosenfeld2019, Table 2)."""
    from simcore.lab.judgements import perceptual

    asked = perceptual.check_nets(options.names(nets))
    judged, ready = _ready(name, [f"lpips-{net}" for net in asked], subset, device)
    here = [net for net in asked if f"lpips-{net}" in ready.names]
    found = perceptual.layer_table(judged, here)
    if json:
        rows = perceptual.layers_json(found)
        output.document({"judgements": name, "rows": rows, "unavailable": ready.unavailable})
        return
    lines = [
        (
            row.group,
            row.net,
            row.layer,
            _percent(row.score),
            _percent(row.calibrated),
            _percent(row.uncalibrated),
            f"{100 * row.delta:+.2f}",
        )
        for row in found
    ]
    head = ["group", "net", "best layer", "%", "calibrated %", "all layers %", "difference"]
    output.table(head, lines, title=f"{name}: layer 0 is the shallowest of five")
    _lost(ready)


def _ready(
    name: str, models: Sequence[str], subset: str, device: str
) -> tuple["JudgementSet", "ReadySimilarities"]:
    """The judgements, or a subset, with everything made that is missing.

    Raises:
        typer.Exit: somebody asked to stop; what was finished is kept.
    """
    from simcore.lab.judgements import pair_similarities, sets
    from simcore.lab.library import provenance

    with output.monitor() as monitor:
        judged = provenance.unseen_part(sets.open_(name, monitor=monitor), subset)
        ready = pair_similarities.prepare(judged, models, device=device, monitor=monitor)
        stopped = monitor.stopped
    if stopped:
        raise typer.Exit(STOPPED)
    if said := provenance.trained_on_warning(judged, ready.names):
        output.note(said)
    return judged, ready


def _told(found: "Table", ready: "ReadySimilarities", json: bool) -> None:
    if json:
        output.document(found.to_dict() | {"unavailable": ready.unavailable})
    else:
        _print(found, ready)


def _print(found: "Table", ready: "ReadySimilarities") -> None:
    """A row a similarity and metric, best first; people's own above them."""
    groups = list(found.groups) if len(found.groups) <= WIDE else []
    rows = [
        (who, "", _percent(scores["all"], wide=True), *(_percent(scores[g]) for g in groups))
        for who, scores in found.people.items()
    ]
    rows += [
        (
            row.label,
            row.metric,
            _percent(row.whole, wide=True),
            *(_percent(row.groups[g]) for g in groups),
        )
        for row in sorted(found.rows, key=lambda row: -row.whole.value)
    ]
    order = "" if found.judged.votes == "human" else f" ({found.judged.votes}, not people's votes)"
    title = f"{found.judged.name}: {sum(found.groups.values()):,} trials, {found.score}{order}"
    output.table(["similarity", "metric", "all %", *groups], rows, title=title)
    if len(found.groups) > WIDE:
        best = sorted(found.rows, key=lambda row: -row.whole.value)[:WIDE]
        lines = [(group, *(_percent(row.groups[group]) for row in best)) for group in found.groups]
        head = ["group, %", *(f"{row.label} {row.metric}" for row in best)]
        output.table(head, lines, title=f"the best {len(best)} by group")
    for note in found.judged.notes:
        output.note(note)
    _lost(ready)


def _lost(ready: "ReadySimilarities") -> None:
    for name, reason in ready.unavailable.items():
        output.note(f"{name} is not available: {reason}")
    for one in ready.skipped[:20]:
        output.note(f"could not be read: {one.name}: {one.reason}")


def _percent(score: "Score", *, wide: bool = False) -> str:
    if score.value != score.value:  # NaN: nothing to score
        return ""
    text = f"{100 * score.value:.2f}"
    return text + (f"  [{100 * score.low:.1f}, {100 * score.high:.1f}]" if wide else "")


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
) -> None:
    """Read a set of judgements and remember it under a name."""
    from simcore.lab.judgements import sets

    with output.monitor() as monitor:
        made = sets.add(
            kind,
            path,
            name=name or kind,
            images=images,
            size=None if size == 0 else size,
            seed=seed,
            grade=grade,
            others=others,
            monitor=monitor,
        )
    told = sets.summary(made.name)
    if json:
        output.document(told)
        return
    output.note(f"{made.name}: {told['trials']:,} trials over {told['images']:,} images")
    for note in made.notes:
        output.note(f"  {note}")
    output.left_out(made.skipped)


@app.command(name="list")
def list_(json: Json = False) -> None:
    """Every set of judgements that is remembered."""
    from simcore.lab.judgements import sets

    found = sets.listing()
    if json:
        output.document(found)
    elif not found:
        output.note(
            "No judgements yet; `simcore evaluate triplets known` makes a set that needs no "
            "download, `simcore judgements add` adds yours."
        )
    else:
        rows = [
            (
                s["name"],
                s["kind"],
                s["votes"],
                s["trials"],
                s["images"],
                len(s["groups"]),
                len(s["skipped"]),
            )
            for s in found
        ]
        head = ["name", "kind", "votes", "trials", "images", "groups", "left out"]
        output.table(head, rows)


@app.command()
def remove(name: str, json: Json = False) -> None:
    """Forget a set of judgements. Features stay in the cache."""
    from simcore.lab.judgements import sets

    sets.remove(name)
    if json:
        output.document({"removed": name})
    else:
        output.note(f"removed {name}")


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
) -> None:
    """Draw a fine-tuning set (margaritescu2024, 4.3): every group equally often.

    Its ids are printed, tab-separated; or it is kept under a name, with its votes.
    """
    from simcore.lab.judgements import sets

    if save:
        with output.progress() as bar:
            made = sets.keep(name, what, save, size=size, seed=seed, monitor=Monitor(bar))
        told = sets.summary(made.name)
        if json:
            output.document(told)
        else:
            output.note(f"{made.name}: {told['trials']:,} trials over {told['images']:,} images")
        return
    found = sets.sample(name, what, size=size, seed=seed)
    if json:
        output.document(found)
        return
    output.lines("\t".join(row) for row in [found["columns"], *found["rows"]])
    output.note(f"{len(found['rows']):,} {found['what']} of {name}, seed {seed}")


@app.command()
def printed(json: Json = False) -> None:
    """The fine-tuning sets of margaritescu2024, Table A.1, and what they can be drawn from here."""
    from simcore.lab.judgements import sets

    rows = sets.printed()
    if json:
        output.document(rows)
        return
    output.table(
        ["id", "drawn from", "what", "size", "sets of that kind here"],
        [(r["id"], r["source"], r["sample"], f"{r['size']:,}", ", ".join(r["here"])) for r in rows],
        title="margaritescu2024, Table A.1",
    )
