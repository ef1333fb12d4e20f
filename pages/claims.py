"""Claims: what the papers say, tested on a collection under every choice that they leave open."""

import streamlit as st

from simcore.lab.claims import evaluation
from simcore.lab.claims.claims_report import OUTCOMES, ClaimsReport, ClaimVerdict
from simcore.lab.claims.evaluation import ClaimsQuestion
from simcore.lab.judgements import sets
from simcore.ui import commands, job_progress, kiosk, sidebar, url_state, widgets
from simcore.ui.claims import verdict_views
from simcore.ui.url_state import Field

PAGE = "claims"
ALL = "all"
NO_SET = "none"
COMMAND = ("claims",)
PAPER = Field("paper", (ALL, *evaluation.PAPERS))
VERDICT = Field("verdict", (ALL, *OUTCOMES))
CLAIM = Field("claim", ("", *(claim.id for claim in evaluation.CLAIMS)))


def show() -> None:
    """Draw the page."""
    st.title("Claims")
    st.caption(
        "Sentences of the four papers, tested on your pairs: holds, fails, or cannot be decided "
        "here.",
        help="Each claim is a statistic with a paired bootstrap; whatever is chosen (the best "
        "combination, say) is chosen on one half of the pairs and tested on the other. The grid "
        "repeats it under every choice that its paper leaves open.",
    )
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
        report = evaluation.stored(question)
        _job(question, report)
        if not report.computed[0]:
            commands.show(["claims", *question.to_args()])
            return
        _verdicts(report)
        commands.show(["claims", *question.to_args()])


def _judgement_sets() -> list[str]:
    return [*dict.fromkeys([sets.KNOWN, *sets.names()]), NO_SET]


def _job(question: ClaimsQuestion, report: ClaimsReport) -> None:
    """The running job, or a button that computes what is missing."""
    running = job_progress.show(*COMMAND)
    missing = report.uncomputed
    if running or not missing:
        return
    if kiosk.enabled():
        st.info(f"{missing:,} universes are not tested yet.")
        return
    st.button(
        f"Test {missing:,} universes",
        key=f"{PAGE}_go",
        icon=":material/gavel:",
        on_click=job_progress.start,
        args=(["claims", *question.to_args()],),
        help="A minute or two for 1,000 pairs; what is computed is kept.",
    )


def _verdicts(report: ClaimsReport) -> None:
    verdict_views.summary(report)
    left, right = st.columns(2)
    paper = left.selectbox("Paper", PAPER.choices({}), key=f"{PAGE}_paper")
    outcome = right.selectbox(
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
