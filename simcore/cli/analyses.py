"""`simcore evaluate ...`: the analyses of rosenfeld2018, one command each."""

from typing import Annotated

import typer

from simcore.cli import asking, options, show
from simcore.cli.asking import Ready
from simcore.cli.options import Combine, Direction, Json, Lift, Metric, Subset, Weights


def register(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    for command in (curve, associative, votes, faces, duplicates, lifts):
        app.command()(command)


def curve(
    name: str,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    lift: Lift = "none",
    minus_l2: Annotated[bool, typer.Option(help="Cosine minus L2 at every k (Fig. 2a).")] = False,
    json: Json = False,
) -> None:
    """Recall at every k (Fig. 2b), or the difference between two metrics (Fig. 2a)."""
    from simcore.lab import evaluate

    if minus_l2:
        found = evaluate.cosine_minus_l2(
            name, asking.ready(name, models), subset=subset, direction=options.direction(direction)
        )
        column, label = "difference", "cosine - L2 @"
    else:
        asked = asking.asked(name, models, combine, weights, metric, lift)
        side = options.direction(direction)
        found = evaluate.curve(name, asked, direction=side, subset=subset)
        column, label = "recall", "@"
    if json:
        show.document(found)
        return
    ks = [k for k in (1, 2, 5, 10, 20, 50, 100) if k <= len(found["rows"][0][column])]
    rows = [
        (" + ".join(row["recipe"]), *[f"{100 * row[column][k - 1]:.2f}" for k in ks])
        for row in found["rows"]
    ]
    show.table(["recipe", *[f"{label}{k} %" for k in ks]], rows, title=f"{name}, {subset}")


def associative(
    name: str, models: Ready = "", combine: Combine = "none", weights: Weights = "",
    metric: Metric = "own", direction: Direction = "lr", subset: Subset = "all",
    lift: Lift = "none",
    repetitions: Annotated[int, typer.Option(help="Draws of the simulation.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 0, json: Json = False,
) -> None:  # fmt: skip
    """Correct choices among m images, exactly and simulated (Table 2a)."""
    from simcore.lab import evaluate

    asked = asking.asked(name, models, combine, weights, metric, lift)
    told = [
        evaluate.associative_recall(
            name, one, subset=subset, direction=options.direction(direction),
            repetitions=repetitions, seed=seed,
        )
        for one in asked
    ]  # fmt: skip
    if json:
        show.document({"collection": name, "subset": subset, "recipes": told})
        return
    for one in told:
        rows = [
            (r["m"], f"{100 * r['exact']:.2f}", f"{100 * r['simulated']:.2f}",
             f"{100 * r['spread']:.2f}") for r in one["rows"]
        ]  # fmt: skip
        show.table(["m", "exact %", "simulated %", "spread"], rows, title=one["recipe"])


def votes(
    name: str, models: Ready = "", combine: Combine = "none", weights: Weights = "",
    metric: Metric = "own", direction: Direction = "lr", subset: Subset = "all",
    lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """Correlation of people's votes with similarity."""
    from simcore.lab import evaluate

    asked = asking.asked(name, models, combine, weights, metric, lift)
    side = options.direction(direction)
    told = [evaluate.votes(name, one, subset=subset, direction=side) for one in asked]
    if json:
        show.document({"collection": name, "subset": subset, "recipes": told})
        return
    rows = [
        (one["recipe"], kind, c["name"], f"{c['value']:.3f}", f"[{c['low']:.3f}, {c['high']:.3f}]",
         f"{c['p']:.3g}")
        for one in told for kind, found in one["votes"].items() for c in found
    ]  # fmt: skip
    show.table(["recipe", "votes", "correlation", "r", "95 %", "p"], rows)


def faces(
    name: str,
    detector: Annotated[str, typer.Option(help="face (dlib's HOG), face-cnn or haar.")] = "face",
    json: Json = False,
) -> None:
    """Faces an image, and whether the sides of a pair agree (Fig. 5c)."""
    from simcore.lab import evaluate

    told = evaluate.faces(name, detector=detector)
    if json:
        show.document(told)
        return
    share = [f"{100 * s:.1f}" for s in told["histogram"]]
    show.table(["0 faces %", "1 %", "2 %", "3 or more %"], [share], title=f"{name}, both sides")
    labels = ["0", "1", "2", "3+"]
    rows = [(label, *row) for label, row in zip(labels, told["table"], strict=True)]
    show.table(["left \\ right", *labels], rows, title="pairs")


def duplicates(
    name: str,
    by: Annotated[str, typer.Option(help="Backbone that judges; densenet121 if ready.")] = "",
    within: Annotated[float, typer.Option(help="Cosine distance within a side.")] = 0.10,
    across: Annotated[float, typer.Option(help="Cosine distance across the sides.")] = 0.15,
    json: Json = False,
) -> None:
    """Near-duplicates, and how many pairs each protocol of the papers keeps."""
    from simcore.lab import evaluate

    told = evaluate.duplicates(name, by=by, within=within, across=across)
    if json:
        show.document(told)
        return
    rows = [
        (t["side"], t["row"], t["other_side"], t["other"], f"{t['distance']:.3f}")
        for t in told["twins"][:20]
    ]
    title = f"{len(told['twins']):,} near-duplicates by {told['by']}, the nearest"
    show.table(["side", "row", "side", "row", "distance"], rows, title=title)
    for protocol, kept in told["kept"].items():
        show.note(f"{protocol}: {kept:,} pairs are left")


def lifts(
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", json: Json = False,
) -> None:  # fmt: skip
    """What grid pooling, centring and CSLS add to each backbone, step by step."""
    from simcore.lab import evaluate

    told = evaluate.lifts(
        name, asking.ready(name, models), metric=metric, subset=subset,
        direction=options.direction(direction),
    )  # fmt: skip
    if json:
        show.document(told)
        return
    rows = [(r["backbone"], *["" if h is None else h for h in r["hits"]]) for r in told["rows"]]
    title = f"{name}: mates found first, of {told['pairs']:,}"
    show.table(["backbone", *told["steps"]], rows, title=title)
