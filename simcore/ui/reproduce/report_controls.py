"""The controls of Reproduce: paper, data, backbones, pairs."""

from dataclasses import dataclass, replace

import streamlit as st

from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.learning.finetuning_grid import Grid
from simcore.lab.papers import reproduce
from simcore.ui import sidebar, url_state, widgets
from simcore.ui.reproduce import finetuning_controls
from simcore.ui.url_state import Field, ListField
from simcore.ui.widgets import escape_markdown

PAGE = "reproduce"
PAPERS = {  # name in the address -> label
    "rosenfeld2018": "rosenfeld2018",
    "rosenfeld2019": "rosenfeld2019",
    "bapps": "rosenfeld2019, BAPPS",
    "risser-maroux2021": "risser-maroux2021",
    "margaritescu2024": "margaritescu2024",
}
PAPER = Field("paper", list(PAPERS), label="paper")
MAX_MODELS = 24


@dataclass(frozen=True)
class Choice:
    """What a report is about.

    Attributes:
        data: the collection, or the sets of judgements separated by commas.
        models: backbones and distances.
        subset: of the pairs; empty for judgements.
        args: of the `simcore` command line that makes the same report.
        grid: what is fine-tuned for Figure 5.3 of margaritescu2024; None leaves it out.
    """

    data: str
    models: tuple[str, ...]
    subset: str
    args: tuple[str, ...]
    grid: Grid | None = None


def choose(paper: str) -> Choice | None:
    """Draw the controls of a paper; None, with a sentence, while nothing can be made.

    Raises:
        BadDataError: the collection has no features yet.
    """
    if paper in reproduce.JUDGEMENT_PAPERS:
        return _judgements(paper)
    question = sidebar.select_question(PAGE, options=("subset",), fields=[PAPER])
    if question is None:
        return None
    usual = reproduce.default_subset(paper, question.collection)
    if question.subset != usual:
        st.sidebar.caption(f"The paper is about the pairs {escape_markdown(usual)}.")
    return _choice(paper, question.collection, question.backbones, question.subset)


def _judgements(paper: str) -> Choice | None:
    kinds = {row.name: row.kind for row in sets.listing()}
    names = [name for name, kind in kinds.items() if _fits(paper, kind)]
    if not names:
        widgets.empty_state(
            "There is no set of judgements that fits this paper.",
            "pages/judgements.py",
            "How to add one",
        )
        return None
    values = url_state.bind(
        PAGE,
        [
            PAPER,
            ListField("judgements", names, default=_one_of_each(names, kinds), label="set"),
            ListField(
                "similarities",
                expand=lambda name: pair_similarities.expand([name]),
                default=_default_models,
                label="similarity",
                limit=MAX_MODELS,
            ),
        ],
    )
    with st.sidebar:
        judged = st.multiselect("Judgements", names, key=f"{PAGE}_judgements")
        models = st.multiselect(
            "Similarities",
            list(dict.fromkeys([*_default_models({}), *values["similarities"]])),
            key=f"{PAGE}_similarities",
            max_selections=MAX_MODELS,
            accept_new_options=True,
            help="Backbones and perceptual distances. What is missing of them is computed.",
        )
    if not judged or not models:
        st.info("Choose judgements and similarities in the sidebar.")
        return None
    choice = _choice(paper, ",".join(judged), tuple(models), "")
    if paper != reproduce.FINE_TUNING_PAPER:
        return choice
    grid = finetuning_controls.choose(PAGE)
    if grid is None:
        return choice
    return replace(choice, grid=grid, args=(*choice.args, *grid.to_args()))


def _fits(paper: str, kind: str) -> bool:
    judged_kinds = ("bapps", "hsj", "birds-16")
    return kind in judged_kinds if paper == "margaritescu2024" else kind.startswith("bapps")


def _one_of_each(names: list[str], kinds: dict[str, str]) -> list[str]:
    """The first set of each kind; a report takes no second one."""
    return list({kinds[name]: name for name in reversed(names)}.values())[::-1]


def _default_models(_values: object) -> list[str]:
    distances = [distance.name for distance in pair_similarities.distances() if distance.ready]
    return [*pair_similarities.default_backbones(), *distances][:MAX_MODELS]


def _choice(paper: str, data: str, models: tuple[str, ...], subset: str) -> Choice:
    args = ["reproduce", paper, data, "--models", ",".join(models)]
    if subset:
        args += ["--subset", subset]
    return Choice(data, models, subset, tuple(args))
