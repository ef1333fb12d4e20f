"""Results of an experiment: Table 2b, Figures 5a and 5b, position bias, participants."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.library import collections
from simcore.lab.people import analysis, analysis_text, exchange, export, tasks
from simcore.lab.people.analysis import ExperimentAnalysis, ParticipantSummary, PositionBias, Rate
from simcore.lab.people.experiments import ExperimentSummary
from simcore.lab.printed_values import HUMANS
from simcore.ui import actions, charts, commands, kiosk, sidebar, thumbnails
from simcore.ui.commands import Command
from simcore.ui.experiments import question_results
from simcore.ui.widgets import escape_markdown

DEFAULT_MACHINES = 4  # backbones compared with people unless others are chosen
SHARE = "share of the most frequent choice, %"
TENTHS = [f"{n * 10}-{n * 10 + 10}" for n in range(10)]
KEEP_KEY = "experiments_keep"  # of the button that stores answers as judgements


@dataclass(frozen=True)
class Chart:
    """A figure with its title and axis labels, for the page and the HTML report."""

    key: str
    title: str
    figure: go.Figure
    x: str = ""
    y: str = ""
    height: int = 300


def show(name: str, summary: ExperimentSummary) -> None:
    """All results of an experiment; one sentence if nobody has answered.

    Raises:
        SimError: it cannot be analyzed.
    """
    if not summary.answers:
        st.info("Nobody has answered yet. The address for participants is under Invite.")
        return
    machines, min_catch = _options(summary.collection)
    result = analysis.analyze(name, machines, min_catch=min_catch)
    if len(result.conditions) == 2:  # the only condition equals "all"
        result = replace(result, conditions=result.conditions[:1])
    if result.left_out:
        st.caption(f"Left out for failed catch trials: {len(result.left_out)} participants.")
    is_mafc = result.task == tasks.MAFC.name
    if any(condition.human for condition in result.conditions):
        _draw(_accuracy(result))
    elif is_mafc:
        st.caption("No mates are known here, so there is no right answer, only agreement.")
    st.dataframe(_table(result), hide_index=True, placeholder="–", key="findings_table")
    args = ["experiments", "analyze", name, "--models", ",".join(machines) or "none"]
    command = Command((*args, *(["--min-catch", str(min_catch)] if min_catch else [])))
    commands.show(command)
    if is_mafc:
        with st.expander(f"As printed in {HUMANS.paper}, {HUMANS.place}"):
            st.caption(charts.about(HUMANS))
            charts.show_printed(HUMANS)
            st.caption(HUMANS.remark)
    _agreement(result)
    question_results.show(result)
    st.header("Positions and times" if result.places else "Response times", anchor=False)
    for chart, column in zip(_behavior_charts(result), st.columns(2), strict=False):
        with column:
            _draw(chart)
    if kiosk.enabled():  # visitors see what all people together answered
        return
    st.header("Participants", anchor=False)
    st.dataframe(
        _participants(result.people), hide_index=True, placeholder="–", key="findings_people"
    )
    _downloads(name, result, command)
    offer_judgement_set(name, min_catch=min_catch)


def _options(collection: str) -> tuple[list[str], int]:
    ready = sidebar.extracted_backbones(collection) if collection in collections.names() else []
    with st.sidebar:
        machines = st.multiselect(
            "Backbones",
            ready,
            default=ready[:DEFAULT_MACHINES],
            key=f"findings_machines_{collection}",
            help="Compared with people on the same questions.",
        )
        min_catch = st.number_input(
            "Lowest grade, %",
            0,
            100,
            0,
            step=10,
            key="findings_grade",
            help="Percentage of catch trials passed. Participants below it are left out here, and "
            "of all downloads but the CSV of answers.",
        )
    return machines, int(min_catch)


def _accuracy(result: ExperimentAnalysis) -> Chart:
    """Accuracy of people and backbones, one group of bars per condition (Table 2b)."""
    conditions = [condition for condition in result.conditions if condition.human]
    series: list[tuple[str, list[Rate]]] = [
        ("people", [condition.human for condition in conditions if condition.human])
    ]
    for n, machine in enumerate(conditions[0].machines):
        rates = [
            Rate(row.right, row.ci95)
            for row in (condition.machines[n] for condition in conditions)
            if row.right is not None and row.ci95 is not None
        ]
        series.append((machine.model, rates))
    figure = go.Figure()
    for n, (label, rates) in enumerate(series):
        shares = [
            {"share": 100 * rate.value, "ci95": [100 * end for end in rate.ci95]} for rate in rates
        ]
        figure.add_bar(
            x=[condition.condition for condition in conditions],
            y=[share["share"] for share in shares],
            name=label,
            marker_color=html_document.COLORS[n % len(html_document.COLORS)],
            error_y=charts.error_bars(shares, "share", charts.GRAY),
            hovertemplate="%{x}, " + label + ": %{y:.1f} %<extra></extra>",
        )
    figure.update_layout(barmode="group", yaxis_range=[0, 100])
    charts.level(figure, 100 / result.choices, "by chance")
    title = (
        f"Accuracy among {result.choices} choices, by source of the distractors (Table 2b); "
        "95 % intervals"
    )
    return Chart("accuracy", title, figure, y="% correct", height=380)


def _table(result: ExperimentAnalysis) -> pd.DataFrame:
    """One row per condition; columns that the task does not have are left out."""
    frame = pd.DataFrame(
        [
            {
                "condition": row.condition,
                "questions": row.questions,
                "answers": row.answers,
                "people right %": _percent(row.human),
                "same %": _percent(row.same),
                "human ceiling %": _percent(row.ceiling),
                "majority share %": None if row.majority is None else f"{100 * row.majority:.1f}",
                "median s": row.median_seconds and round(row.median_seconds, 1),
            }
            | {
                f"{machine.model}: {heading} %": _percent(rate)
                for machine in row.machines
                for heading, rate in (
                    ("same choice as people", machine.with_people),
                    ("of both choices", machine.overlap),
                    ("AUC of same", machine.separation),
                )
            }
            for row in result.conditions
        ]
    )
    return frame.dropna(axis="columns", how="all")


def _agreement(result: ExperimentAnalysis) -> None:
    agreement = result.agreement
    st.header("Agreement among people", anchor=False)
    if not agreement.questions:
        st.info("No question has two answers yet.")
        return
    metrics = [
        (
            "Majority agrees",
            _share(agreement.most),
            "Questions on which more than half made the same choice; 87 % in rosenfeld2018.",
        ),
        ("Everyone agrees", _share(agreement.unanimous), "30 % in rosenfeld2018."),
        (
            "Krippendorff's alpha",
            _number(agreement.alpha),
            "1: complete agreement; 0: chance. None if nothing varies.",
        ),
        (
            "Agreement and accuracy, r",
            _number(agreement.correlation),
            "Pearson's r over questions; 0.94 in rosenfeld2018.",
        )
        if any(condition.human for condition in result.conditions)
        else (
            "Agreement and time, r",
            _number(result.time_agreement),
            "Spearman's r over questions, of the majority's share and the median response time.",
        ),
    ]
    for column, (label, value, help_) in zip(st.columns(4), metrics, strict=True):
        column.metric(label, value, help=help_)
    for sentence in analysis_text.task_sentences(result):
        st.caption(escape_markdown(sentence[0].upper() + sentence[1:] + "."))
    for column, chart in zip(st.columns(2), _agreement_charts(result), strict=False):
        with column:
            _draw(chart)


def _agreement_charts(result: ExperimentAnalysis) -> list[Chart]:
    """How many agree, and how often they are right then (Fig. 5a, 5b)."""
    agreement = result.agreement
    title = f"Agreement on {agreement.questions:,} questions (Fig. 5a)"
    drawn = [Chart("majority", title, _tenths(agreement.histogram), x=SHARE, y="questions")]
    if any(share is not None for share in agreement.right):
        shares = [None if share is None else 100 * share for share in agreement.right]
        title = "Accuracy of the most frequent choice (Fig. 5b)"
        drawn.append(Chart("right", title, _tenths(shares), x=SHARE, y="it is the mate, %"))
    return drawn


def _tenths(values: Sequence[float | None]) -> go.Figure:
    figure = go.Figure(go.Bar(x=TENTHS, y=list(values), marker_color=html_document.COLORS[0]))
    return figure.update_xaxes(type="category")


def _draw(chart: Chart) -> None:
    charts.show(
        chart.figure,
        f"findings_{chart.key}",
        title=chart.title,
        x=chart.x,
        y=chart.y,
        height=chart.height,
    )


def _behavior_charts(result: ExperimentAnalysis) -> list[Chart]:
    """Position bias and response times."""
    return [*([_places(result.places)] if result.places else []), _times(result)]


def _places(places: PositionBias) -> Chart:
    """How often each position on the screen was chosen."""
    counts = places.counts
    names = [str(n) for n in range(1, len(counts) + 1)]
    figure = go.Figure(
        go.Bar(x=names, y=list(counts), marker_color=html_document.COLORS[4], showlegend=False)
    )
    charts.level(figure, sum(counts) / len(counts), "equally often")
    title = f"Position bias: chi-squared {places.statistic:.1f}, p = {places.p:.3g}"
    return Chart("places", title, figure, x="position on the screen", y="answers", height=260)


def _times(result: ExperimentAnalysis) -> Chart:
    """The quartiles of the response times of each condition."""
    rows = [(row.condition, row.times) for row in result.conditions if row.times]
    spread = {
        "array": [times.high - times.median for _, times in rows],
        "arrayminus": [times.median - times.low for _, times in rows],
    }
    figure = go.Figure(
        go.Bar(
            x=[name for name, _ in rows],
            y=[times.median for _, times in rows],
            error_y={"type": "data", "symmetric": False, "color": charts.GRAY} | spread,
            marker_color=html_document.COLORS[2],
            hovertemplate="%{x}: %{y:.2f} s<extra></extra>",
        )
    )
    title = "Response times: median, quartiles"
    if result.time_agreement is not None:
        title += f"; with agreement: Spearman {_number(result.time_agreement)}"
    return Chart("times", title, figure, y="seconds", height=260)


def _downloads(name: str, result: ExperimentAnalysis, command: Command) -> None:
    files = [
        ("Answers as CSV", lambda: export.export(name).encode(), f"{name}.csv", "text/csv"),
        (
            "Triplets as CSV",
            lambda: export.triplets(name, result.min_catch).encode(),
            f"{name}-triplets.csv",
            "text/csv",
        ),
        (
            "Report as HTML",
            lambda: report(name, result, command),
            f"{name}.html",
            "text/html",
        ),
        (
            "Analysis as JSON",
            lambda: json.dumps(result.to_dict(), indent=2).encode(),
            f"{name}.json",
            "application/json",
        ),
    ]
    files += [
        (
            f"{format} as zip",
            partial(exchange.to_bytes, name, format, min_catch=result.min_catch),
            f"{name}-{format}.zip",
            "application/zip",
        )
        for format in exchange.formats_of(result.task)
    ]
    if result.task in {tasks.ODD_ONE_OUT.name, tasks.SAME_DIFFERENT.name}:
        files = [entry for entry in files if entry[0] != "Triplets as CSV"]
    with st.container(horizontal=True):
        for label, data, file, mime in files:
            st.download_button(
                label, data, file, mime=mime, icon=":material/download:", on_click="ignore"
            )


def report(name: str, result: ExperimentAnalysis, command: Command) -> bytes:
    """What the page shows as one HTML file with its thumbnails inside."""
    drawn = [_accuracy(result)] if any(row.human for row in result.conditions) else []
    agreement, table = result.agreement, _table(result)
    parts = [
        html_document.paragraph(
            f"{result.answers:,} answers of {result.participants:,} participants to "
            f"{result.questions:,} questions with {result.choices} choices, "
            f"from {result.collection}."
        ),
        html_document.table(list(table), table.to_numpy().tolist()),
        html_document.command(command.line),
    ]
    if agreement.questions:
        drawn += _agreement_charts(result)
        parts.append(
            html_document.paragraph(
                f"A majority agrees on {_share(agreement.most)} of {agreement.questions:,} "
                f"questions, everyone on {_share(agreement.unanimous)}; Krippendorff's alpha "
                f"{_number(agreement.alpha)}; agreement and accuracy: r "
                f"{_number(agreement.correlation)}."
            )
        )
    parts += [html_document.paragraph(text) for text in analysis_text.task_sentences(result)]
    for chart in [*drawn, *_behavior_charts(result)]:
        parts += [
            html_document.heading(chart.title),
            html_document.chart(chart.figure, x=chart.x, y=chart.y),
        ]
    parts.append(html_document.heading("Questions, highest agreement first"))
    for row in result.asked:
        shown = question_results.images(result.task, row)
        mate = next((n for n, image in enumerate(shown) if image.mate), -1)
        parts.append(html_document.paragraph(f"Question {row.number}, {row.condition}"))
        sources = [thumbnails.inline(image.key) for image in shown]
        captions = [image.caption for image in shown]
        parts.append(html_document.pictures(sources, captions, mate=mate))
    return html_document.document(f"Experiment {name}", parts).encode()


def _participants(rows: Sequence[ParticipantSummary]) -> pd.DataFrame:
    frame = pd.DataFrame([asdict(row) for row in rows]).round({"median_seconds": 1})
    if not frame.get("label", pd.Series(dtype=str)).any():
        frame = frame.drop(columns="label", errors="ignore")
    return frame.rename(columns=lambda name: name.replace("_", " "))


def _percent(rate: Rate | None) -> str | None:
    if rate is None:
        return None
    low, high = (100 * end for end in rate.ci95)
    return f"{100 * rate.value:.1f}  [{low:.1f}, {high:.1f}]"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.0f} %"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def offer_judgement_set(name: str, *, min_catch: float = 0) -> None:
    """Store an experiment's answers as a judgement set, to score and to learn from.

    Args:
        min_catch: lowest grade of the participants whose answers count.
    """
    st.header("Use the answers", anchor=False)
    st.caption("As a judgement set, today's answers can score similarities and train a network.")
    with st.container(horizontal=True):
        st.button(
            "Store as judgement set",
            icon=":material/balance:",
            key=f"{KEEP_KEY}_{name}",
            on_click=actions.run_action,
            args=(
                partial(export.judgements, min_catch=min_catch),
                name,
                export.unused_name(name),
            ),
        )
        for judgement_set in export.existing_sets(name):
            st.page_link(
                "pages/judgements.py",
                label=f"Score {escape_markdown(judgement_set)}",
                icon=":material/monitoring:",
                query_params={"judgements": judgement_set},
            )
            st.page_link(
                "pages/learn.py",
                label=f"Learn from {escape_markdown(judgement_set)}",
                icon=":material/school:",
                query_params={"source": "judgements", "judgements": judgement_set},
            )
