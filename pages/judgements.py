"""Judgements: which similarity answers as people do, and where they part."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages import charts, judged, judging, parting, widgets
from pages.judged import PAGE, Asked
from pages.widgets import plain
from simcore.lab import agreement, alike, judgements, perceptual
from simcore.lab.agreement import Table
from simcore.types import Score

ALL = agreement.ALL
CHANCE = {"triplets": 0.5, "odd": 1 / 3, "same": 0.0}
PATTERNS = ("", "/", ".", "x")


def show() -> None:
    """Draw the page."""
    st.title("Judgements")
    st.caption(
        "Which of two pictures is more like a third? How often each similarity answers as people "
        "do, and where they part (margaritescu2024, Fig. 5.1; rosenfeld2019, 4.5)."
    )
    with widgets.sentences():
        names = judgements.names()
        if not names:
            judging.welcome()
            return
        judged.arrive(names)
        asked = judged.sidebar(names)
        what = st.segmented_control(
            "Show", list(judged.WHAT), format_func=judged.WHAT.__getitem__, key=f"{PAGE}_what",
            required=True, label_visibility="collapsed",
        ) or "scores"  # fmt: skip
        judged.write(asked, what)
        if what == "set":
            judging.about(asked.name)
            return
        ready = judging.missing(asked)
        if not ready:
            return
        {"scores": _scores, "apart": parting.show, "layers": _layers, "best": _best}[what](
            asked, ready
        )


def _scores(asked: Asked, ready: list[str]) -> None:
    if not asked.metrics:
        st.info("Choose at least one metric in the sidebar.")
        return
    with st.spinner("Scoring"):
        found = _table(asked, tuple(ready), asked.opened().digest)
    told = judgements.summary(asked.name)
    groups = [ALL, *found.groups] if len(found.groups) > 1 else [ALL]
    group = groups[0]
    if len(groups) > 1:
        group = st.selectbox(
            "Group", groups, key=f"{PAGE}_group_{asked.name}",
            format_func=lambda g: _group(g, found),
        )  # fmt: skip
    _bars(found, group, CHANCE[told["shape"]])
    for note in found.judged.notes:
        st.caption(plain(note[:1].upper() + note[1:] + "."))
    lines = _lines(found)
    seen = pd.DataFrame(
        {"similarity": label, "metric": metric}
        | {f"{g} %": _percent(s, wide=g == ALL) for g, s in scores.items()}
        for label, metric, scores in lines
    )
    st.dataframe(seen, hide_index=True, key=f"{PAGE}_table")
    frame = pd.DataFrame(
        {"similarity": label, "metric": metric, "group": g, "trials": _count(g, found),
         "score": s.value, "low": s.low, "high": s.high}
        for label, metric, scores in lines for g, s in scores.items()
    )  # fmt: skip
    st.download_button(
        "Download as CSV", lambda: frame.to_csv(index=False).encode(), f"{asked.name}-scores.csv",
        mime="text/csv", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    st.code(asked.by_hand(), language="bash", wrap_lines=True)


@st.cache_data(max_entries=32, show_spinner=False)
def _table(asked: Asked, ready: tuple[str, ...], digest: str) -> Table:
    """Kept for as long as the set, by its digest, is the same."""
    return agreement.table(
        asked.opened(), ready, metrics=asked.metrics, combine=asked.combine,
        counting=asked.counting,
    )  # fmt: skip


def _lines(found: Table) -> list[tuple[str, str, dict[str, Score]]]:
    """People first, then the similarities, best first."""
    people = [(f"people: {who}", "", scores) for who, scores in found.people.items()]
    rows = sorted(found.rows, key=lambda row: -row.whole.value)
    return people + [(_name(r.label), r.metric, {ALL: r.whole} | r.groups) for r in rows]


def _bars(found: Table, group: str, chance: float) -> None:
    """Bars from chance upwards, a block a metric, as in Fig. 5.1."""
    rows = [(row, row.whole if group == ALL else row.groups[group]) for row in found.rows]
    rows = [(row, score) for row, score in rows if score.value == score.value]
    if not rows:
        st.info("Nothing in this group can be scored.")
        return
    labels = list(dict.fromkeys(_name(row.label) for row, _ in rows))
    best, top = max(rows, key=lambda pair: pair[1].value)
    place, ticks = _places([row.metric for row, _ in rows])
    figure = go.Figure()
    for n, label in enumerate(labels):
        mine = [(x, row.metric, score) for x, (row, score) in zip(place, rows, strict=True)
                if _name(row.label) == label]  # fmt: skip
        figure.add_bar(
            x=[x for x, _, _ in mine], y=[s.value - chance for _, _, s in mine], base=chance,
            width=0.9, name=label,
            marker={"color": charts.COLOURS[n % len(charts.COLOURS)],
                    "pattern_shape": PATTERNS[n // len(charts.COLOURS) % len(PATTERNS)]},
            customdata=[(judged.NAMES.get(m, "own metric"), s.value, s.low, s.high)
                        for _, m, s in mine],
            error_y={"type": "data", "symmetric": False, "thickness": 1, "width": 2,
                     "color": "#7F7F7F", "array": [s.high - s.value for _, _, s in mine],
                     "arrayminus": [s.value - s.low for _, _, s in mine]},
            hovertemplate=f"{label}, %{{customdata[0]}}<br>%{{customdata[1]:.1%}} "
            "[%{customdata[2]:.1%}, %{customdata[3]:.1%}]<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=[x for x, (_, s) in zip(place, rows, strict=True) if s.value == top.value],
        y=[s.high + 0.015 for _, s in rows if s.value == top.value], mode="markers",
        marker={"symbol": "triangle-down", "color": charts.COLOURS[2], "size": 11},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(
        tickvals=list(ticks.values()), ticktext=list(ticks), showgrid=False, zeroline=False,
        range=[-0.8, max(place) + 0.8],
    )  # fmt: skip
    figure.update_yaxes(tickformat=".0%")
    charts.level(figure, chance, "chance" if chance else "")
    if ceiling := found.people.get("ceiling"):
        charts.level(figure, ceiling[group].value, "ceiling of the votes")
    if person := found.people.get("person"):
        charts.level(figure, person[group].value, "one more person")
    metric = judged.NAMES.get(best.metric, "")
    who = "the known order" if found.judged.votes != "human" else "people"
    charts.show(
        figure, f"{PAGE}_bars", y=found.score, height=360,
        title=f"Best against {who} in {plain(_group(group, found))}: ▼ {plain(_name(best.label))}"
        f"{', ' + metric if metric else ''}, {100 * top.value:.1f} % "
        f"[{100 * top.low:.1f}, {100 * top.high:.1f}]",
    )  # fmt: skip


def _places(metrics: Sequence[str]) -> tuple[list[float], dict[str, float]]:
    """Where each bar stands, blocks of a metric with a gap between, and each block's middle."""
    place: list[float] = [0.0] * len(metrics)
    ticks: dict[str, float] = {}
    x = 0.0
    for metric in (*judged.NAMES, alike.OWN):
        mine = [k for k, m in enumerate(metrics) if m == metric]
        for k in mine:
            place[k], x = x, x + 1
        if mine:
            name = judged.NAMES.get(metric, "Distances")
            ticks[name] = (place[mine[0]] + place[mine[-1]]) / 2
            x += 1
    return place, ticks


def _layers(asked: Asked, ready: list[str]) -> None:
    nets = [n.removeprefix("lpips-") for n in ready if n.removeprefix("lpips-") in perceptual.NETS]
    if not nets:
        reasons = [d["reason"] for d in alike.distances() if "lpips" in d["name"] and d["reason"]]
        st.info(
            "Choose lpips-alex, lpips-vgg or lpips-squeeze in the sidebar."
            + (f" {plain(reasons[0][:1].upper() + reasons[0][1:])}." if reasons else "")
        )
        return
    told = perceptual.layers_json(
        perceptual.layer_table(asked.opened(), perceptual.check_nets(nets))
    )
    st.markdown("**Percent of the votes that each layer alone agrees with, 0 the shallowest**")
    st.dataframe(
        pd.DataFrame(
            {"group": r["group"], "net": r["net"], "best layer": r["layer"],
             "%": 100 * r["score"]["value"], "calibrated %": 100 * r["calibrated"]["value"],
             "all layers %": 100 * r["uncalibrated"]["value"], "difference": 100 * r["delta"]}
            | {f"layer {k} %": 100 * v for k, v in enumerate(r["layers"])}
            for r in told
        ).round(2),
        hide_index=True,
    )  # fmt: skip
    st.code(f"simcore evaluate layers {asked.name} --nets {','.join(nets)}", language="bash")


def _best(asked: Asked, ready: list[str]) -> None:
    if len(ready) < 2:
        st.info("Choose at least two similarities in the sidebar.")
        return
    how = asked.combine if asked.combine != "none" else "zsum"
    with st.spinner("Trying all combinations"):
        told = perceptual.combinations_json(
            perceptual.combinations(asked.opened(), ready, combine=how)
        )
    st.markdown(
        f"**The best {judged.WITH[how].removesuffix(' of all').lower()} for each group, each "
        "backbone by its own metric; held out: chosen on other triplets than it is judged on**"
    )
    st.dataframe(
        pd.DataFrame(
            {"group": r["group"], "best single": r["single"],
             "single %": 100 * r["single_score"]["value"],
             "best combination": " + ".join(r["several"]),
             "combination %": 100 * r["several_score"]["value"],
             "held out %": 100 * r["held_out"]} for r in told["rows"]
        ).round(2),
        hide_index=True,
    )  # fmt: skip
    if told["dropped"]:
        st.caption(f"In no best combination of up to 4: {plain(', '.join(told['dropped']))}.")
    st.code(
        f"simcore evaluate twoafc {asked.name} --models {','.join(ready)} --search {how}",
        language="bash", wrap_lines=True,
    )  # fmt: skip


def _name(label: str) -> str:
    """A label that fits a legend."""
    kind, _, inner = label.partition("(")
    return f"{kind} of {inner.count(' + ') + 1}" if inner else label


def _group(group: str, found: Table) -> str:
    trials = f"{_count(group, found):,} trials"
    return f"all groups ({trials})" if group == ALL else f"{group} ({trials})"


def _count(group: str, found: Table) -> int:
    return sum(found.groups.values()) if group == ALL else found.groups[group]


def _percent(score: Score, *, wide: bool) -> str:
    if score.value != score.value:  # NaN: nothing to score
        return ""
    text = f"{100 * score.value:.1f}"
    return text + (f"  [{100 * score.low:.1f}, {100 * score.high:.1f}]" if wide else "")


show()
