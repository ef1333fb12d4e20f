"""Judgements: how often each similarity answers as people do, and where it does not."""

import streamlit as st

from simcore.lab.judgements import agreement, pair_similarities, perceptual, sets
from simcore.lab.judgements.agreement import ALL, JudgementQuestion
from simcore.recipe import COMBINATION_TITLES, Combination
from simcore.ui import commands, widgets
from simcore.ui.judgements import (
    disagreements,
    judgement_sets,
    judgement_sidebar,
    score_chart,
)
from simcore.ui.judgements.judgement_sidebar import PAGE, VIEWS
from simcore.ui.widgets import escape_markdown


def show() -> None:
    """Draw the page."""
    st.title("Judgements")
    st.caption(
        "Which of two images is more similar to a third: how often each similarity agrees with "
        "people.",
        help="Two-alternative forced choice (2AFC), as in margaritescu2024, Fig. 5.1, and "
        "rosenfeld2019, 4.5; also odd-one-out trials and just noticeable differences (JND).",
    )
    with widgets.show_errors():
        names = sets.names()
        if not names:
            judgement_sets.welcome()
            return
        question = judgement_sidebar.sidebar(names)
        view = (
            st.segmented_control(
                "View",
                list(VIEWS),
                format_func=VIEWS.__getitem__,
                key=f"{PAGE}_view",
                required=True,
                label_visibility="collapsed",
            )
            or "scores"
        )
        if view == "set":
            judgement_sets.about(question.judgements)
            return
        ready = judgement_sets.ready_models(question)
        if not ready:
            return
        if view == "scores":
            _scores(question, ready)
        elif view == "disagreements":
            disagreements.show(question, ready)
        elif view == "layers":
            _layers(question, ready)
        else:
            _combinations(question, ready)


def _scores(question: JudgementQuestion, ready: list[str]) -> None:
    if not question.metrics:
        st.info("Choose at least one metric in the sidebar.")
        return
    with widgets.placeholder("Scoring", 420, 300):
        table = agreement.table(question.with_models(ready))
    groups = list(dict.fromkeys([ALL, *table.groups])) if len(table.groups) > 1 else [ALL]
    group = ALL
    if len(groups) > 1:
        group = st.selectbox(
            "Group",
            groups,
            key=f"{PAGE}_group_{question.judgements}",
            format_func=lambda name: score_chart.group_label(name, table),
        )
    score_chart.show(table, group)
    for note in table.judged.notes:
        st.caption(escape_markdown(note[:1].upper() + note[1:] + "."))
    rows = table.to_table(decimals=1).to_frame()
    rows["similarity"] = rows["similarity"].map(score_chart.display_name)
    st.dataframe(
        rows,
        hide_index=True,
        key=f"{PAGE}_table",
        column_config={
            "similarity": widgets.name_column(
                rows["similarity"],
                help="People's rows: the ceiling is the best possible score on these votes; "
                "leave-one-out majority, how often the majority of the others agrees with one "
                "person; inter-annotator agreement, how often two people agree.",
            ),
            f"{ALL} %": st.column_config.Column(help="Mean over groups, 95 % confidence interval."),
        },
    )
    widgets.csv_button(lambda: table.to_long_table().to_csv(), f"{question.judgements}-scores.csv")
    commands.show(["evaluate", "triplets", *question.to_args()])


def _layers(question: JudgementQuestion, ready: list[str]) -> None:
    nets = [net for net in perceptual.NETS if f"lpips-{net}" in ready]
    if not nets:
        distances = pair_similarities.distances()
        reasons = [d.reason for d in distances if "lpips" in d.name and d.reason]
        reason = f" {escape_markdown(reasons[0][:1].upper() + reasons[0][1:])}" if reasons else ""
        st.info("Choose lpips-alex, lpips-vgg or lpips-squeeze in the sidebar." + reason)
        return
    st.markdown(
        "**2AFC score of each LPIPS layer alone, in percent**",
        help="rosenfeld2019, Table 2. Layer 0 is the shallowest of five; the difference is "
        "calibrated minus best layer.",
    )
    table = perceptual.layer_table(question, nets).to_table(each_layer=True)
    st.dataframe(table.to_frame(), hide_index=True)
    commands.show(["evaluate", "layers", question.judgements, "--nets", ",".join(nets)])


def _combinations(question: JudgementQuestion, ready: list[str]) -> None:
    if len(ready) < 2:
        st.info("Choose at least two similarities in the sidebar.")
        return
    combine: Combination = "sum" if question.combine == "sum" else "zsum"
    question = question.with_models(ready).with_combine(combine)
    with widgets.placeholder("Trying all combinations", 300):
        table = perceptual.combinations(question).to_table()
    label = COMBINATION_TITLES[combine]
    st.markdown(
        f"**The best {label} for each group**",
        help="rosenfeld2019, Table 3; each backbone by its own metric. Held out: chosen on other "
        "trials than it is scored on; the other scores are optimistically biased.",
    )
    st.dataframe(table.to_frame(), hide_index=True)
    for note in table.notes:
        st.caption(escape_markdown(f"{note[:1].upper()}{note[1:]}."))
    options = ["--models", ",".join(ready), "--search", combine]
    commands.show(["evaluate", "two-afc", question.judgements, *options])


show()
