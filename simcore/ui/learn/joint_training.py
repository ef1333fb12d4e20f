"""Learning from pairs and judgements together: the set, the run, and what each source adds."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.judgements import sets
from simcore.lab.learning import joint, joint_scores, learned_backbones
from simcore.recipe import Question
from simcore.types import JSON
from simcore.ui import charts, kiosk, url_state
from simcore.ui.learn import adaptation_results, run_form
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

PAGE = "learn"
TERMS = {"triplet": "Triplets", "quadruplet": "Quadruplets"}
SCORES = {"recall": "aR@1 of pairs, %", "agreement": "agreement with votes, %"}


def field() -> Field:
    """The query parameter of the set of judgements."""
    names = learned_backbones.triplet_sets_for_training()
    return Field("judgements", names, default=sets.KNOWN, label="set of triplets")


def show(question: Question) -> None:
    """The run, and the backbones learned from this collection and set.

    Args:
        question: the pairs, and the backbones that are adapted.
    """
    names = learned_backbones.triplet_sets_for_training()
    with st.sidebar:
        judgements = st.selectbox(
            "Judgements",
            names,
            key=f"{PAGE}_judgements",
            help="Sets of triplets. Their features are computed where they are missing.",
        )
    if not kiosk.enabled():
        _form(question, judgements)
    _results(question, judgements)


def _form(question: Question, judgements: str) -> None:
    models = [model for model in question.backbones if not model.startswith("learned:")]
    if not models:
        st.info("Choose a backbone in the sidebar that is not a learned one.")
        return
    left, middle, right = st.columns(3)
    term = left.selectbox(
        "Loss of judgements",
        list(TERMS),
        format_func=TERMS.__getitem__,
        key=f"{PAGE}_term",
        help="The losses of margaritescu2024 on distances of the adapted features, weighted by how "
        "certain the votes are. Quadruplets add a second negative from another trial.",
    )
    balance = middle.slider(
        "Weight of judgements",
        0.1,
        0.9,
        0.5,
        0.1,
        key=f"{PAGE}_balance",
        help="The pairs have the rest; theirs is the loss of risser-maroux2021.",
    )
    folds = right.number_input(
        "Folds",
        3,
        10,
        4,
        key=f"{PAGE}_folds",
        help="Parts of the images. Each is tested on what was learned from the others.",
    )
    args = ["learn", "joint", question.collection, judgements, "--models", ",".join(models)]
    args += ["--term", term, "--balance", f"{balance:g}", "--folds", str(folds)]
    if question.subset != "all":
        args += ["--subset", question.subset]
    run_form.run(args, f"{question.collection}-{judgements}", f"{PAGE}_name_joint")


def _results(question: Question, judgements: str) -> None:
    infos = learned_backbones.joint_listing(question.collection, judgements)
    st.header("Learned backbones", anchor=False)
    if not infos:
        hint = "" if kiosk.enabled() else " Start a run above."
        both = f"{escape_markdown(question.collection)} and {escape_markdown(judgements)}"
        st.info(f"None yet from {both}.{hint}")
        return
    names = [info.name.removeprefix("learned:") for info in reversed(infos)]
    url_state.bind(PAGE, [Field("backbone", names, label="learned backbone")])
    name = st.selectbox("Learned backbone", names, key=f"{PAGE}_backbone")
    info = next(info for info in infos if info.name == f"learned:{name}")
    scores(info.result, name)
    adaptation_results.details(question, name)


def scores(document: JSON, name: str) -> None:
    """What was learned from pairs, judgements and both, each on images that it never saw."""
    table = joint.scores_table(document)
    st.markdown(
        f"**{escape_markdown(table.title)}**",
        help="Each pair and each judgement is tested once, by a map that was learned without its "
        "images. `learned from pairs` has seen no judgement and `learned from judgements` no "
        "pair, so each shows what transfers.",
    )
    columns = st.columns(2)
    for column, (score, label) in zip(columns, SCORES.items(), strict=True):
        with column:
            charts.show(_figure(document, score), f"joint_{score}_{name}", x=label, height=230)
    frame = pd.DataFrame(list(table.rows), columns=_headings(table.columns))
    st.dataframe(frame, hide_index=True, key=f"{PAGE}_joint_{name}")
    for note in table.notes:
        st.caption(note)


def _headings(columns: tuple[str, ...]) -> list[str]:
    """Differences belong to the column before them; a frame needs different names."""
    return [
        f"{columns[number - 1]}, difference" if column == "difference" else column or "map"
        for number, column in enumerate(columns)
    ]


def _figure(document: JSON, score: str) -> go.Figure:
    """One point with its 95 % interval per stage."""
    parts = [document["scores"][stage][score] for stage in joint_scores.STAGES]
    values, lows, highs = ([100 * part[k] for part in parts] for k in ("value", "low", "high"))
    figure = go.Figure()
    figure.add_scatter(
        x=values,
        y=list(joint_scores.STAGES.values()),
        mode="markers",
        marker={"color": html_document.COLORS[0], "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value for high, value in zip(highs, values, strict=True)],
            "arrayminus": [value - low for low, value in zip(lows, values, strict=True)],
        },
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed")
    return figure
