"""`simcore review ...`: what annotators say of failure cases."""

from typing import Annotated

import typer

from simcore.cli import options, output
from simcore.cli.options import Combine, Json, Metric, Ready, Weights

app = typer.Typer(help="What annotators say of failure cases.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Of the collection.")]


@app.command()
def export(name: Name, json: Json = False) -> None:
    """Print all judgements that stand as CSV."""
    from simcore.lab.people import review

    output.csv(review.export(name), json=json)


@app.command()
def summary(
    name: Name,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    json: Json = False,
) -> None:
    """Recall without bad pairs, facets and which backbone serves them, annotators' agreement."""
    from simcore.lab.people import review

    told = review.summary(name, options.parse_recipes(name, models, combine, weights, metric))
    if json:
        output.document(told)
        return
    rows = [
        (one["recipe"], *(_at(one[kind], k) for kind in KINDS for k in ("1", "10")))
        for one in told["recall"]
    ]
    head = [f"{label} @{k} %" for label in KINDS.values() for k in (1, 10)]
    title = f"{name}: {told['reviewed']:,} of {told['pairs']:,} pairs reviewed"
    output.table(["recipe", *head], rows, title=title)
    output.note(f"{told['left_out']:,} pairs are left out as bad or doubled")
    for facet in told["facets"]:
        best = sorted(facet["backbones"].items(), key=lambda item: item[1]["median_rank"])
        ranks = ", ".join(f"{b} {one['median_rank']:.0f}" for b, one in best[:4])
        output.note(f"{facet['tag']}: {facet['pairs']:,} pairs; median rank of the mate: {ranks}")
    for row in told["agreement"]:
        alpha = "none" if row["alpha"] is None else f"{row['alpha']:.2f}"
        output.note(f"{row['tag']}: alpha {alpha} on {row['pairs']:,} pairs with two annotators")


KINDS = {
    "as_it_is": "as it is",
    "without_bad_pairs": "no bad pairs",
    "others_accepted": "others accepted",
}


def _at(found: dict, k: str) -> str:
    return f"{100 * found['recall'][k]:.1f}" if k in found["recall"] else ""
