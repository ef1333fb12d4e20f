"""`simcore evaluate ...`: the analyses of rosenfeld2019 and what goes beyond, one command each."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from simcore.cli import asking, options, show
from simcore.cli.asking import Ready
from simcore.cli.options import Combine, Direction, Json, Lift, Metric, Subset, Weights

Kind = Annotated[str, typer.Option("--combine", help="zsum (Eq. 5) or sum (Eq. 4).")]


def register(app: typer.Typer) -> None:
    """Put the commands of this module under `simcore evaluate`."""
    commands: Sequence[Callable] = (
        subsets, participation, ablation, exclusive, disputed, oracle, complementarity, weights,
        compare,
    )  # fmt: skip
    for command in commands:
        app.command()(command)


def subsets(
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """All 2^M - 1 combinations: the best of each size, plain and normalised (Fig. 3b)."""
    found = asking.search(name, models, metric, direction, subset, lift=lift)
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
    models: Ready = "", combine: Kind = "zsum", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """Share of the leading combinations of a size that hold each backbone (Fig. 4)."""
    from simcore.lab import combine as lab

    found = asking.search(name, models, metric, direction, subset, lift=lift)
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
    name: str, models: Ready = "", combine: Kind = "zsum",
    metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """What each member of the best combination is worth (Table 1)."""
    from simcore.lab import combine as lab

    found = asking.search(name, models, metric, direction, subset, lift=lift)
    told = lab.ablation(found, options.kind(combine))
    if json:
        show.document(told)
        return
    best = told["best"]
    rows = [("", " + ".join(best["models"]), best["hits"], 0)]
    rows += [(r["without"], " + ".join(r["models"]), r["hits"], r["lost"]) for r in told["rows"]]
    show.table(["without", "best combination of that size", "hits", "lost"], rows)


def exclusive(
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """Pairs that only one backbone finds, and what an oracle would find (Fig. 6)."""
    from simcore.lab import combine as lab

    told = lab.exclusives(asking.search(name, models, metric, direction, subset, lift=lift))
    if json:
        show.document(told)
        return
    rows = [(m, told["isolation"][m], n) for m, n in told["by_model"].items()]
    show.table(["backbone", "found", "found by nobody else"], rows)
    show.note(
        f"oracle {told['oracle']:,}, exclusive {told['exclusive_total']:,} of {told['pairs']:,}"
    )


def disputed(
    name: str, models: Ready = "",
    most: Annotated[int, typer.Option(help="How many pairs to print.")] = 20,
    metric: Metric = "own", direction: Direction = "lr", subset: Subset = "all",
    lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """The pairs on which backbones differ most: first for one, far behind for another."""
    from simcore.lab import disputes

    found = disputes.disputes(
        name, asking.asked(name, models, "none", "", metric, lift), subset=subset,
        direction=options.direction(direction),
    )[:most]  # fmt: skip
    if json:
        show.document({"collection": name, "pairs": [vars(one) for one in found]})
    else:
        rows = [(one.query, one.mate, one.told) for one in found]
        show.table(["query", "mate", "rank of the mate"], rows)


def oracle(
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """How many pairs at least one backbone finds."""
    from simcore.lab import combine as lab

    told = lab.exclusives(asking.search(name, models, metric, direction, subset, lift=lift))
    if json:
        show.document({k: told[k] for k in ("pairs", "oracle", "oracle_ci95")})
    else:
        interval = _interval(told["oracle_ci95"])
        show.note(f"oracle {told['oracle']:,} of {told['pairs']:,} {interval}")


def complementarity(
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """Which backbones complete each other: agreement, gain, CKA and RSA."""
    from simcore.lab import complement

    told = complement.complementary(
        name, asking.ready(name, models), subset=subset, metric=metric, lift=lift,
        direction=options.direction(direction),
    )  # fmt: skip
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
    name: str, models: Ready = "", metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0, json: Json = False,
) -> None:  # fmt: skip
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    from simcore.lab import complement

    told = complement.learned_weights(
        name, asking.ready(name, models), subset=subset, seed=seed, metric=metric, lift=lift,
        direction=options.direction(direction),
    )  # fmt: skip
    if json:
        show.document(told)
        return
    show.table(["backbone", "weight"], [(m, f"{w:.3f}") for m, w in told["weights"].items()])
    fair, plain = told["held_out"]["hits"], told["best_subset_held_out"]["hits"]
    show.note(f"on pairs not used to choose: {fair:,} with weights, {plain:,} with the best subset")


def compare(
    name: str, models: Ready = "", combine: Combine = "none", weights: Weights = "",
    metric: Metric = "own", direction: Direction = "lr",
    subset: Subset = "all", lift: Lift = "none", json: Json = False,
) -> None:  # fmt: skip
    """Is A better than B? Exact McNemar for every pair, corrected for how many there are (Holm)."""
    from simcore.lab import combine as lab

    names = asking.ready(name, models)
    asked = asking.asked(name, models, combine, weights, metric, lift)
    extra = [one for one in asked if one.combine != "none"]
    side = options.direction(direction)
    found = lab.search(name, names, subset=subset, direction=side, metric=metric, lift=lift)
    told = lab.compare(found, extra, name=name, subset=subset, direction=side)
    if json:
        show.document({"collection": name, "subset": subset, "comparisons": told})
        return
    rows = [
        (r["a"], r["b"], r["only_a"], r["only_b"], f"{r['p']:.2g}", f"{r['p_corrected']:.2g}")
        for r in told
    ]
    show.table(["A", "B", "only A", "only B", "p", "corrected"], rows)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _interval(ends: list[float]) -> str:
    return f"[{ends[0]:.0f}, {ends[1]:.0f}]"
