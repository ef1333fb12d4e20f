"""Judgements: which similarity answers as people do, and where they part."""

import pandas as pd
import streamlit as st

from simcore.lab.judgements import agreement, pair_similarities, perceptual, sets
from simcore.lab.judgements.agreement import Table
from simcore.types import Score
from simcore.ui import commands, widgets
from simcore.ui.judgements import disagreements, judgement_sets, judgement_sidebar
from simcore.ui.judgements.judgement_sidebar import PAGE, JudgementQuestion
from simcore.ui.judgements.score_chart import (
    ALL,
    CHANCE,
    display_name,
    group_label,
    percent_label,
    score_bars,
    trial_count,
)
from simcore.ui.widgets import escape_markdown


def show() -> None:
    """Draw the page."""
    st.title("Judgements")
    st.caption(
        "Which of two pictures is more like a third? How often each similarity answers as people "
        "do, and where they part (margaritescu2024, Fig. 5.1; rosenfeld2019, 4.5)."
    )
    with widgets.show_errors():
        names = sets.names()
        if not names:
            judgement_sets.welcome()
            return
        asked = judgement_sidebar.sidebar(names)
        what = (
            st.segmented_control(
                "Show",
                list(judgement_sidebar.WHAT),
                format_func=judgement_sidebar.WHAT.__getitem__,
                key=f"{PAGE}_view",
                required=True,
                label_visibility="collapsed",
            )
            or "scores"
        )
        if what == "set":
            judgement_sets.about(asked.name)
            return
        ready = judgement_sets.missing(asked)
        if not ready:
            return
        {
            "scores": _scores,
            "disagreements": disagreements.show,
            "layers": _layers,
            "combinations": _best,
        }[what](asked, ready)


def _scores(asked: JudgementQuestion, ready: list[str]) -> None:
    if not asked.metrics:
        st.info("Choose at least one metric in the sidebar.")
        return
    with st.spinner("Scoring"):
        found = _table(asked, tuple(ready), asked.opened().digest)
    told = sets.summary(asked.name)
    groups = [ALL, *found.groups] if len(found.groups) > 1 else [ALL]
    group = groups[0]
    if len(groups) > 1:
        group = st.selectbox(
            "Group",
            groups,
            key=f"{PAGE}_group_{asked.name}",
            format_func=lambda g: group_label(g, found),
        )
    score_bars(found, group, CHANCE[told["shape"]])
    for note in found.judged.notes:
        st.caption(escape_markdown(note[:1].upper() + note[1:] + "."))
    lines = _lines(found)
    seen = pd.DataFrame(
        {"similarity": label, "metric": metric}
        | {f"{g} %": percent_label(s, wide=g == ALL) for g, s in scores.items()}
        for label, metric, scores in lines
    )
    st.dataframe(seen, hide_index=True, key=f"{PAGE}_table")
    frame = pd.DataFrame(
        {
            "similarity": label,
            "metric": metric,
            "group": g,
            "trials": trial_count(g, found),
            "score": s.value,
            "low": s.low,
            "high": s.high,
        }
        for label, metric, scores in lines
        for g, s in scores.items()
    )
    widgets.csv_button(lambda: frame.to_csv(index=False), f"{asked.name}-scores.csv")
    commands.show(asked.command())


@st.cache_data(max_entries=32, show_spinner=False)
def _table(asked: JudgementQuestion, ready: tuple[str, ...], digest: str) -> Table:
    """Kept for as long as the set, by its digest, is the same."""
    return agreement.table(
        asked.opened(),
        ready,
        metrics=asked.metrics,
        combine=asked.combine,
        counting=asked.counting,
    )


def _lines(found: Table) -> list[tuple[str, str, dict[str, Score]]]:
    """People first, then the similarities, best first."""
    people = [(f"people: {who}", "", scores) for who, scores in found.people.items()]
    rows = sorted(found.rows, key=lambda row: -row.whole.value)
    return people + [(display_name(r.label), r.metric, {ALL: r.whole} | r.groups) for r in rows]


def _layers(asked: JudgementQuestion, ready: list[str]) -> None:
    nets = [n.removeprefix("lpips-") for n in ready if n.removeprefix("lpips-") in perceptual.NETS]
    if not nets:
        reasons = [
            d["reason"]
            for d in pair_similarities.distances()
            if "lpips" in d["name"] and d["reason"]
        ]
        st.info(
            "Choose lpips-alex, lpips-vgg or lpips-squeeze in the sidebar."
            + (f" {escape_markdown(reasons[0][:1].upper() + reasons[0][1:])}." if reasons else "")
        )
        return
    told = perceptual.layers_json(
        perceptual.layer_table(asked.opened(), perceptual.check_nets(nets))
    )
    st.markdown("**Percent of the votes that each layer alone agrees with, 0 the shallowest**")
    st.dataframe(
        pd.DataFrame(
            {
                "group": r["group"],
                "net": r["net"],
                "best layer": r["layer"],
                "%": 100 * r["score"]["value"],
                "calibrated %": 100 * r["calibrated"]["value"],
                "all layers %": 100 * r["uncalibrated"]["value"],
                "difference": 100 * r["delta"],
            }
            | {f"layer {k} %": 100 * v for k, v in enumerate(r["layers"])}
            for r in told
        ).round(2),
        hide_index=True,
    )
    commands.show(["evaluate", "layers", asked.name, "--nets", ",".join(nets)])


def _best(asked: JudgementQuestion, ready: list[str]) -> None:
    if len(ready) < 2:
        st.info("Choose at least two similarities in the sidebar.")
        return
    how = asked.combine if asked.combine != "none" else "zsum"
    with st.spinner("Trying all combinations"):
        told = perceptual.combinations_json(
            perceptual.combinations(asked.opened(), ready, combine=how)
        )
    st.markdown(
        f"**The best {judgement_sidebar.WITH[how].removesuffix(' of all').lower()} for each group, each "
        "backbone by its own metric; held out: chosen on other triplets than it is judged on**"
    )
    st.dataframe(
        pd.DataFrame(
            {
                "group": r["group"],
                "best single": r["single"],
                "single %": 100 * r["single_score"]["value"],
                "best combination": " + ".join(r["several"]),
                "combination %": 100 * r["several_score"]["value"],
                "held out %": 100 * r["held_out"],
            }
            for r in told["rows"]
        ).round(2),
        hide_index=True,
    )
    if told["dropped"]:
        st.caption(
            f"In no best combination of up to 4: {escape_markdown(', '.join(told['dropped']))}."
        )
    commands.show(["evaluate", "twoafc", asked.name, "--models", ",".join(ready), "--search", how])


show()
