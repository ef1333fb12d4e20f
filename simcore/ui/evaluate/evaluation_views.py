"""The evaluations of the page Evaluate: each returns a table, mostly with a chart."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from simcore.lab import html_document, printed_values
from simcore.lab.evaluate import combinations
from simcore.lab.evaluate import recall as evaluate_recall
from simcore.lab.evaluate import waterfall as evaluate_waterfall
from simcore.lab.library import subsets
from simcore.lab.printed_values import PrintedTable
from simcore.recipe import Question, distinct_labels
from simcore.ui import charts, commands, sidebar
from simcore.ui.charts import about
from simcore.ui.commands import Command

KS = (1, 5, 10, 20, 50, 100)
FACES = list(subsets.FACE_COUNTS)


@dataclass(frozen=True)
class EvaluationView:
    """What the page shows of an evaluation.

    Attributes:
        title: what is counted, and of how many.
        display: the table on the page, numbers formatted.
        frame: the table to download, one number per cell.
        command: the command line that prints the same numbers.
        figure: a chart, drawn above the table.
        printed: the numbers of the paper.
        x, y: titles of the axes.
        remark: one sentence on how to read the numbers.
    """

    title: str
    display: pd.DataFrame
    frame: pd.DataFrame
    command: Command
    figure: go.Figure | None = None
    printed: PrintedTable | None = None
    x: str = ""
    y: str = ""
    remark: str = ""


def job(question: Question, name: str) -> Command | None:
    """The command that computes what an evaluation needs, where that takes too long to wait for.

    Args:
        name: of the evaluation, as in the address.

    Returns:
        None for few pairs, and where all of it is stored.
    """
    needed: tuple[Question, ...]
    if name == "minus":
        plain = question.with_recipes(*question.singles).with_metric(None).with_post("none")
        command = commands.evaluate(plain, "curve", "--minus-l2")
        needed = evaluate_recall.both_metrics(question)
    elif name == "post-processing":
        single = question.with_recipes(*question.singles).with_post("none")
        command = commands.evaluate(single, "post-processing")
        needed = (evaluate_recall.post_processing_question(single),)
    elif name in {"recall", "curve", "associative", "votes", "compare"}:
        command = commands.evaluate(question, "recall")
        needed = (question,)
    else:
        return None
    return None if all(map(evaluate_recall.is_quick, needed)) else command


def recall(question: Question) -> EvaluationView:
    """Recall at a few cut-offs with confidence intervals (Table 1)."""
    pairs = sidebar.open_question(question).pairs(question.direction)
    ks = [k for k in KS if k <= len(pairs.gallery)]
    table = evaluate_recall.recall(question, ks=ks)
    display = pd.DataFrame(
        {"recipe": row.recipe.title, "hits@1": row.hits(1)}
        | {
            f"@{k} %": f"{100 * s.value:.2f}  [{100 * s.low:.1f}, {100 * s.high:.1f}]"
            for k, s in row.recall.items()
        }
        for row in table.rows
    )
    frame = pd.DataFrame(
        {
            "recipe": row.recipe.label,
            "k": k,
            "hits": row.hits(k),
            "pairs": table.pairs,
            "recall": score.value,
            "low": score.low,
            "high": score.high,
        }
        for row in table.rows
        for k, score in row.recall.items()
    )
    return EvaluationView(
        f"Share of {table.pairs:,} mates among the first k of {len(pairs.gallery):,}, in percent, "
        "with 95 % confidence intervals",
        display,
        frame,
        commands.evaluate(question, "recall", "--k", ",".join(map(str, ks))),
        printed=printed_values.RECALL,
    )


def curve(question: Question) -> EvaluationView:
    """Recall at every k (Fig. 2b)."""
    result = evaluate_recall.curve(question)
    lines = [(curve.recipe.title, curve.values) for curve in result.curves]
    return EvaluationView(
        f"Share of mates among the first k of {result.gallery:,}",
        _at_cut_offs(lines),
        _long(lines),
        commands.evaluate(question, "curve"),
        _curves(lines),
        printed_values.RECALL,
        "k (log scale)",
        "recall",
        "Without evidence, such as an image without a face, the mate is ranked last.",
    )


def cosine_minus_l2(question: Question) -> EvaluationView:
    """Recall by cosine minus recall by L2 (Fig. 2a)."""
    result = evaluate_recall.cosine_minus_l2(question)
    lines = [(curve.recipe.title, curve.values) for curve in result.curves]
    figure = _curves(lines)
    charts.level(figure, 0, "no difference")
    plain = question.with_recipes(*question.singles).with_metric(None).with_post("none")
    return EvaluationView(
        f"Recall by cosine minus recall by L2 among the first k of {result.gallery:,}; above 0, "
        "cosine is better",
        _at_cut_offs(lines),
        _long(lines),
        commands.evaluate(plain, "curve", "--minus-l2"),
        figure,
        x="k (log scale)",
        y="difference of recalls",
        remark="Single backbones without post-processing.",
    )


def associative(question: Question) -> EvaluationView:
    """Correct choices among m images (Table 2a)."""
    result = evaluate_recall.associative_recall(question)
    figure, rows = go.Figure(), []
    for number, (recipe, series) in enumerate(zip(question.recipes, result.recipes, strict=True)):
        name = recipe.title
        figure.add_scatter(
            x=[row.m for row in series.rows],
            y=[100 * row.exact for row in series.rows],
            name=name,
            line=charts.line(number),
            mode="lines",
        )
        rows += [
            {
                "recipe": name,
                "m": row.m,
                "exact %": 100 * row.exact,
                "low %": 100 * row.ci95[0],
                "high %": 100 * row.ci95[1],
                "simulated %": 100 * row.simulated,
                "spread": 100 * row.spread,
            }
            for row in series.rows
        ]
    figure.update_xaxes(type="log")
    frame = pd.DataFrame(rows)
    return EvaluationView(
        "Percent of queries whose mate is ranked first among m random images",
        frame.round(2),
        frame,
        commands.evaluate(question, "associative"),
        figure,
        printed_values.ASSOCIATIVE,
        "m (log scale)",
        "percent correct",
    )


def votes(question: Question) -> EvaluationView:
    """Correlation of votes with similarity."""
    labels = distinct_labels(question.recipes)
    names = {label: r.title for label, r in zip(labels, question.recipes, strict=True)}
    frame = pd.DataFrame(
        {
            "recipe": names[row.recipe],
            "votes": row.votes,
            "correlation": row.correlation.name,
            "r": row.correlation.value,
            "low": row.correlation.low,
            "high": row.correlation.high,
            "p": row.correlation.p,
        }
        for row in evaluate_recall.votes(question).rows
    )
    return EvaluationView(
        "Correlation of votes with similarity, with 95 % confidence intervals",
        frame.round(4),
        frame,
        commands.evaluate(question, "votes"),
        printed=printed_values.VOTES,
        remark="The paper correlates with distance, so its signs are reversed.",
    )


def faces(question: Question, detector: str = "face") -> EvaluationView:
    """Faces per image, and whether both sides of a pair agree (Fig. 5c)."""
    report = subsets.face_report(question.collection, detector=detector)
    figure = go.Figure(go.Bar(x=FACES, y=report.histogram, marker_color=html_document.COLORS[0]))
    figure.update_yaxes(tickformat=".0%").update_xaxes(type="category")
    frame = pd.DataFrame(report.table, columns=[f"right {count}" for count in FACES])
    frame.insert(0, "pairs", [f"left {count}" for count in FACES])
    share = report.right_if_left
    agreement = (
        ""
        if share is None
        else f"Where the left image has a face, {100 * share:.1f} % of the right ones have one. "
    )
    return EvaluationView(
        f"Faces per image, share of {report.images:,} images",
        frame,
        frame,
        Command(("evaluate", "faces", question.collection, "--detector", detector)),
        figure,
        report.printed,
        x="faces",
        y="share of images",
        remark=f"{agreement}{report.pairs_with_faces:,} pairs "
        f"({200 * report.pairs_with_faces / report.images:.1f} %) have faces on both sides, "
        f"{report.pairs_without:,} on neither. Always of all pairs, whatever the backbones.",
    )


def post_processing(question: Question) -> EvaluationView:
    """Hits at 1 as grid pooling, centering and CSLS are added step by step."""
    single = question.with_recipes(*question.singles).with_post("none")
    result = evaluate_recall.post_processing_gains(single)
    frame = pd.DataFrame(
        [(row.backbone, *row.hits) for row in result.rows], columns=["backbone", *result.steps]
    )
    figure = go.Figure()
    for number, row in enumerate(result.rows):
        figure.add_scatter(
            x=result.steps,
            y=row.hits,
            name=row.backbone,
            mode="lines+markers",
            connectgaps=True,
            line=charts.line(number),
        )
    figure.update_xaxes(type="category")
    return EvaluationView(
        f"Hits at 1, of {result.pairs:,}, as each step is added",
        frame,
        frame,
        commands.evaluate(single, "post-processing"),
        figure,
        y="hits",
        remark="Centering subtracts the mean feature; CSLS corrects for hubs and uses all queries "
        "at once. The 3 x 3 grid needs features of @grid.",
    )


def waterfall(question: Question) -> EvaluationView:
    """Recall at 1 as combining, post-processing, weights, gates and a second stage are added."""
    single = question.with_recipes(*question.singles).with_post("none")
    result = evaluate_waterfall.waterfall(single)
    frame = pd.DataFrame(
        {
            "step": step.name,
            "recipe": step.recipes[0],
            "recipe_of_other_half": step.recipes[1],
            "recall": step.value,
            "low": step.ci95[0],
            "high": step.ci95[1],
            "gain": step.gain,
            "gain_low": step.gain_ci95[0] if step.gain_ci95 else None,
            "gain_high": step.gain_ci95[1] if step.gain_ci95 else None,
            "recall_of_chosen_half": step.chosen,
            "asymmetric_recall": step.either,
            "milliseconds": step.milliseconds,
        }
        for step in result.steps
    )
    table = result.to_table()
    display = pd.DataFrame(table.rows, columns=table.columns)
    rows = [{"recall": step.value, "ci95": step.ci95} for step in result.steps]
    figure = go.Figure()
    figure.add_bar(
        x=frame["step"], y=frame["recall"], error_y=charts.error_bars(rows, "recall", charts.GRAY)
    )
    figure.update_layout(showlegend=False)
    figure.update_yaxes(tickformat=".0%")
    return EvaluationView(
        f"Recall at 1 of {result.pairs:,} pairs, by what was chosen on the half without them, with "
        "95 % confidence intervals",
        display,
        frame,
        commands.evaluate(single, "waterfall"),
        figure,
        y="recall at 1",
        remark=". ".join(table.notes) + ".",
    )


def compare(question: Question) -> EvaluationView:
    """Exact McNemar tests between all recipes, corrected for multiple comparisons."""
    result = combinations.compare(question)
    combined = tuple(dict.fromkeys(question.combinations))
    names = {
        label: recipe.title
        for label, recipe in zip(distinct_labels(combined), combined, strict=True)
    }
    frame = pd.DataFrame(vars(comparison) for comparison in result.comparisons)
    display = frame.replace({"a": names, "b": names})
    for column in ("p", "p_corrected"):
        display[column] = [f"{value:.2g}" for value in frame[column]]
    display = display.rename(
        columns={
            "a": "A",
            "b": "B",
            "only_a": "only A",
            "only_b": "only B",
            "p_corrected": "p corrected (Holm)",
        }
    )
    return EvaluationView(
        f"Of {result.pairs:,} pairs, those that only one of two finds; p by exact McNemar test",
        display,
        frame,
        commands.evaluate(question, "compare"),
        remark=f"Read the corrected p: there are {len(frame):,} comparisons.",
    )


def _curves(lines: Iterable[tuple[str, tuple[float, ...]]]) -> go.Figure:
    figure = go.Figure()
    for number, (name, values) in enumerate(lines):
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            name=name,
            mode="lines",
            line=charts.line(number),
        )
    return figure.update_xaxes(type="log")


def _at_cut_offs(lines: Iterable[tuple[str, tuple[float, ...]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"recipe": name}
        | {f"@{k} %": round(100 * values[k - 1], 2) for k in KS if k <= len(values)}
        for name, values in lines
    )


def _long(lines: Iterable[tuple[str, tuple[float, ...]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"recipe": name, "k": k, "value": value}
        for name, values in lines
        for k, value in enumerate(values, 1)
    )


def page(question: Question, name: str, view: EvaluationView) -> bytes:
    """An evaluation as one self-contained HTML file."""
    options = [f"{option}: {value}" for option, value in question.options()]
    blocks = [
        html_document.paragraph(", ".join([f"pairs: {question.subset}", *options])),
        html_document.heading(view.title),
    ]
    if view.remark:
        blocks.append(html_document.paragraph(view.remark))
    if view.figure is not None:
        blocks.append(html_document.chart(view.figure, x=view.x, y=view.y, height=520))
    blocks.append(html_document.table(list(view.display), view.display.to_numpy().tolist()))
    blocks.append(html_document.command(view.command.line))
    if (table := view.printed) is not None:
        blocks += [
            html_document.heading(f"As printed in {table.paper}, {table.place}"),
            html_document.paragraph(f"{about(table)} {table.remark}"),
            html_document.table(table.columns, table.rows),
        ]
    return html_document.document(f"{name}: {question.collection}", blocks).encode()
