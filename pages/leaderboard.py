"""Leaderboard: every backbone on pairs and judgements, with costs, ranks and their intervals."""

import streamlit as st

from simcore.lab.leaderboard import board_files, evaluation, task_sources
from simcore.lab.leaderboard.board import Board
from simcore.lab.leaderboard.board_entries import COSTS
from simcore.lab.leaderboard.evaluation import ALL, LeaderboardQuestion
from simcore.recipe import POST_PROCESSING
from simcore.ui import commands, job_progress, kiosk, sidebar, url_state, widgets
from simcore.ui.leaderboard import board_views
from simcore.ui.sidebar import POST_NAMES
from simcore.ui.url_state import Field, ListField, TextField

PAGE = "leaderboard"
EXTRACTED = "extracted"
ROWS = {"best": "Best of each backbone", "all": "All rows"}
MODELS = {EXTRACTED: "Extracted ones", "all": "All, also those that are missing"}
FIELDS = (
    Field("backbones", tuple(MODELS)),
    Field("rows", tuple(ROWS)),
    Field("processing", (*POST_PROCESSING, "all"), label="post-processing"),
    Field("cost", tuple(COSTS)),
    TextField("words", limit=80),
)


def show() -> None:
    """Draw the page."""
    st.title("Leaderboard")
    st.caption(
        "Every backbone on your pairs and on people's judgements, with what it costs.",
        help="Ranks have 95 % intervals by a paired bootstrap. ★ is not significantly worse than "
        "the best: McNemar's exact test for recall, paired bootstrap for agreement, with Holm's "
        "correction.",
    )
    with widgets.show_errors():
        collection = sidebar.collection_field()
        if collection is None:
            return
        judged = ListField("judgements", _judgement_sets(), default=(), keep_empty=True)
        values = url_state.bind(PAGE, [collection, judged, *FIELDS])
        with st.sidebar:
            _controls(collection, judged)
        question = LeaderboardQuestion(
            (values["collection"], *values["judgements"]),
            () if values["backbones"] == EXTRACTED else (ALL,),
        )
        board = _merged(evaluation.stored(question))
        _job(question)
        by = Field("by", [column.name for column in board.columns])
        board = board.ordered_by(url_state.bind(PAGE, [by])["by"])
        if any(entry.outcomes for entry in board.entries):
            _draw(board, by, values["collection"])
        commands.show(["leaderboard", *question.to_args(), "--by", board.column().name])


def _judgement_sets() -> list[str]:
    pairs = sidebar.pair_collections()
    return [name for name in task_sources.names() if name not in pairs]


def _judgements_help() -> str:
    text = "Sets of judgements that each backbone should agree with."
    if left_out := task_sources.not_ranked():
        names = ", ".join(map(widgets.escape_markdown, left_out))
        text += f" Not offered: {names}. Same-or-different pairs {task_sources.NOT_RANKED}."
    return text


def _controls(collection: Field, judged: ListField) -> None:
    st.selectbox("Collection", collection.choices({}), key=f"{PAGE}_collection")
    st.multiselect(
        "Judgements",
        judged.choices({}),
        key=f"{PAGE}_judgements",
        help=_judgements_help(),
    )
    st.selectbox("Backbones", list(MODELS), format_func=MODELS.__getitem__, key=f"{PAGE}_backbones")
    st.selectbox("Rows", list(ROWS), format_func=ROWS.__getitem__, key=f"{PAGE}_rows")
    st.selectbox(
        "Post-processing",
        [*POST_NAMES, "all"],
        format_func=lambda name: POST_NAMES.get(name, "All"),
        key=f"{PAGE}_processing",
    )


def _merged(board: Board) -> Board:
    """The board, joined with a file of another computer if one is uploaded."""
    if kiosk.enabled():
        return board
    with st.sidebar:
        upload = st.file_uploader(
            "Merge with a leaderboard",
            type=["json"],
            max_upload_size=board_files.MAX_BYTES >> 20,
            key=f"{PAGE}_upload",
            help="A file of `simcore leaderboard export`. Tasks and rows are joined by digests of "
            "images and weights.",
        )
    if upload is None:
        return board
    return board_files.merge([board, board_files.load(upload.getvalue(), upload.name)])


def _job(question: LeaderboardQuestion) -> None:
    """The running job, or a button that computes what is missing."""
    if kiosk.enabled() or job_progress.show("leaderboard"):
        return
    plan = evaluation.plan(question)
    if not plan.backbones and not plan.cells:
        return
    st.button(
        "Evaluate what is missing",
        key=f"{PAGE}_go",
        icon=":material/leaderboard:",
        on_click=job_progress.start,
        args=(["leaderboard", *question.to_args()],),
        help=plan.sentence,
    )


def _draw(board: Board, by: Field, collection: str) -> None:
    left, middle, right = st.columns(3)
    left.selectbox("Rank by", by.choices({}), key=f"{PAGE}_by")
    cost = middle.selectbox("Cost", list(COSTS), format_func=COSTS.__getitem__, key=f"{PAGE}_cost")
    words = right.text_input(
        "Filter",
        key=f"{PAGE}_words",
        max_chars=80,
        placeholder="grid MIT",
        help="Only rows whose backbone, metric, post-processing or license contains each word.",
    )
    state = st.session_state
    post, rows = state[f"{PAGE}_processing"], state[f"{PAGE}_rows"]
    shown = board.only(post="" if post == "all" else post, best=rows == "best", words=words)
    if not shown.entries:
        st.info("No row contains all words of the filter.")
        return
    selected = board_views.table(shown, f"{PAGE}_table_{board.by}_{post}_{rows}_{words}")
    board_views.missing(shown)
    if selected is not None:
        board_views.links(selected, collection)
    board_views.scatter(shown, cost, collection, f"{PAGE}_scatter")
    board_views.downloads(shown, collection)
    board_views.notes(shown)


show()
