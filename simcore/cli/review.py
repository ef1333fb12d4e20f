"""`simcore review`: annotators' reviews of failure cases."""

from typing import TYPE_CHECKING

import typer

from simcore.cli import options, output
from simcore.cli.options import Combine, Json, Metric, Missing, Name, Ready, Weights
from simcore.results import Table

if TYPE_CHECKING:
    from simcore.lab.people.review import RecallAtKs

app = typer.Typer(help="Annotators' reviews of failure cases.", no_args_is_help=True)


@app.command()
@options.table_files
def export(name: Name, json: Json = False) -> None:
    """Print all review actions that were not undone, as CSV."""
    from simcore.lab.people import review

    output.print_csv(review.export(name), json=json)


@app.command()
@options.table_files
def summary(
    name: Name,
    *,
    models: Ready = "",
    combine: Combine = "none",
    weights: Weights = "",
    metric: Metric = "own",
    missing: Missing = "mean",
    json: Json = False,
) -> None:
    """Recall without bad pairs, backbones by tag, and agreement between annotators."""
    from simcore.lab.people import review

    question = options.make_question(
        name, models, combine=combine, weights=weights, metric=metric, missing=missing
    )
    result = review.summary(name, question.recipes)
    rows = tuple(
        (row.recipe, *(_percent(getattr(row, field), k) for field in COLUMNS for k in ("1", "10")))
        for row in result.recall
    )
    head = [f"{label} @{k} %" for label in COLUMNS.values() for k in (1, 10)]
    title = f"{name}: {result.reviewed:,} of {result.pairs:,} pairs reviewed"
    output.show(result, Table(("recipe", *head), rows, title), json=json)
    if json:
        return
    output.note(f"{result.left_out:,} pairs are left out as bad or duplicate")
    for facet in result.facets:
        best = sorted(facet.backbones.items(), key=lambda item: item[1].median_rank)
        ranks = ", ".join(f"{backbone} {row.median_rank:.0f}" for backbone, row in best[:4])
        output.note(f"{facet.tag}: {facet.pairs:,} pairs; median rank of the mate: {ranks}")
    for row in result.agreement:
        alpha = "none" if row.alpha is None else f"{row.alpha:.2f}"
        output.note(f"{row.tag}: alpha {alpha} on {row.pairs:,} pairs with two annotators")


COLUMNS = {  # field of ReviewedRecall -> heading
    "as_it_is": "as it is",
    "without_bad_pairs": "no bad pairs",
    "others_accepted": "others accepted",
}


def _percent(recall: "RecallAtKs", k: str) -> str:
    return f"{100 * recall.recall[k]:.1f}" if k in recall.recall else ""
