"""`simcore evaluate`: numbers over whole collections."""

from typing import TYPE_CHECKING, Annotated

import typer

from simcore.cli import analyses, combinations, judged, options, show
from simcore.cli.options import Combine, Direction, Json, Lift, Metric, Models, Subset, Weights

if TYPE_CHECKING:
    from simcore.lab.evaluate import RecallTable

app = typer.Typer(help="Numbers over whole collections.", no_args_is_help=True)
Ks = Annotated[str, typer.Option("--k", help="Cut-offs, separated by commas.")]


@app.command()
def recall(
    name: str,
    models: Models = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    direction: Direction = "lr",
    k: Ks = "1,5,10",
    lift: Lift = "none",
    subset: Subset = "all",
    json: Json = False,
) -> None:
    """Share of queries whose mate is among the first k, with 95 % intervals.

    Without --models, every backbone whose features are ready.
    """
    from simcore.lab import collections, evaluate, outcome, recipes

    asked = recipes.parse(
        options.names(models) or collections.usual(name),
        combine,
        weights=options.numbers(weights, "weights"),
        metric=metric,
        lift=lift,
    )
    ks = [int(cut) for cut in options.numbers(k, "--k")]
    found = evaluate.recall(
        name, asked, direction=options.direction(direction), ks=ks, metric=metric, subset=subset
    )
    if said := outcome.seen(name, [b for one in asked for b in one.backbones], subset):
        show.note(said)
    if json:
        show.document(found.json())
    else:
        print_recall(found)


analyses.register(app)
combinations.register(app)
judged.register(app)


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
    show.table(head, rows, title=f"{found.collection}: {found.pairs:,} pairs, {found.direction}")
