"""What training on judgements changed: agreement before and after, losses, lineage, trials."""

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.learning import learned_backbones
from simcore.types import JSON
from simcore.ui import charts, gallery, kiosk, url_state, widgets
from simcore.ui.learn import adaptation_results, joint_training
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

PAGE = "learn"
CHANGES = {"right": "Right now", "wrong": "Wrong now", "all": "All"}
STAGES = ("before", "after")


def show(name: str) -> None:
    """Backbones that were trained on a judgement set, and details of one."""
    table = learned_backbones.trial_table(name)
    st.header("Learned backbones", anchor=False)
    if not table.rows:
        hint = "" if kiosk.enabled() else " Start a run above."
        st.info(f"None yet from {escape_markdown(name)}.{hint}")
        return
    st.dataframe(table.to_frame(), hide_index=True, key=f"{PAGE}_table")
    names = [str(row[0]).removeprefix("learned:") for row in reversed(table.rows)]
    url_state.bind(PAGE, [Field("backbone", names, label="learned backbone")])
    backbone = st.selectbox("Learned backbone", names, key=f"{PAGE}_backbone")
    _details(backbone)


def _details(name: str) -> None:
    info = learned_backbones.read_lineage(name)
    params = {"judgements": info.judgements, "subset": f"unseen:{name}"}
    adaptation_results.show_header(info, "pages/judgements.py", "Score", params, PAGE)
    if info.paradigm == learned_backbones.JOINT:
        joint_training.scores(info.result, name)
    else:
        _show_agreement(info.result, name)
    adaptation_results.show_losses(info, name)
    _show_changes(name)


def _show_agreement(result: JSON, name: str) -> None:
    """Agreement before and after, over all groups and in each."""
    trials, change = result["trials"], result["difference"]
    columns = st.columns(3)
    for column, stage in zip(columns, STAGES, strict=False):
        score = result[stage]["agreement"]
        column.metric(
            f"Agreement {stage}",
            f"{100 * score['value']:.1f} %",
            help=f"95 % confidence interval: {_interval(score)} %.",
        )
    columns[2].metric(
        "Paired difference",
        f"{100 * change['value']:+.1f} points",
        help="Agreement with the votes, mean over groups. The bootstrap draws trials with common "
        "images together.",
    )
    significant = change["low"] > 0 or change["high"] < 0
    st.caption(
        f"{trials['test']:,} test trials; {'' if significant else 'not '}significant: the "
        f"95 % interval of the difference is {_interval(change)} points.",
        help=f"{trials['train']:,} training and {trials['validation']:,} validation "
        f"{trials.get('learned_from', 'judgements')}. "
        f"{result.get('guarantee', '')} {trials['undecided']:,} of these have no "
        f"majority and were not used. {result.get('left_out', '')}",
    )
    charts.show(
        _agreement_figure(result),
        f"agreement_{name}",
        x="agreement with the votes, %",
        title="Agreement on the test trials with 95 % intervals; chance is 50 %",
        height=110 + 28 * len(_group_names(result)),
    )


def _group_names(result: JSON) -> list[str]:
    """All groups together, and each group if there are several."""
    names = list(result["after"]["groups"])
    return ["all groups", *names] if len(names) > 1 else ["all"]


def _agreement_figure(result: JSON) -> go.Figure:
    """One line per group, one dot with its interval per stage."""
    groups = _group_names(result)
    figure = go.Figure()
    for number, stage in enumerate(STAGES):
        scores = [result[stage]["agreement"], *result[stage]["groups"].values()][: len(groups)]
        shares = [100 * s["value"] for s in scores]
        highs = [100 * s["high"] - v for s, v in zip(scores, shares, strict=True)]
        lows = [v - 100 * s["low"] for s, v in zip(scores, shares, strict=True)]
        color = html_document.COLORS[number % len(html_document.COLORS)]
        # Above and below the middle of a line, so that no interval covers the other one.
        figure.add_scatter(
            x=shares,
            y=[place + 0.18 * (2 * number - 1) for place in range(len(groups))],
            mode="markers",
            name=stage,
            marker={"color": color, "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "thickness": 1.5,
                "width": 3,
                "color": color,
                "array": highs,
                "arrayminus": lows,
            },
            customdata=groups,
            hovertemplate="%{customdata}, " + stage + ": %{x:.1f} %<extra></extra>",
        )
    figure.update_xaxes(range=[-2, 102])
    figure.update_yaxes(
        tickvals=list(range(len(groups))),
        ticktext=groups,
        range=[len(groups) - 0.5, -0.5],
        zeroline=False,
        automargin=True,
    )
    return figure


def _interval(score: JSON) -> str:
    return f"{100 * score['low']:.1f} to {100 * score['high']:.1f}"


@st.fragment
def _show_changes(name: str) -> None:
    """Test trials whose result changed."""
    with widgets.show_errors():  # the page's own block does not see errors of a fragment
        _draw_changes(name)


def _draw_changes(name: str) -> None:
    st.header("Before and after", anchor=False)
    changes = learned_backbones.trial_changes(name)
    counts = {which: len(changes.rows(which)) for which in CHANGES}
    which = st.segmented_control(
        "Test trials",
        list(CHANGES),
        key=f"{PAGE}_which_{name}",
        required=True,
        default=next(k for k in CHANGES if counts[k] or k == "all"),
        format_func=lambda key: f"{CHANGES[key]} ({counts[key]:,})",
        help="Right: decided as by the majority. The largest changes are shown first.",
    )
    rows = changes.rows(which)
    if not rows:
        st.info("No test trial.")
        return
    votes = changes.judgements.votes
    with st.container(horizontal=True):
        for row in gallery.paged(rows, f"{PAGE}_page_{name}_{which}"):
            trial = changes.trial(row)
            with st.container(border=True, width=346):
                label = gallery.votes_label(trial.vote, votes)
                st.caption(
                    f"{escape_markdown(trial.group)} · {label}, before: **{trial.before}**, "
                    f"after: **{trial.after}**"
                )
                tiles = gallery.trial_tiles(changes.judgements, row)
                gallery.grid(tiles, key=f"{PAGE}_trial_{name}_{row}")
    widgets.credits(changes.judgements.credits)
