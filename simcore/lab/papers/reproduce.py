"""Reproduce a whole paper: every table and figure, the printed values beside one's own."""

from collections.abc import Sequence

from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.judgements import sets
from simcore.lab.library import collections, duplicates, features, subsets
from simcore.lab.papers import (
    margaritescu2024_tables,
    paper_report,
    risser_maroux2021_tables,
    rosenfeld2018_tables,
    rosenfeld2019_tables,
)
from simcore.lab.papers.paper_report import Report, Step
from simcore.recipe import Question
from simcore.types import Monitor

JUDGEMENT_PAPERS = {
    "margaritescu2024": margaritescu2024_tables.report,
    "bapps": rosenfeld2019_tables.bapps,
}
PAPERS = ("rosenfeld2018", "rosenfeld2019", "risser-maroux2021")


def run(
    paper: str,
    name: str,
    models: Sequence[str] = (),
    *,
    subset: str = "",
    monitor: Monitor = Monitor(),
) -> Report:
    """All tables and figures of a paper that the available data and features allow.

    Args:
        paper: one of `PAPERS`, on a collection, or of `JUDGEMENT_PAPERS`, on sets of judgements.
        name: of the collection, or of the sets, separated by commas.
        models: backbones; empty means all whose features are complete, or all that are available.
        subset: which pairs; empty means those of the paper: every pair for rosenfeld2019, TLLd for
            rosenfeld2018 where the network that TLLd was made with is ready, pairs without faces
            for risser-maroux2021 where a detector has run; else every pair.
        monitor: progress and stop.

    Raises:
        UnknownNameError: no such paper or collection.
        BadDataError: no features, or sets of judgements that do not fit the paper.
        Stopped: `monitor` asked to stop.
    """
    if paper in JUDGEMENT_PAPERS:
        return run_on_judgements(paper, name, models, monitor=monitor)
    if paper not in PAPERS:
        raise unknown_name("paper", paper, [*PAPERS, *JUDGEMENT_PAPERS])
    backbones = list(models) or collections.default_backbones(name)
    question = Question(
        name, tuple(recipes.parse(backbones)), subset=subset or default_subset(paper, name)
    )
    sections = paper_report.make(_steps(paper, question, monitor), monitor)
    pairs = len(subsets.open_subset(name, question.subset).left)
    return Report(paper, name, pairs, question.backbones, sections, question.subset)


def run_on_judgements(
    paper: str, name: str, models: Sequence[str] = (), *, monitor: Monitor = Monitor()
) -> Report:
    """All tables and figures of a paper that some judgements and similarities allow.

    Args:
        paper: one of `JUDGEMENT_PAPERS`.
        name: sets of judgements, separated by commas: for margaritescu2024 one of kind bapps, hsj
            or birds-16 each; for bapps any set of triplets, and one of kind bapps-jnd if there is.
        models: backbones and distances; empty means all that are available.
        monitor: progress and stop.

    Raises:
        UnknownNameError: no such set.
        BadDataError: sets that do not fit the paper, or no similarity is available.
    """
    names = [part.strip() for part in name.split(",") if part.strip()]
    if not names:
        raise BadDataError("No set of judgements. Name at least one, such as known.")
    judged = [sets.open_(each, monitor=monitor) for each in names]
    return JUDGEMENT_PAPERS[paper](judged, models, monitor)


def default_subset(paper: str, name: str) -> str:
    """The pairs that a paper is about, as far as the features of a collection can tell."""
    collection = collections.open_(name)
    if paper == "risser-maroux2021":
        for detector, subset in (("haar", "haar-objects"), ("face", "objects")):
            if features.is_ready(collection, detector):
                return subset
        return "all"
    if paper == "rosenfeld2018":
        # The thresholds of TLLd belong to densenet121; distances of another network differ.
        networks = [judge for judge in duplicates.DUPLICATE_BACKBONES if "densenet121" in judge]
        generic_ready = any(features.is_ready(collection, network) for network in networks)
        if generic_ready and features.is_ready(collection, "face"):
            return "tlld-paper"
    return "all"


def _steps(paper: str, question: Question, monitor: Monitor) -> list[Step]:
    if paper == "rosenfeld2018":
        return paper_report.ask(rosenfeld2018_tables.STEPS, question)
    if paper == "rosenfeld2019":
        return paper_report.ask(rosenfeld2019_tables.STEPS, question)
    return risser_maroux2021_tables.steps(question, monitor)
