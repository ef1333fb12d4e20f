"""What learning from judgements changed: agreement before and after, losses, lineage, trials."""

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.learning import learned_backbones
from simcore.ui import charts, gallery, url_state, widgets
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

PAGE = "learn"
CHANGED = {"right": "Right since", "wrong": "Wrong since", "all": "All, most moved first"}
STAGES = {"before": "before", "after": "after"}


def show(name: str) -> None:
    """Everything that was learned from a set of judgements, and one of them closer."""
    rows = learned_backbones.trial_table(name)
    st.subheader("What was learned", anchor=False)
    if not rows:
        st.info(f"Nothing yet from {escape_markdown(name)}. Start a run above.")
        return
    st.dataframe(rows, hide_index=True, key=f"{PAGE}_table")
    names = [row["backbone"].removeprefix("learned:") for row in reversed(rows)]
    url_state.bind(PAGE, [Field("backbone", names, label="learned backbone")])
    look = st.selectbox("Look at", names, key=f"{PAGE}_backbone")
    _one(look)


def _one(name: str) -> None:
    told = learned_backbones.lineage(name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape_markdown(told["about"]), width="stretch")
        st.page_link(
            "pages/judgements.py",
            label="Score",
            icon=":material/monitoring:",
            query_params={
                "judgements": told["judgements"],
                "subset": f"unseen:{name}",
                "models": ",".join([f"learned:{name}", *told["base"]]),
            },
        )
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown(f"Forget **learned:{escape_markdown(name)}** and its features?")
            st.button(
                "Yes, forget it",
                key=f"{PAGE}_remove_{name}",
                type="primary",
                on_click=widgets.run_action,
                args=(learned_backbones.remove, name),
            )
    with st.expander("Lineage"):
        st.json({k: v for k, v in told.items() if k not in {"result", "test_trials"}})
    _agreement(told["result"], name)
    if told["result"]["loss"]:
        with st.expander("Loss"):
            charts.losses(told["result"]["loss"], told["result"]["check"], f"kept_{name}")
    with widgets.show_errors():
        _trials(name)


def _agreement(told: dict, name: str) -> None:
    """Agreement before and after, over all groups and in each."""
    trials, change = told["trials"], told["difference"]
    columns = st.columns(3)
    for column, stage in zip(columns, ("before", "after"), strict=False):
        score = told[stage]["agreement"]
        column.metric(
            f"Agreement {stage}", f"{100 * score['value']:.1f} %", help=f"95 %: {_interval(score)}"
        )
    columns[2].metric(
        "Difference, paired",
        f"{100 * change['value']:+.1f} points",
        help="Agreement with the votes, every group alike; in the bootstrap trials that share "
        "pictures are drawn together.",
    )
    sure = change["low"] > 0 or change["high"] < 0
    st.caption(
        f"{trials['test']:,} trials over pictures that were never shown; the difference's 95 % "
        f"interval is {_interval(change)} points, "
        + ("which leaves out 0." if sure else "which holds 0: no change that could be told.")
        + f" {trials['train']:,} were learned from, {trials['validation']:,} chose the epoch"
        + (f", {trials['undecided']:,} of these had no majority" if trials["undecided"] else "")
        + (
            f"; {trials['across']:,} show pictures of two parts and were left out"
            if trials["across"]
            else ""
        )
        + "."
    )
    charts.show(
        _dots(told),
        f"agreement_{name}",
        x="agreement with the votes, %",
        title="Agreement on trials that were never seen; lines: 95 %; by chance: 50 %",
        height=110 + 28 * len(_groups(told)),
    )


def _groups(told: dict) -> list[str]:
    """All together, and each where there are several."""
    own = list(told["after"]["groups"])
    return ["all groups", *own] if len(own) > 1 else ["all"]


def _dots(told: dict) -> go.Figure:
    """A line a group, a dot a stage, with its interval."""
    groups = _groups(told)
    figure = go.Figure()
    for number, (stage, label) in enumerate(STAGES.items()):
        scores = [told[stage]["agreement"], *told[stage]["groups"].values()][: len(groups)]
        shares = [100 * s["value"] for s in scores]
        highs = [100 * s["high"] - v for s, v in zip(scores, shares, strict=True)]
        lows = [v - 100 * s["low"] for s, v in zip(scores, shares, strict=True)]
        colour = html_document.COLORS[number % len(html_document.COLORS)]
        # Half a step apart, so that one interval does not hide the other.
        figure.add_scatter(
            x=shares,
            y=[place + 0.18 * (2 * number - 1) for place in range(len(groups))],
            mode="markers",
            name=label,
            marker={"color": colour, "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "thickness": 1.5,
                "width": 3,
                "color": colour,
                "array": highs,
                "arrayminus": lows,
            },
            customdata=groups,
            hovertemplate="%{customdata}, " + label + ": %{x:.1f} %<extra></extra>",
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


def _interval(score: dict) -> str:
    return f"{100 * score['low']:.1f} to {100 * score['high']:.1f}"


@st.fragment
def _trials(name: str) -> None:
    """Test trials whose answer changed."""
    st.subheader("Before and after", anchor=False)
    found = learned_backbones.trial_changes(name)
    counts = {which: len(found.rows(which)) for which in CHANGED}
    which = st.segmented_control(
        "Test trials",
        list(CHANGED),
        key=f"{PAGE}_which_{name}",
        required=True,
        default=next(k for k in CHANGED if counts[k] or k == "all"),
        format_func=lambda key: f"{CHANGED[key]} ({counts[key]:,})",
    )
    rows = found.rows(which)
    if not rows:
        st.info("No test trial is like that.")
        return
    known = found.judged.votes
    with st.container(horizontal=True):
        for row in gallery.paged(rows, f"{PAGE}_page_{name}_{which}"):
            trial = found.trial(row)
            with st.container(border=True, width=346):
                st.caption(
                    f"{escape_markdown(trial['group'])} · {gallery.votes_label(trial['vote'], known)}, before: "
                    f"**{trial['before']}**, after: **{trial['after']}**"
                )
                tiles = gallery.trial_tiles(found.judged, row)
                gallery.grid(tiles, key=f"{PAGE}_trial_{name}_{row}")
    widgets.credits(found.judged.credits)
