"""`simcore evaluate ...`: evaluations on the pairs of a collection, one command each."""

from typing import Annotated

import typer

from simcore.cli import judgements, options, output, recipe_options
from simcore.cli.options import MAX_SEED, Combined, Json, Name, finite
from simcore.recipe import Question
from simcore.results import Table

app = typer.Typer(help="Evaluate backbones and combinations.", no_args_is_help=True)
CutOffs = Annotated[
    str | None, typer.Option("--k", help="Cut-offs; by default 1,5,10 up to the number of pairs.")
]
PRINTED_DUPLICATES = 20


@app.command()
@options.question(combine=True)
def recall(
    question: Question,
    k: CutOffs = None,
    by: Annotated[
        str, typer.Option(help="Field whose values get a row each, such as category.")
    ] = "",
    json: Json = False,
) -> None:
    """Share of queries whose mate is among the first k, with 95 % confidence intervals."""
    from simcore.lab.evaluate import grouped_recall
    from simcore.lab.evaluate import recall as lab_recall
    from simcore.lab.library import provenance

    ks = options.whole_numbers(k, "--k") if k is not None else None
    with output.monitor() as monitor:  # stores the ranks that the tables are made of
        lab_recall.ranks_of_each(question, monitor)
    table = (
        grouped_recall.recall_by(question, by, ks=ks) if by else lab_recall.recall(question, ks=ks)
    )
    options.check_cut_offs(ks or [], table.pairs)
    warning = provenance.training_overlap_warning(
        question.collection, question.backbones, question.subset
    )
    if warning:
        output.warn(warning)
    output.result(table, json=json)


@app.command()
@options.question(combine=True)
def ranks(question: Question, json: Json = False) -> None:
    """The rank and similarity of every query's mate, as CSV: one row per recipe and query."""
    from simcore.lab.evaluate import recall as lab_recall

    tables = [result.to_table() for result in lab_recall.mate_ranks(question)]
    rows = tuple(row for table in tables for row in table.rows)
    output.print_csv(Table(tables[0].columns, rows), json=json)


@app.command()
@options.question(combine=True)
def curve(
    question: Question,
    minus_l2: Annotated[
        bool, typer.Option(help="Recall by cosine minus recall by L2 (Fig. 2a).")
    ] = False,
    json: Json = False,
) -> None:
    """Recall at every k (Fig. 2b), or the difference between two metrics (Fig. 2a)."""
    from simcore.lab.evaluate import recall as lab_recall

    evaluate = lab_recall.cosine_minus_l2 if minus_l2 else lab_recall.curve
    with output.monitor() as monitor:
        result = evaluate(question, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question(combine=True)
def associative(
    question: Question,
    repetitions: Annotated[int, typer.Option(help="Number of simulated draws.")] = 10,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the simulation.")] = 0,
    json: Json = False,
) -> None:
    """Correct choices among m images, exact and simulated (Table 2a)."""
    from simcore.lab.evaluate import recall as lab_recall

    with output.monitor() as monitor:
        result = lab_recall.associative_recall(
            question, repetitions=repetitions, seed=seed, monitor=monitor
        )
    output.result(result, json=json)


@app.command()
@options.question(combine=True)
def votes(question: Question, json: Json = False) -> None:
    """Correlation of the votes for pairs with their similarity."""
    from simcore.lab.evaluate import recall as lab_recall

    with output.monitor() as monitor:
        result = lab_recall.votes(question, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question(post=False)
def post_processing(question: Question, json: Json = False) -> None:
    """Hits at 1 as grid pooling, centering and CSLS are added step by step."""
    from simcore.lab.evaluate import recall as lab_recall

    with output.monitor() as monitor:
        result = lab_recall.post_processing_gains(question, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question()
def subsets(question: Question, json: Json = False) -> None:
    """The best combination of each size, plain and normalized (Fig. 3b).

    All 2^M - 1 combinations of up to 16 backbones; a beam search, which may miss the best, of more.
    """
    from simcore.lab.evaluate import best_subsets

    with output.monitor() as monitor:
        report = best_subsets.report(question, monitor=monitor)
    output.result(report, json=json)


@app.command()
@options.question()
def participation(
    question: Question,
    size: Annotated[int, typer.Option(help="Backbones in a combination.")] = 4,
    combine: Combined = "zsum",
    json: Json = False,
) -> None:
    """Share of the leading combinations of a size that contain each backbone (Fig. 4)."""
    from simcore.lab.evaluate import combinations

    with output.monitor() as monitor:
        search = combinations.search(question, monitor=monitor)
    result = combinations.participation(search, recipe_options.parse_combination(combine), size)
    output.result(result, json=json)


@app.command()
@options.question()
def ablation(question: Question, combine: Combined = "zsum", json: Json = False) -> None:
    """Hits lost without each member of the best combination (Table 1)."""
    from simcore.lab.evaluate import combinations

    with output.monitor() as monitor:
        search = combinations.search(question, monitor=monitor)
    result = combinations.ablation(search, recipe_options.parse_combination(combine))
    output.result(result, json=json)


@app.command()
@options.question()
def weights(
    question: Question,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the folds.")] = 0,
    json: Json = False,
) -> None:
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    from simcore.lab.evaluate import learned_sums

    with output.monitor() as monitor:
        result = learned_sums.learned_weights(question, seed=seed, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question()
def gates(
    question: Question,
    save: Annotated[str, typer.Option(help="Store the learned recipe under this name.")] = "",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the folds.")] = 0,
    json: Json = False,
) -> None:
    """Weights of a z-sum that depend on the query (face, drawing, background, bars).

    They are cross-fitted beside fixed weights. A recipe that is stored with --save can be used by
    all commands that take --recipe. Needs the features of `cues`.
    """
    from simcore.lab import stored_recipes
    from simcore.lab.evaluate import learned_sums

    with output.monitor() as monitor:
        result = learned_sums.learned_gates(question, seed=seed, monitor=monitor)
    if save:
        stored_recipes.save(result.recipe, save, result.source)
    output.result(result, json=json)
    if save and not json:
        output.note(f"Stored: use it with --recipe {save}")


@app.command()
@options.question(post=False)
def waterfall(
    question: Question,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the halves.")] = 0,
    save: Annotated[str, typer.Option(help="Store a recipe under this name.")] = "",
    step: Annotated[str, typer.Option(help="Whose recipe is stored; by default the last.")] = "",
    json: Json = False,
) -> None:
    """What combining, post-processing, weights, gates and a second stage add, on unseen pairs.

    Each step is chosen on one half of the pairs and scored once on the other.
    """
    from simcore.lab import stored_recipes
    from simcore.lab.evaluate import waterfall as lab_waterfall

    with output.monitor() as monitor:
        result = lab_waterfall.waterfall(question, seed=seed, monitor=monitor)
    if save:
        chosen = result.step(step)
        stored_recipes.save(chosen.best, save, result.source(chosen))
    output.result(result, json=json)
    if save and not json:
        output.note(f"Stored: use it with --recipe {save}")


@app.command()
@options.question(combine=True)
def compare(question: Question, json: Json = False) -> None:
    """Is A better than B? Exact McNemar test for all pairs, with Holm's correction."""
    from simcore.lab.evaluate import combinations

    with output.monitor() as monitor:
        result = combinations.compare(question, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question()
def exclusive(question: Question, json: Json = False) -> None:
    """Oracle and exclusive hits: pairs that at least one or exactly one backbone finds (Fig. 6)."""
    from simcore.lab.evaluate import exclusive as lab_exclusive

    with output.monitor() as monitor:
        result = lab_exclusive.report(question, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question()
def disagreements(
    question: Question,
    limit: Annotated[int, typer.Option(help="How many pairs to print.")] = 20,
    json: Json = False,
) -> None:
    """The pairs that backbones rank most differently."""
    from simcore.lab.evaluate import exclusive as lab_exclusive

    with output.monitor() as monitor:
        result = lab_exclusive.disagreements(question, limit=limit, monitor=monitor)
    output.result(result, json=json)


@app.command()
@options.question(combine=True)
def invariance(
    question: Question,
    transforms: Annotated[
        str,
        typer.Option(
            help="rotate, flip, ... separated by commas; @all. By default all but line-drawing."
        ),
    ] = "",
    levels: Annotated[
        str, typer.Option(help="default: the middle strength of each; all: every strength.")
    ] = "default",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the changes.")] = 0,
    json: Json = False,
) -> None:
    """What changes of a picture (rotate, crop, blur, ...) do to similarity and to recall@1.

    Queries are changed, the gallery is not. A stopped run continues.
    """
    from simcore.lab.invariance import invariance_evaluation

    inquiry = invariance_evaluation.InvarianceQuestion(
        question, tuple(options.names(transforms)), levels, seed
    )
    with output.monitor() as monitor:
        table = invariance_evaluation.run(inquiry, monitor=monitor)
    output.result(table, json=json)


@app.command()
@options.question()
def complementarity(question: Question, json: Json = False) -> None:
    """Which backbones complement each other: agreement, gain, CKA and RSA."""
    from simcore.lab.evaluate import exclusive as lab_exclusive

    with output.monitor() as monitor:
        result = lab_exclusive.complementarity(question, monitor=monitor)
    tables = [result.to_table(measure) for measure in lab_exclusive.MEASURES]
    output.show(result, *tables, json=json)


@app.command()
@options.table_files
def faces(
    name: Name,
    detector: Annotated[str, typer.Option(help="face (dlib's HOG), face-cnn or haar.")] = "face",
    json: Json = False,
) -> None:
    """Faces per image, and whether both sides of a pair agree (Fig. 5c)."""
    from simcore.lab.library import subsets as library_subsets

    report = library_subsets.face_report(name, detector=detector)
    shares = tuple(f"{100 * share:.1f}" for share in report.histogram)
    labels = library_subsets.FACE_COUNTS
    columns = (f"{labels[0]} faces %", *(f"{label} %" for label in labels[1:]))
    histogram = Table(columns, (shares,), f"{name}, both sides")
    rows: tuple[tuple[str | int, ...], ...] = tuple(
        (label, *row) for label, row in zip(labels, report.table, strict=True)
    )
    crosstab = Table(("left \\ right", *labels), rows, "pairs")
    output.show(report, histogram, crosstab, report.subset_table(), json=json)


@app.command()
@options.table_files
def duplicates(
    name: Name,
    by: Annotated[
        str, typer.Option(help="Backbone whose distance decides. By default densenet121.")
    ] = "",
    within: Annotated[
        float, typer.Option(callback=finite, help="Cosine distance within a side.")
    ] = 0.10,
    across: Annotated[
        float, typer.Option(callback=finite, help="Cosine distance across the sides.")
    ] = 0.15,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Distances that unrelated images of the collection hardly get under."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Near-duplicates, and how many pairs remain in each protocol of the papers."""
    from simcore.lab.library import duplicates as library_duplicates
    from simcore.lab.library import subsets as library_subsets

    with output.monitor() as monitor:
        if fit:
            by = by or library_duplicates.default_backbone(name)
            fitting = library_duplicates.opening_thresholds(name, by)
            within, across = fitting.within, fitting.across
        report = library_subsets.find_duplicates(
            name, by=by, within=within, across=across, monitor=monitor
        )
    rows = tuple(
        (pair.side, pair.row, pair.other_side, pair.other, f"{pair.distance:.3f}")
        for pair in report.duplicates[:PRINTED_DUPLICATES]
    )
    count = len(report.duplicates)
    title = f"{count:,} near-duplicates by {report.by}, nearest first"
    notes = tuple(f"{protocol}: {pairs:,} pairs" for protocol, pairs in report.kept.items())
    notes += (report.note,) if report.note else ()
    table = Table(("side", "row", "side", "row", "distance"), rows, title, notes)
    output.show(report, table, json=json)


app.add_typer(judgements.scores)
