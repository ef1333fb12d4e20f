"""Evaluate's evaluations: each asks the door once and gives a table, mostly with a chart."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from simcore.lab import html_document, printed_values
from simcore.lab.evaluate import combinations
from simcore.lab.evaluate import recall as evaluate_recall
from simcore.lab.library import subsets
from simcore.lab.printed_values import Printed
from simcore.recipe import Question, Recipe
from simcore.ui import charts, commands, sidebar
from simcore.ui.charts import about
from simcore.ui.commands import Command

KS = (1, 5, 10, 20, 50, 100)
FACES = ["0", "1", "2", "3 or more"]


@dataclass(frozen=True)
class EvaluationView:
    """What an evaluation shows.

    Attributes:
        title: what is counted, out of what.
        shown: the table for people; `frame` the same for machines, numbers in cells of their own.
        hand: the command line that gives these numbers.
        x, y: what the axes of the figure are.
        remark: a sentence on what the chosen options do not change.
    """

    title: str
    shown: pd.DataFrame
    frame: pd.DataFrame
    hand: Command
    figure: go.Figure | None = None
    printed: Printed | None = None
    x: str = ""
    y: str = ""
    remark: str = ""


def recall(asked: Question, rows: Sequence[Recipe], how: str) -> EvaluationView:
    """Recall at some k with intervals (Table 1)."""
    pairs = sidebar.open_question(asked).pairs(asked.direction)
    ks = [k for k in KS if k <= len(pairs.gallery)]
    table = evaluate_recall.recall(
        asked.collection, rows, ks=ks, subset=asked.subset, direction=asked.direction
    )
    seen, lines = [], []
    for row in table.rows:
        name = _name(row.recipe)
        seen.append(
            {"recipe": name, "hits@1": row.hits(1)}
            | {
                f"@{k} %": f"{100 * s.value:.2f}  [{100 * s.low:.1f}, {100 * s.high:.1f}]"
                for k, s in row.recall.items()
            }
        )
        lines += [
            {
                "recipe": row.recipe.label,
                "k": k,
                "hits": row.hits(k),
                "pairs": table.pairs,
                "recall": s.value,
                "low": s.low,
                "high": s.high,
            }
            for k, s in row.recall.items()
        ]
    hand = commands.evaluate(asked, "recall", *_with(how, rows), "--k", ",".join(map(str, ks)))
    return EvaluationView(
        f"Share of {table.pairs:,} mates among the first k of {len(pairs.gallery):,}, in percent, "
        "with 95 % intervals",
        pd.DataFrame(seen),
        pd.DataFrame(lines),
        hand,
        printed=printed_values.RECALL,
    )


def curve(asked: Question, rows: Sequence[Recipe], how: str) -> EvaluationView:
    """Recall at every k (Fig. 2b)."""
    told = evaluate_recall.curve(
        asked.collection, rows, direction=asked.direction, subset=asked.subset
    )
    lines = [(_name(one), row["recall"]) for one, row in zip(rows, told["rows"], strict=True)]
    shown, figure = _curves(lines)
    return EvaluationView(
        f"Share of mates among the first k of {told['gallery']:,}",
        shown,
        _long(lines),
        commands.evaluate(asked, "curve", *_with(how, rows)),
        figure,
        printed_values.RECALL,
        "k (log scale)",
        "share found",
        "Where nothing is known, as without a face, the mate counts as last.",
    )


def cosine_minus_l2(asked: Question, _rows: Sequence[Recipe], _how: str) -> EvaluationView:
    """Recall by cosine minus recall by L2 (Fig. 2a)."""
    told = evaluate_recall.cosine_minus_l2(
        asked.collection, asked.backbones, subset=asked.subset, direction=asked.direction
    )
    lines = [(" + ".join(row["recipe"]), row["difference"]) for row in told["rows"]]
    shown, figure = _curves(lines)
    charts.level(figure, 0, "no difference")
    plain = asked.with_metric(None).with_post("none")
    return EvaluationView(
        f"Recall by cosine minus recall by L2 among the first k of {len(lines[0][1]):,}; above 0, "
        "cosine finds more",
        shown,
        _long(lines),
        commands.evaluate(plain, "curve", "--minus-l2"),
        figure,
        x="k (log scale)",
        y="difference of shares",
        remark="Each backbone by both metrics; no combination, no lift.",
    )


def associative(asked: Question, rows: Sequence[Recipe], how: str) -> EvaluationView:
    """Correct choices among m images (Table 2a)."""
    figure, lines = go.Figure(), []
    for n, one in enumerate(rows):
        told = evaluate_recall.associative_recall(
            asked.collection, one, subset=asked.subset, direction=asked.direction
        )["rows"]
        figure.add_scatter(
            x=[r["m"] for r in told],
            y=[100 * r["exact"] for r in told],
            name=_name(one),
            line=charts.line(n),
            mode="lines",
        )
        lines += [
            {
                "recipe": _name(one),
                "m": r["m"],
                "exact %": 100 * r["exact"],
                "low %": 100 * r["ci95"][0],
                "high %": 100 * r["ci95"][1],
                "simulated %": 100 * r["simulated"],
                "spread": 100 * r["spread"],
            }
            for r in told
        ]
    figure.update_xaxes(type="log")
    frame = pd.DataFrame(lines)
    return EvaluationView(
        "Percent of queries whose mate is chosen among m images, one of them the mate",
        frame.round(2),
        frame,
        commands.evaluate(asked, "associative", *_with(how, rows)),
        figure,
        printed_values.ASSOCIATIVE,
        "m (log scale)",
        "percent correct",
    )


def votes(asked: Question, rows: Sequence[Recipe], how: str) -> EvaluationView:
    """Correlation of votes with similarity."""
    frame = pd.DataFrame(
        {
            "recipe": _name(one),
            "votes": kind,
            "correlation": c["name"],
            "r": c["value"],
            "low": c["low"],
            "high": c["high"],
            "p": c["p"],
        }
        for one in rows
        for kind, found in evaluate_recall.votes(
            asked.collection, one, subset=asked.subset, direction=asked.direction
        )["votes"].items()
        for c in found
    )
    return EvaluationView(
        "Correlation of each pair's votes with its similarity, with 95 % intervals",
        frame.round(4),
        frame,
        commands.evaluate(asked, "votes", *_with(how, rows)),
        printed=printed_values.VOTES,
        remark="The paper correlates with distance: its signs are the other way round.",
    )


def faces(
    asked: Question, _rows: Sequence[Recipe], _how: str, detector: str = "face"
) -> EvaluationView:
    """Faces an image, and whether both sides agree (Fig. 5c)."""
    told = subsets.faces(asked.collection, detector=detector)
    figure = go.Figure(go.Bar(x=FACES, y=told["histogram"], marker_color=html_document.COLORS[0]))
    figure.update_yaxes(tickformat=".0%").update_xaxes(type="category")
    frame = pd.DataFrame(told["table"], columns=[f"right {n}" for n in FACES])
    frame.insert(0, "pairs", [f"left {n}" for n in FACES])
    share = told["right_if_left"]
    agree = (
        ""
        if share is None
        else (f"Where the left image has a face, {100 * share:.1f} % of the right ones have one. ")
    )
    return EvaluationView(
        f"Faces found in an image, share of {told['images']:,} images",
        frame,
        frame,
        Command(("evaluate", "faces", asked.collection, "--detector", detector)),
        figure,
        x="faces",
        y="share of images",
        remark=agree + f"{told['pairs_with_faces']:,} pairs have a face on both sides, "
        f"{told['pairs_without']:,} on neither. Always of all pairs; the backbones do not matter.",
    )


def post_processing(asked: Question, _rows: Sequence[Recipe], _how: str) -> EvaluationView:
    """What grid pooling, centring and CSLS add, one after the other."""
    told = evaluate_recall.post_processing_gains(
        asked.collection,
        asked.backbones,
        subset=asked.subset,
        direction=asked.direction,
        metric=asked.metric,
    )
    frame = pd.DataFrame(
        [[row["backbone"], *row["hits"]] for row in told["rows"]],
        columns=["backbone", *told["steps"]],
    )
    figure = go.Figure()
    for n, row in enumerate(told["rows"]):
        figure.add_scatter(
            x=told["steps"],
            y=row["hits"],
            name=row["backbone"],
            mode="lines+markers",
            connectgaps=True,
            line=charts.line(n),
        )
    figure.update_xaxes(type="category")
    plain = asked.with_post("none")
    return EvaluationView(
        f"Mates found first, of {told['pairs']:,}, step after step",
        frame,
        frame,
        commands.evaluate(plain, "post-processing"),
        figure,
        x="",
        y="hits",
        remark="The papers' protocol first. The 3 x 3 grid is a backbone of its own (@grid), where "
        "its features are extracted; centring takes the collection's mean vector away; CSLS "
        "corrects for hubs and looks at all queries at once. None is a default.",
    )


def compare(asked: Question, rows: Sequence[Recipe], how: str) -> EvaluationView:
    """Exact McNemar between all of them, corrected for how many there are."""
    found = combinations.search(
        asked.collection,
        asked.backbones,
        subset=asked.subset,
        metric=asked.metric,
        direction=asked.direction,
        post=asked.post,
    )
    extra = [one for one in rows if one.combine != "none"]
    names = {one.label: _name(one) for one in extra}
    told = combinations.compare(
        found, extra, name=asked.collection, subset=asked.subset, direction=asked.direction
    )
    frame = pd.DataFrame(told, columns=["a", "b", "only_a", "only_b", "p", "p_corrected"])
    shown = frame.replace({"a": names, "b": names})
    for column in ("p", "p_corrected"):
        shown[column] = [f"{value:.2g}" for value in frame[column]]
    shown = shown.rename(
        columns={
            "a": "A",
            "b": "B",
            "only_a": "only A",
            "only_b": "only B",
            "p_corrected": "p corrected (Holm)",
        }
    )
    return EvaluationView(
        f"Of {found.pairs:,} mates, those that only one of two finds first; p by exact McNemar",
        shown,
        frame,
        commands.evaluate(asked, "compare", *_with(how, rows)),
        remark=f"{len(frame):,} comparisons, so the corrected p is the one to read.",
    )


def _name(one: Recipe) -> str:
    """A recipe's name that fits a legend."""
    if one.combine == "none":
        return one.backbones[0]
    return f"{'z-sum' if one.combine == 'zsum' else 'sum'} of {len(one.parts)}"


def _with(how: str, rows: Sequence[Recipe]) -> list[str]:
    return ["--combine", how] if any(one.combine != "none" for one in rows) else []


def _curves(lines: Sequence[tuple[str, list[float]]]) -> tuple[pd.DataFrame, go.Figure]:
    figure, cells = go.Figure(), []
    for n, (name, values) in enumerate(lines):
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            name=name,
            mode="lines",
            line=charts.line(n),
        )
        cells.append(
            {"recipe": name}
            | {f"@{k} %": round(100 * values[k - 1], 2) for k in KS if k <= len(values)}
        )
    figure.update_xaxes(type="log")
    return pd.DataFrame(cells), figure


def _long(lines: Sequence[tuple[str, list[float]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"recipe": name, "k": k, "value": value}
        for name, values in lines
        for k, value in enumerate(values, 1)
    )


def page(asked: Question, name: str, found: EvaluationView) -> bytes:
    """The whole of what Evaluate shows; the script that draws the chart travels inside."""
    options = [f"pairs: {asked.subset}", *[f"{k}: {v}" for k, v in asked.options().items()]]
    blocks = [html_document.words(", ".join(options)), html_document.heading(found.title)]
    if found.remark:
        blocks.append(html_document.words(found.remark))
    if found.figure is not None:
        blocks.append(html_document.chart(found.figure, x=found.x, y=found.y, height=520))
    blocks.append(html_document.table(list(found.shown), found.shown.to_numpy().tolist()))
    if found.hand:
        blocks.append(html_document.command(found.hand.line))
    if (table := found.printed) is not None:
        blocks += [
            html_document.heading(f"As printed in {table.paper}, {table.place}"),
            html_document.words(f"{about(table)} {table.remark}"),
            html_document.table(table.columns, table.rows),
        ]
    return html_document.document(f"{name}: {asked.collection}", blocks).encode()
