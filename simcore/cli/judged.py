"""`simcore evaluate triplets | twoafc | layers`: similarities against people's judgements."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, show
from simcore.cli.options import Combine, Device, Json

if TYPE_CHECKING:
    from simcore.data.trials.nouns import Judgements
    from simcore.lab.agreement import Table
    from simcore.lab.alike import Ready
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


def register(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    for command in (triplets, twoafc, layers):
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
    from simcore.lab import agreement, alike

    judged, ready = _ready(
        name, options.names(models) or [*alike.usual(), "@distances"], subset, device
    )
    found = agreement.table(
        judged, ready.names, metrics=options.names(metrics), combine=combine, counting=counting
    )
    _told(found, ready, json)


def twoafc(
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
    from simcore.lab import agreement, alike, perceptual

    judged, ready = _ready(name, options.names(models) or ["@distances"], subset, device)
    found = agreement.table(judged, ready.names, metrics=[alike.OWN])
    if search == "none":
        _told(found, ready, json)
        return
    best = perceptual.combinations(judged, ready.names, combine=options.kind(search))
    if json:
        extra = {"combinations": perceptual.combinations_json(best)}
        show.document(found.json() | {"unavailable": ready.unavailable} | extra)
        return
    _print(found, ready)
    rows = [
        (row.group, row.single, _percent(row.single_score), " + ".join(row.several),
         _percent(row.several_score), f"{100 * row.held_out:.2f}") for row in best.rows
    ]  # fmt: skip
    head = ["group", "best single", "%", "best combination", "%", "held out %"]
    show.table(head, rows, title=f"{search} of up to {len(best.kept)}, chosen on these triplets")
    if best.dropped:
        show.note(f"in no best combination of up to 4: {', '.join(best.dropped)}")


def layers(
    name: str,
    nets: Annotated[str, typer.Option(help="Of alex, vgg, squeeze.")] = "alex,vgg,squeeze",
    subset: Part = "all",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Every layer of LPIPS alone against the calibrated sum of all (rosenfeld2019, Table 2)."""
    from simcore.lab import perceptual

    asked = perceptual.check_nets(options.names(nets))
    judged, ready = _ready(name, [f"lpips-{net}" for net in asked], subset, device)
    here = [net for net in asked if f"lpips-{net}" in ready.names]
    found = perceptual.layer_table(judged, here)
    if json:
        rows = perceptual.layers_json(found)
        show.document({"judgements": name, "rows": rows, "unavailable": ready.unavailable})
        return
    lines = [
        (row.group, row.net, row.layer, _percent(row.score), _percent(row.calibrated),
         _percent(row.uncalibrated), f"{100 * row.delta:+.2f}") for row in found
    ]  # fmt: skip
    head = ["group", "net", "best layer", "%", "calibrated %", "all layers %", "difference"]
    show.table(head, lines, title=f"{name}: layer 0 is the shallowest of five")
    _lost(ready)


def _ready(
    name: str, models: Sequence[str], subset: str, device: str
) -> tuple["Judgements", "Ready"]:
    """The judgements, or a subset, with everything made that is missing.

    Raises:
        typer.Exit: somebody asked to stop; what was finished is kept.
    """
    from simcore.lab import alike, jobs, judgements, seen

    with jobs.reporting() as (report, stop), show.progress() as bar:
        judged = seen.part(judgements.open_(name, on_progress=report or bar), subset)
        ready = alike.prepare(judged, models, device=device, on_progress=report or bar, stop=stop)
        stopped = stop()
    if stopped:
        raise typer.Exit(STOPPED)
    if said := seen.warning(judged, ready.names):
        show.note(said)
    return judged, ready


def _told(found: "Table", ready: "Ready", json: bool) -> None:
    if json:
        show.document(found.json() | {"unavailable": ready.unavailable})
    else:
        _print(found, ready)


def _print(found: "Table", ready: "Ready") -> None:
    """A row a similarity and metric, best first; people's own above them."""
    groups = list(found.groups) if len(found.groups) <= WIDE else []
    rows = [
        (who, "", _percent(scores["all"], wide=True), *(_percent(scores[g]) for g in groups))
        for who, scores in found.people.items()
    ]
    rows += [
        (row.label, row.metric, _percent(row.whole, wide=True),
         *(_percent(row.groups[g]) for g in groups))
        for row in sorted(found.rows, key=lambda row: -row.whole.value)
    ]  # fmt: skip
    order = "" if found.judged.votes == "human" else f" ({found.judged.votes}, not people's votes)"
    title = f"{found.judged.name}: {sum(found.groups.values()):,} trials, {found.score}{order}"
    show.table(["similarity", "metric", "all %", *groups], rows, title=title)
    if len(found.groups) > WIDE:
        best = sorted(found.rows, key=lambda row: -row.whole.value)[:WIDE]
        lines = [(group, *(_percent(row.groups[group]) for row in best)) for group in found.groups]
        head = ["group, %", *(f"{row.label} {row.metric}" for row in best)]
        show.table(head, lines, title=f"the best {len(best)} by group")
    for note in found.judged.notes:
        show.note(note)
    _lost(ready)


def _lost(ready: "Ready") -> None:
    for name, reason in ready.unavailable.items():
        show.note(f"{name} is not available: {reason}")
    for one in ready.skipped[:20]:
        show.note(f"could not be read: {one.what}: {one.reason}")


def _percent(score: "Score", *, wide: bool = False) -> str:
    if score.value != score.value:  # NaN: nothing to score
        return ""
    text = f"{100 * score.value:.2f}"
    return text + (f"  [{100 * score.low:.1f}, {100 * score.high:.1f}]" if wide else "")
