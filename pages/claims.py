"""Claims: what the papers say, tested on a collection under every choice that they leave open."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.lab.claims import claims_evaluation
from simcore.lab.claims.claims_evaluation import ClaimsQuestion
from simcore.lab.claims.claims_report import OUTCOMES, ClaimsReport, ClaimVerdict
from simcore.lab.judgements import sets
from simcore.ui import commands, job_progress, kiosk, sidebar, url_state, widgets
from simcore.ui.claims import verdict_views
from simcore.ui.url_state import Field

PAGE = "claims"
ALL = "all"
NO_SET = "none"
COMMAND = ("claims",)
PAPER = Field("paper", (ALL, *claims_evaluation.PAPERS))
VERDICT = Field("verdict", (ALL, *OUTCOMES))
CLAIM = Field("claim", ("", *(claim.id for claim in claims_evaluation.CLAIMS)))


def show() -> None:
    """Draw the page."""
    st.title("Claims")
    st.caption("Do sentences of the four papers hold on your pairs?")
    verdict_views.terms()
    with widgets.show_errors():
        collection = sidebar.collection_field()
        if collection is None:
            return
        judgements = Field("judgements", _judgement_sets())
        values = url_state.bind(PAGE, [collection, judgements, PAPER, VERDICT, CLAIM])
        with st.sidebar:
            st.selectbox("Collection", collection.choices({}), key=f"{PAGE}_collection")
            st.selectbox(
                "Judgements",
                judgements.choices({}),
                key=f"{PAGE}_judgements",
                help="The set of triplets for claims about people's judgements.",
            )
        judged = () if values["judgements"] == NO_SET else (values["judgements"],)
        question = ClaimsQuestion(values["collection"], judgements=judged)
        filters = st.columns(2)
        paper = filters[0].selectbox("Paper", PAPER.choices({}), key=f"{PAGE}_paper")
        with widgets.placeholder("Reading the verdicts", 36, 420):
            report = claims_evaluation.stored(question)
        _job(question, report)
        if report.computed[0]:
            _verdicts(report, paper, filters[1])
        else:
            _preview(report, paper)
        commands.show(["claims", *question.to_args()])


def _judgement_sets() -> list[str]:
    return [*dict.fromkeys([sets.KNOWN, *sets.names()]), NO_SET]


def _job(question: ClaimsQuestion, report: ClaimsReport) -> None:
    """The running job, or buttons: one computes what is missing, others make more testable."""
    if job_progress.show(*COMMAND):
        return
    missing = report.uncomputed
    if kiosk.enabled():
        if missing:
            st.info("Not all claims are tested yet.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if missing:
            st.button(
                f"Test {report.testable} claims" if not report.computed[0] else "Resume",
                key=f"{PAGE}_go",
                type="primary",
                icon=":material/gavel:",
                on_click=job_progress.start,
                args=(["claims", *question.to_args()],),
                help=f"{missing:,} combinations of claim and choices are left, about a minute for "
                "1,000. What is computed is kept: stop and resume at any time.",
            )
        for step in report.next_steps:
            count = len(step.claims)
            st.button(
                f"{step.label} (+{count} claim{'s' if count > 1 else ''})",
                key=f"{PAGE}_step_{step.args[0]}",
                icon=":material/add:",
                on_click=job_progress.start,
                args=(list(step.args),),
                disabled=job_progress.running(step.args[0]) is not None,
                help=f"Makes more claims testable: {', '.join(step.claims)}.",
            )


def _preview(report: ClaimsReport, paper: str) -> None:
    """The claims before any is tested."""
    rows = [each for each in report.verdicts if paper in (ALL, each.claim.paper)]
    selected = verdict_views.claims_table(rows, f"{PAGE}_preview_{paper}")
    _detail(rows, selected)


def _verdicts(report: ClaimsReport, paper: str, column: DeltaGenerator) -> None:
    """The verdicts on the claims of a paper; a filter by verdict is drawn into `column`."""
    verdict_views.summary(report)
    outcome = column.selectbox(
        "Verdict",
        VERDICT.choices({}),
        format_func=lambda name: OUTCOMES.get(name, ALL),
        key=f"{PAGE}_verdict",
    )
    rows = [
        verdict
        for verdict in report.verdicts
        if paper in (ALL, verdict.claim.paper) and outcome in (ALL, verdict.outcome)
    ]
    if not rows:
        st.info("No claim passes this filter.")
        return
    selected = verdict_views.verdict_table(report, rows, f"{PAGE}_table_{paper}_{outcome}")
    _detail(rows, selected)


def _detail(rows: list[ClaimVerdict], selected: int | None) -> None:
    """The claim that was clicked, in full; its link is this page's address."""
    chosen = _chosen(rows, selected)
    url_state.write(PAGE, {"claim": chosen.claim.id})
    verdict_views.detail(chosen)


def _chosen(rows: list[ClaimVerdict], selected: int | None) -> ClaimVerdict:
    """The claim that was clicked, that of the link, or the first."""
    if selected is not None:
        return rows[selected]
    linked = st.session_state.get(f"{PAGE}_claim", "")
    return next((verdict for verdict in rows if verdict.claim.id == linked), rows[0])


show()
