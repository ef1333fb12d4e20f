"""`simcore evaluate ...`: the analyses of rosenfeld2018 and rosenfeld2019, one command each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import options, show
from simcore.cli.options import Combine, Direction, Json, Metric, Subset, Weights

if TYPE_CHECKING:
    from simcore.lab.combine import Search
    from simcore.specs import Recipe

Kind = Annotated[str, typer.Option("--combine", help="zsum (Eq. 5) or sum (Eq. 4).")]
Ready = Annotated[
    str,
    typer.Option(
        "--models",
        help="Backbones or @groups, separated by commas; left out: all that are ready.",
    ),
]


def register(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    commands: Sequence[Callable] = (
        curve, subsets, participation, ablation, exclusive, oracle, associative, votes, faces,
        duplicates, complementarity, weights, compare,
    )  # fmt: skip
    for command in commands:
        app.command()(command)


def curve(
    name: str,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    minus_l2: Annotated[bool, typer.Option(help="Cosine minus L2 at every k (Fig. 2a).")] = False,
    json: Json = False,
) -> None:
    """Recall at every k (Fig. 2b), or the difference between two metrics (Fig. 2a)."""
    from simcore.lab import evaluate

    if minus_l2:
        found = evaluate.cosine_minus_l2(name, _ready(name, models), subset=subset)
        column, label = "difference", "cosine - L2 @"
    else:
        asked = _asked(name, models, combine, weights, metric)
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


def subsets(
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", json: Json = False,
) -> None:  # fmt: skip
    """All 2^M - 1 combinations: the best of each size, plain and normalised (Fig. 3b)."""
    found = _search(name, models, metric, direction, subset)
    told = found.json()
    if json:
        show.document(told)
        return
    for kind, rows in told["best_by_size"].items():
        cells = [
            (r["size"], r["hits"], _interval(r["ci95"]), " + ".join(r["models"])) for r in rows
        ]
        show.table(["size", "hits", "95 %", "best combination"], cells, title=f"{name}: {kind}")
        fair = told["held_out"][kind]
        show.note(
            f"{kind}: chosen on other pairs than it is judged on, {fair['hits']:,} of "
            f"{told['pairs']:,} {_interval(fair['ci95'])}"
        )
    show.note(f"{told['evaluated']:,} combinations, both ways, in {told['seconds']} s")


def participation(
    name: str, size: Annotated[int, typer.Option(help="Members of a combination.")] = 4,
    models: Ready = "", combine: Kind = "zsum", subset: Subset = "all", json: Json = False,
) -> None:  # fmt: skip
    """Share of the leading combinations of a size that hold each backbone (Fig. 4)."""
    from simcore.lab import combine as lab

    found = _search(name, models, "own", "lr", subset)
    told = lab.participation(found, options.kind(combine), size)
    if json:
        show.document(told)
        return
    marks = [q for q in (1, 5, 10, 20, 50, 100, 330) if q <= len(told["share"])]
    rows = [
        (model, *[f"{told['share'][q - 1][column]:.2f}" for q in marks])
        for column, model in enumerate(told["models"])
    ]
    show.table(["backbone", *[f"first {q}" for q in marks]], rows, title=f"{combine}, {size} of M")


def ablation(
    name: str, models: Ready = "", combine: Kind = "zsum", subset: Subset = "all",
    json: Json = False,
) -> None:  # fmt: skip
    """What each member of the best combination is worth (Table 1)."""
    from simcore.lab import combine as lab

    told = lab.ablation(_search(name, models, "own", "lr", subset), options.kind(combine))
    if json:
        show.document(told)
        return
    best = told["best"]
    rows = [("", " + ".join(best["models"]), best["hits"], 0)]
    rows += [(r["without"], " + ".join(r["models"]), r["hits"], r["lost"]) for r in told["rows"]]
    show.table(["without", "best combination of that size", "hits", "lost"], rows)


def exclusive(name: str, models: Ready = "", subset: Subset = "all", json: Json = False) -> None:
    """Pairs that only one backbone finds, and what an oracle would find (Fig. 6)."""
    from simcore.lab import combine as lab

    told = lab.exclusives(_search(name, models, "own", "lr", subset))
    if json:
        show.document(told)
        return
    rows = [(m, told["isolation"][m], n) for m, n in told["by_model"].items()]
    show.table(["backbone", "found", "found by nobody else"], rows)
    show.note(
        f"oracle {told['oracle']:,}, exclusive {told['exclusive_total']:,} of {told['pairs']:,}"
    )


def oracle(name: str, models: Ready = "", subset: Subset = "all", json: Json = False) -> None:
    """How many pairs at least one backbone finds."""
    from simcore.lab import combine as lab

    told = lab.exclusives(_search(name, models, "own", "lr", subset))
    if json:
        show.document({k: told[k] for k in ("pairs", "oracle", "oracle_ci95")})
    else:
        interval = _interval(told["oracle_ci95"])
        show.note(f"oracle {told['oracle']:,} of {told['pairs']:,} {interval}")


def associative(
    name: str, models: Ready = "", combine: Combine = "none", weights: Weights = "",
    metric: Metric = "own", subset: Subset = "all",
    repetitions: Annotated[int, typer.Option(help="Draws of the simulation.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 0, json: Json = False,
) -> None:  # fmt: skip
    """Correct choices among m images, exactly and simulated (Table 2a)."""
    from simcore.lab import evaluate

    asked = _asked(name, models, combine, weights, metric)
    told = [
        evaluate.associative_recall(name, one, subset=subset, repetitions=repetitions, seed=seed)
        for one in asked
    ]
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
    metric: Metric = "own", subset: Subset = "all", json: Json = False,
) -> None:  # fmt: skip
    """Correlation of people's votes with similarity."""
    from simcore.lab import evaluate

    asked = _asked(name, models, combine, weights, metric)
    told = [evaluate.votes(name, one, subset=subset) for one in asked]
    if json:
        show.document({"collection": name, "subset": subset, "recipes": told})
        return
    rows = [
        (one["recipe"], kind, c["name"], f"{c['value']:.3f}", f"[{c['low']:.3f}, {c['high']:.3f}]",
         f"{c['p']:.3g}")
        for one in told for kind, found in one["votes"].items() for c in found
    ]  # fmt: skip
    show.table(["recipe", "votes", "correlation", "r", "95 %", "p"], rows)


def faces(name: str, json: Json = False) -> None:
    """Faces an image, and whether the sides of a pair agree (Fig. 5c)."""
    from simcore.lab import evaluate

    told = evaluate.faces(name)
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


def complementarity(
    name: str, models: Ready = "", subset: Subset = "all", json: Json = False
) -> None:
    """Which backbones complete each other: agreement, gain, CKA and RSA."""
    from simcore.lab import complement

    told = complement.complementary(name, _ready(name, models), subset=subset)
    if json:
        show.document(told)
        return
    names = [told["models"][i] for i in told["order"]]
    for kind in ("agreement", "gain", "cka", "rsa"):
        rows = [
            (told["models"][i], *[_cell(told[kind][i][j]) for j in told["order"]])
            for i in told["order"]
        ]
        show.table([kind, *names], rows)


def weights(
    name: str, models: Ready = "", subset: Subset = "all",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0, json: Json = False,
) -> None:  # fmt: skip
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    from simcore.lab import complement

    told = complement.learned_weights(name, _ready(name, models), subset=subset, seed=seed)
    if json:
        show.document(told)
        return
    show.table(["backbone", "weight"], [(m, f"{w:.3f}") for m, w in told["weights"].items()])
    fair, plain = told["held_out"]["hits"], told["best_subset_held_out"]["hits"]
    show.note(f"on pairs not used to choose: {fair:,} with weights, {plain:,} with the best subset")


def compare(
    name: str, models: Ready = "", combine: Combine = "none", weights: Weights = "",
    subset: Subset = "all", json: Json = False,
) -> None:  # fmt: skip
    """Is A better than B? Exact McNemar for every pair, corrected for how many there are (Holm)."""
    from simcore.lab import combine as lab

    names = _ready(name, models)
    asked = [r for r in _asked(name, models, combine, weights, "own") if r.combine != "none"]
    found = lab.search(name, names, subset=subset)
    told = lab.compare(found, asked, name=name, subset=subset)
    if json:
        show.document({"collection": name, "subset": subset, "comparisons": told})
        return
    rows = [
        (r["a"], r["b"], r["only_a"], r["only_b"], f"{r['p']:.2g}", f"{r['p_corrected']:.2g}")
        for r in told
    ]
    show.table(["A", "B", "only A", "only B", "p", "corrected"], rows)


def _interval(ends: list[float]) -> str:
    return f"[{ends[0]:.0f}, {ends[1]:.0f}]"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _ready(name: str, models: str) -> list[str]:
    from simcore.lab import collections

    return options.names(models) or collections.extracted(name)


def _asked(name: str, models: str, combine: str, weights: str, metric: str) -> list["Recipe"]:
    from simcore.lab import recipes

    shares = options.numbers(weights, "weights")
    return recipes.parse(_ready(name, models), combine, weights=shares, metric=metric)


def _search(name: str, models: str, metric: str, direction: str, subset: str) -> "Search":
    from simcore.lab import combine

    side = options.direction(direction)
    return combine.search(name, _ready(name, models), subset=subset, direction=side, metric=metric)
