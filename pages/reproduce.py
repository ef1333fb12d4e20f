"""Reproduce: a whole paper on your own pairs or judgements, printed values beside own ones."""

from functools import partial

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.learning import finetuning_grid
from simcore.lab.learning.finetuning_grid import Grid
from simcore.lab.papers import report_header, reproduce
from simcore.lab.papers.paper_report import ReportPlan
from simcore.lab.papers.sections import Section
from simcore.ui import commands, job_progress, kiosk, page_export, url_state, widgets
from simcore.ui.reproduce import report_controls, report_view

PAGE = report_controls.PAGE


def show() -> None:
    """Draw the page."""
    st.title("Reproduce")
    st.caption("All tables and figures of a paper on your data, beside the printed values.")
    with widgets.show_errors():
        url_state.bind(PAGE, [report_controls.PAPER])
        paper = st.sidebar.selectbox(
            "Paper",
            list(report_controls.PAPERS),
            format_func=report_controls.PAPERS.__getitem__,
            key=f"{PAGE}_paper",
        )
        st.caption(widgets.escape_markdown(report_header.CITATIONS[paper].text))
        choice = report_controls.choose(paper)
        if choice is None:
            return
        with st.spinner("Looking for finished sections"):
            plan = reproduce.plan(
                paper, choice.data, choice.models, subset=choice.subset, grid=choice.grid
            )
            stored = plan.stored()
        if choice.grid is not None:
            _count_cells(choice.data, choice.grid)
        running = job_progress.show(*choice.args[:3])
        _run(plan, choice, running=running, missing=stored.count(None))
        _download(plan, stored)
        commands.show(choice.args)
        _sections(plan, stored)
        page_export.forget()  # the files above also hold everything


def _count_cells(data: str, grid: Grid) -> None:
    """How much of Figure 5.3 is stored: its sections appear once all cells of a network are."""
    done, total = finetuning_grid.count_stored(reproduce.open_sets(data), grid)
    st.caption(
        f"Figure 5.3: {done:,} of {total:,} networks are trained and scored.",
        help="One for each base network, source and paradigm, and the base networks themselves. "
        "Each is stored once it is finished; a stopped run continues.",
    )


def _run(plan: ReportPlan, choice: report_controls.Choice, *, running: bool, missing: int) -> None:
    """The button that makes the sections that are missing."""
    count = len(plan.steps)
    if not missing or running:
        return
    if kiosk.enabled():
        st.info(f"{missing} of {count} sections are not made yet.")
        return
    ready = count - missing
    st.button(
        f"Make the other {missing} sections" if ready else f"Make the report ({count} sections)",
        type="primary",
        icon=":material/play_arrow:",
        key="reproduce_go",
        on_click=job_progress.start,
        args=(choice.args,),
        help="Runs in the background. Each section is stored once it is made, so that a stopped "
        "report continues with the next one.",
    )


def _download(plan: ReportPlan, stored: list[Section | None]) -> None:
    """One button per kind of file, once all sections are made."""
    sections = [section for section in stored if section is not None]
    if len(sections) < len(stored):
        return
    report = plan.with_sections(sections)
    with st.container(horizontal=True):
        for kind, file_format in report_view.FORMATS.items():
            st.download_button(
                f"Download {file_format.name}",
                partial(file_format.content, report),
                f"{report.header.paper}-{report.collection}{file_format.suffix}",
                mime=file_format.mime,
                icon=":material/article:",
                on_click="ignore",
                key=f"reproduce_{kind}",
            )


def _sections(plan: ReportPlan, stored: list[Section | None]) -> None:
    finished = [section for section in stored if section is not None]
    if not finished:
        return
    if not plan.steps:
        raise BadDataError("The paper has no section that these data allow.")
    report_view.header(plan.report.header)
    for number, section in enumerate(finished):
        report_view.section(section, number)


show()
