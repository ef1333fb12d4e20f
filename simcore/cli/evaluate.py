"""`simcore evaluate ...`: the analyses of rosenfeld2018, one command each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import judgements, options, output
from simcore.cli.options import (
    Combine,
    Direction,
    Json,
    Metric,
    Models,
    Post,
    Ready,
    Subset,
    Weights,
)

if TYPE_CHECKING:
    from simcore.results import RecallTable

Kind = Annotated[str, typer.Option("--combine", help="zsum (Eq. 5) or sum (Eq. 4).")]

app = typer.Typer(help="Numbers over whole collections.", no_args_is_help=True)
Ks = Annotated[str, typer.Option("--k", help="Cut-offs, separated by commas.")]


def register_analyses(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    for command in (curve, associative, votes, faces, duplicates, post_processing):
        app.command()(command)


def curve(
    name: str,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    minus_l2: Annotated[bool, typer.Option(help="Cosine minus L2 at every k (Fig. 2a).")] = False,
    json: Json = False,
) -> None:
    """Recall at every k (Fig. 2b), or the difference between two metrics (Fig. 2a)."""
    from simcore.lab.evaluate import recall as evaluate_recall

    if minus_l2:
        found = evaluate_recall.cosine_minus_l2(
            name,
            options.ready(name, models),
            subset=subset,
            direction=options.parse_direction(direction),
        )
        column, label = "difference", "cosine - L2 @"
    else:
        asked = options.asked(name, models, combine, weights, metric, post)
        side = options.parse_direction(direction)
        found = evaluate_recall.curve(name, asked, direction=side, subset=subset)
        column, label = "recall", "@"
    if json:
        output.document(found)
        return
    ks = [k for k in (1, 2, 5, 10, 20, 50, 100) if k <= len(found["rows"][0][column])]
    rows = [
        (" + ".join(row["recipe"]), *[f"{100 * row[column][k - 1]:.2f}" for k in ks])
        for row in found["rows"]
    ]
    output.table(["recipe", *[f"{label}{k} %" for k in ks]], rows, title=f"{name}, {subset}")


def associative(
    name: str,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    repetitions: Annotated[int, typer.Option(help="Draws of the simulation.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 0,
    json: Json = False,
) -> None:
    """Correct choices among m images, exactly and simulated (Table 2a)."""
    from simcore.lab.evaluate import recall as evaluate_recall

    asked = options.asked(name, models, combine, weights, metric, post)
    told = [
        evaluate_recall.associative_recall(
            name,
            one,
            subset=subset,
            direction=options.parse_direction(direction),
            repetitions=repetitions,
            seed=seed,
        )
        for one in asked
    ]
    if json:
        output.document({"collection": name, "subset": subset, "recipes": told})
        return
    for one in told:
        rows = [
            (
                r["m"],
                f"{100 * r['exact']:.2f}",
                f"{100 * r['simulated']:.2f}",
                f"{100 * r['spread']:.2f}",
            )
            for r in one["rows"]
        ]
        output.table(["m", "exact %", "simulated %", "spread"], rows, title=one["recipe"])


def votes(
    name: str,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """Correlation of people's votes with similarity."""
    from simcore.lab.evaluate import recall as evaluate_recall

    asked = options.asked(name, models, combine, weights, metric, post)
    side = options.parse_direction(direction)
    told = [evaluate_recall.votes(name, one, subset=subset, direction=side) for one in asked]
    if json:
        output.document({"collection": name, "subset": subset, "recipes": told})
        return
    rows = [
        (
            one["recipe"],
            kind,
            c["name"],
            f"{c['value']:.3f}",
            f"[{c['low']:.3f}, {c['high']:.3f}]",
            f"{c['p']:.3g}",
        )
        for one in told
        for kind, found in one["votes"].items()
        for c in found
    ]
    output.table(["recipe", "votes", "correlation", "r", "95 %", "p"], rows)


def faces(
    name: str,
    detector: Annotated[str, typer.Option(help="face (dlib's HOG), face-cnn or haar.")] = "face",
    json: Json = False,
) -> None:
    """Faces an image, and whether the sides of a pair agree (Fig. 5c)."""
    from simcore.lab.library import subsets as library_subsets

    told = library_subsets.faces(name, detector=detector)
    if json:
        output.document(told)
        return
    share = [f"{100 * s:.1f}" for s in told["histogram"]]
    output.table(["0 faces %", "1 %", "2 %", "3 or more %"], [share], title=f"{name}, both sides")
    labels = ["0", "1", "2", "3+"]
    rows = [(label, *row) for label, row in zip(labels, told["table"], strict=True)]
    output.table(["left \\ right", *labels], rows, title="pairs")


def duplicates(
    name: str,
    by: Annotated[str, typer.Option(help="Backbone that judges; densenet121 if ready.")] = "",
    within: Annotated[float, typer.Option(help="Cosine distance within a side.")] = 0.10,
    across: Annotated[float, typer.Option(help="Cosine distance across the sides.")] = 0.15,
    json: Json = False,
) -> None:
    """Near-duplicates, and how many pairs each protocol of the papers keeps."""
    from simcore.lab.library import subsets as library_subsets

    told = library_subsets.duplicates(name, by=by, within=within, across=across)
    if json:
        output.document(told)
        return
    rows = [
        (t["side"], t["row"], t["other_side"], t["other"], f"{t['distance']:.3f}")
        for t in told["twins"][:20]
    ]
    title = f"{len(told['twins']):,} near-duplicates by {told['by']}, the nearest"
    output.table(["side", "row", "side", "row", "distance"], rows, title=title)
    for protocol, kept in told["kept"].items():
        output.note(f"{protocol}: {kept:,} pairs are left")


def post_processing(
    name: str,
    models: Ready = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    json: Json = False,
) -> None:
    """What grid pooling, centring and CSLS add to each backbone, step by step."""
    from simcore.lab.evaluate import recall as evaluate_recall

    told = evaluate_recall.post_processing_gains(
        name,
        options.ready(name, models),
        metric=metric,
        subset=subset,
        direction=options.parse_direction(direction),
    )
    if json:
        output.document(told)
        return
    rows = [(r["backbone"], *["" if h is None else h for h in r["hits"]]) for r in told["rows"]]
    title = f"{name}: mates found first, of {told['pairs']:,}"
    output.table(["backbone", *told["steps"]], rows, title=title)


def register_combinations(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    commands: Sequence[Callable] = (
        subsets,
        participation,
        ablation,
        exclusive,
        disagreements,
        oracle,
        complementarity,
        weights,
        compare,
    )
    for command in commands:
        app.command()(command)


def subsets(
    name: str,
    models: Ready = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """All 2^M - 1 combinations: the best of each size, plain and normalised (Fig. 3b)."""
    found = options.search(name, models, metric, direction, subset, post=post)
    told = found.to_dict()
    if json:
        output.document(told)
        return
    for kind, rows in told["best_by_size"].items():
        cells = [
            (r["size"], r["hits"], _interval(r["ci95"]), " + ".join(r["models"])) for r in rows
        ]
        output.table(["size", "hits", "95 %", "best combination"], cells, title=f"{name}: {kind}")
        fair = told["held_out"][kind]
        output.note(
            f"{kind}: chosen on other pairs than it is judged on, {fair['hits']:,} of "
            f"{told['pairs']:,} {_interval(fair['ci95'])}"
        )
    output.note(f"{told['evaluated']:,} combinations, both ways, in {told['seconds']} s")


def participation(
    name: str,
    size: Annotated[int, typer.Option(help="Members of a combination.")] = 4,
    models: Ready = "",
    combine: Kind = "zsum",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """Share of the leading combinations of a size that hold each backbone (Fig. 4)."""
    from simcore.lab.evaluate import combinations

    found = options.search(name, models, metric, direction, subset, post=post)
    told = combinations.participation(found, options.kind(combine), size)
    if json:
        output.document(told)
        return
    marks = [q for q in (1, 5, 10, 20, 50, 100, 330) if q <= len(told["share"])]
    rows = [
        (model, *[f"{told['share'][q - 1][column]:.2f}" for q in marks])
        for column, model in enumerate(told["models"])
    ]
    output.table(
        ["backbone", *[f"first {q}" for q in marks]], rows, title=f"{combine}, {size} of M"
    )


def ablation(
    name: str,
    models: Ready = "",
    combine: Kind = "zsum",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """What each member of the best combination is worth (Table 1)."""
    from simcore.lab.evaluate import combinations

    found = options.search(name, models, metric, direction, subset, post=post)
    told = combinations.ablation(found, options.kind(combine))
    if json:
        output.document(told)
        return
    best = told["best"]
    rows = [("", " + ".join(best["models"]), best["hits"], 0)]
    rows += [(r["without"], " + ".join(r["models"]), r["hits"], r["lost"]) for r in told["rows"]]
    output.table(["without", "best combination of that size", "hits", "lost"], rows)


def exclusive(
    name: str,
    models: Ready = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """Pairs that only one backbone finds, and what an oracle would find (Fig. 6)."""
    from simcore.lab.evaluate import exclusive as evaluate_exclusive

    told = evaluate_exclusive.exclusives(
        options.search(name, models, metric, direction, subset, post=post)
    )
    if json:
        output.document(told)
        return
    rows = [(m, told["isolation"][m], n) for m, n in told["by_model"].items()]
    output.table(["backbone", "found", "found by nobody else"], rows)
    output.note(
        f"oracle {told['oracle']:,}, exclusive {told['exclusive_total']:,} of {told['pairs']:,}"
    )


def disagreements(
    name: str,
    models: Ready = "",
    most: Annotated[int, typer.Option(help="How many pairs to print.")] = 20,
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """The pairs on which backbones differ most: first for one, far behind for another."""
    from simcore.lab.evaluate import exclusive as evaluate_exclusive

    found = evaluate_exclusive.disagreements(
        name,
        options.asked(name, models, "none", "", metric, post),
        subset=subset,
        direction=options.parse_direction(direction),
    )[:most]
    if json:
        output.document({"collection": name, "pairs": [vars(one) for one in found]})
    else:
        rows = [(one.query, one.mate, one.told) for one in found]
        output.table(["query", "mate", "rank of the mate"], rows)


def oracle(
    name: str,
    models: Ready = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """How many pairs at least one backbone finds."""
    from simcore.lab.evaluate import exclusive as evaluate_exclusive

    told = evaluate_exclusive.exclusives(
        options.search(name, models, metric, direction, subset, post=post)
    )
    if json:
        output.document({k: told[k] for k in ("pairs", "oracle", "oracle_ci95")})
    else:
        interval = _interval(told["oracle_ci95"])
        output.note(f"oracle {told['oracle']:,} of {told['pairs']:,} {interval}")


def complementarity(
    name: str,
    models: Ready = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """Which backbones complete each other: agreement, gain, CKA and RSA."""
    from simcore.lab.evaluate import exclusive as evaluate_exclusive

    told = evaluate_exclusive.complementary(
        name,
        options.ready(name, models),
        subset=subset,
        metric=metric,
        post=post,
        direction=options.parse_direction(direction),
    )
    if json:
        output.document(told)
        return
    names = [told["models"][i] for i in told["order"]]
    for kind in ("agreement", "gain", "cka", "rsa"):
        rows = [
            (told["models"][i], *[_cell(told[kind][i][j]) for j in told["order"]])
            for i in told["order"]
        ]
        output.table([kind, *names], rows)


def weights(
    name: str,
    models: Ready = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    json: Json = False,
) -> None:
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    from simcore.lab.evaluate import combinations

    told = combinations.learned_weights(
        name,
        options.ready(name, models),
        subset=subset,
        seed=seed,
        metric=metric,
        post=post,
        direction=options.parse_direction(direction),
    )
    if json:
        output.document(told)
        return
    output.table(["backbone", "weight"], [(m, f"{w:.3f}") for m, w in told["weights"].items()])
    fair, plain = told["held_out"]["hits"], told["best_subset_held_out"]["hits"]
    output.note(
        f"on pairs not used to choose: {fair:,} with weights, {plain:,} with the best subset"
    )


def compare(
    name: str,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    subset: Subset = "all",
    post: Post = "none",
    json: Json = False,
) -> None:
    """Is A better than B? Exact McNemar for every pair, corrected for how many there are (Holm)."""
    from simcore.lab.evaluate import combinations

    names = options.ready(name, models)
    asked = options.asked(name, models, combine, weights, metric, post)
    extra = [one for one in asked if one.combine != "none"]
    side = options.parse_direction(direction)
    found = combinations.search(
        name, names, subset=subset, direction=side, metric=metric, post=post
    )
    told = combinations.compare(found, extra, name=name, subset=subset, direction=side)
    if json:
        output.document({"collection": name, "subset": subset, "comparisons": told})
        return
    rows = [
        (r["a"], r["b"], r["only_a"], r["only_b"], f"{r['p']:.2g}", f"{r['p_corrected']:.2g}")
        for r in told
    ]
    output.table(["A", "B", "only A", "only B", "p", "corrected"], rows)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _interval(ends: list[float]) -> str:
    return f"[{ends[0]:.0f}, {ends[1]:.0f}]"


@app.command()
def recall(
    name: str,
    models: Models = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    k: Ks = "1,5,10",
    post: Post = "none",
    subset: Subset = "all",
    json: Json = False,
) -> None:
    """Share of queries whose mate is among the first k, with 95 % intervals.

    Without --models, every backbone whose features are ready.
    """
    from simcore.lab import recipes
    from simcore.lab.evaluate import recall as evaluate_recall
    from simcore.lab.library import collections, provenance

    asked = recipes.parse(
        options.names(models) or collections.default_backbones(name),
        combine,
        weights=options.numbers(weights, "weights"),
        metric=metric,
        post=post,
    )
    ks = [int(cut) for cut in options.numbers(k, "--k")]
    found = evaluate_recall.recall(
        name,
        asked,
        direction=options.parse_direction(direction),
        ks=ks,
        metric=metric,
        subset=subset,
    )
    if said := provenance.training_overlap_warning(
        name, [b for one in asked for b in one.backbones], subset
    ):
        output.note(said)
    if json:
        output.document(found.to_dict())
    else:
        print_recall(found)


register_analyses(app)
register_combinations(app)
app.add_typer(judgements.scores)


def print_recall(found: "RecallTable") -> None:
    """A row a recipe: recall in percent with its interval, and hits at the first cut-off."""
    ks = list(found.rows[0].recall)
    rows = []
    for row in found.rows:
        cells = [
            f"{100 * s.value:5.1f}  [{100 * s.low:.1f}, {100 * s.high:.1f}]"
            for s in row.recall.values()
        ]
        rows.append((row.recipe.label, row.hits(ks[0]), *cells))
    head = ["recipe", f"hits@{ks[0]}", *[f"recall@{k} %" for k in ks]]
    output.table(head, rows, title=f"{found.collection}: {found.pairs:,} pairs, {found.direction}")
