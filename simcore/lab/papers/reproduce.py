"""Reproduce a whole paper: every table and figure, the printed values beside one's own."""

import shlex
from collections.abc import Callable, Sequence

from simcore.data.judgements.trials import JudgementSet
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.learning import finetuning_grid
from simcore.lab.learning.finetuning_grid import Grid
from simcore.lab.library import collections, duplicates, features, provenance, subsets
from simcore.lab.papers import (
    bapps_tables,
    margaritescu2024_finetuning,
    margaritescu2024_tables,
    question_steps,
    report_header,
    risser_maroux2021_tables,
    rosenfeld2018_tables,
    rosenfeld2019_tables,
)
from simcore.lab.papers.paper_report import Report, ReportPlan, Step
from simcore.recipe import Question
from simcore.types import Monitor

PAPERS = ("rosenfeld2018", "rosenfeld2019", "risser-maroux2021")  # about pairs
JUDGEMENT_PAPERS = ("margaritescu2024", "bapps")  # about judgements
FINE_TUNING_PAPER = "margaritescu2024"


def run(
    paper: str,
    name: str,
    models: Sequence[str] = (),
    *,
    subset: str = "",
    grid: Grid | None = None,
    monitor: Monitor = Monitor(),
) -> Report:
    """All tables and figures of a paper that the available data and features allow.

    Each section is stored once it is made, so a stopped report continues where it was.

    Args:
        paper: one of `PAPERS`, on a collection, or of `JUDGEMENT_PAPERS`, on sets of judgements.
        name: of the collection, or of the sets, separated by commas: for margaritescu2024 one of
            kind bapps, hsj or birds-16 each; for bapps any set of triplets, and one of kind
            bapps-jnd if there is.
        models: backbones (and distances); empty means all whose features are complete, or all that
            are available.
        subset: which pairs; empty means those of the paper: every pair for rosenfeld2019, TLLd for
            rosenfeld2018 where the network that TLLd was made with is ready, pairs without faces
            for risser-maroux2021 where a detector has run; else every pair.
        grid: networks that margaritescu2024 fine-tunes for Figure 5.3; None leaves it out.
        monitor: progress and stop.

    Raises:
        UnknownNameError: no such paper, collection or set.
        BadDataError: no features, sets of judgements that do not fit the paper, or a paper without
            fine-tuning.
        Stopped: `monitor` asked to stop.
    """
    if paper in JUDGEMENT_PAPERS:
        _prepare(paper, open_sets(name, monitor), models, monitor)
    return plan(paper, name, models, subset=subset, grid=grid, monitor=monitor).make(monitor)


def plan(
    paper: str,
    name: str,
    models: Sequence[str] = (),
    *,
    subset: str = "",
    grid: Grid | None = None,
    monitor: Monitor = Monitor(),
) -> ReportPlan:
    """What a report will contain, and which sections are stored; nothing is computed.

    For judgements only similarities that are ready take part.

    Args and Raises: as for `run`.
    """
    if grid is not None and paper != FINE_TUNING_PAPER:
        raise BadDataError(
            f"{paper} fine-tunes no network, {FINE_TUNING_PAPER} does. Leave the option out."
        )
    if paper in JUDGEMENT_PAPERS:
        return _judgement_plan(paper, open_sets(name, monitor), models, grid, monitor)
    if paper not in PAPERS:
        raise unknown_name("paper", paper, [*PAPERS, *JUDGEMENT_PAPERS])
    backbones = list(models) or collections.default_backbones(name)
    question = Question(
        name, tuple(recipes.parse(backbones)), subset=subset or default_subset(paper, name)
    )
    # Here, since all sections ask for it, and near-duplicates may take minutes.
    subsets.open_subset(name, question.subset, monitor=monitor)
    for backbone in question.backbones:
        features.identity(collections.open_(name), backbone)  # raises if it is not extracted
    header = report_header.make(
        paper,
        command(paper, name, question.backbones, question.subset),
        [
            *report_header.question_facts(question),
            *_warnings(
                provenance.training_overlap_warning(name, question.backbones, question.subset)
            ),
        ],
    )
    trained = [
        backbone
        for backbone in provenance.trained_here(collections.open_(name))
        if backbone in question.backbones
        and provenance.training_overlap_warning(name, [backbone], question.subset)
    ]
    pairs = len(subsets.open_subset(name, question.subset).left)
    report = Report(header, name, pairs, question.backbones, (), question.subset)
    steps = _steps(paper, question, monitor)
    return ReportPlan(report, steps, question_steps.state(question), tuple(trained))


def command(
    paper: str, name: str, models: Sequence[str], subset: str = "", *, grid: Grid | None = None
) -> str:
    """The command line that makes a report."""
    words = ["simcore", "reproduce", paper, name, "--models", ",".join(models)]
    words += ["--subset", subset] if subset else []
    return shlex.join([*words, *(grid.to_args() if grid is not None else [])])


def open_sets(name: str, monitor: Monitor = Monitor()) -> list[JudgementSet]:
    """Sets of judgements by their names, separated by commas.

    Raises:
        UnknownNameError: no such set. BadDataError: no name.
    """
    names = [part.strip() for part in name.split(",") if part.strip()]
    if not names:
        raise BadDataError("No set of judgements. Name at least one, such as known.")
    return [sets.open_(each, monitor=monitor) for each in names]


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


def _steps(paper: str, question: Question, monitor: Monitor) -> tuple[Step, ...]:
    if paper == "risser-maroux2021":
        return risser_maroux2021_tables.steps(question, monitor)
    tables = rosenfeld2018_tables if paper == "rosenfeld2018" else rosenfeld2019_tables
    return question_steps.steps(tables.STEPS, paper, question)


def _judgement_plan(
    paper: str,
    judged: Sequence[JudgementSet],
    models: Sequence[str],
    grid: Grid | None,
    monitor: Monitor,
) -> ReportPlan:
    scored = _scored_sets(paper, judged)
    expanded = _names(paper, models)
    usable: Callable[[list[bool]], bool] = all if paper == "margaritescu2024" else any
    names = [
        name for name in expanded if usable([pair_similarities.ready(s, name) for s in scored])
    ]
    inputs = {
        "paper": paper,
        "sets": [(each.name, each.digest) for each in judged],
        "similarities": [
            [(name, str(pair_similarities.identity(each, name))) for each in scored]
            for name in names
        ],
    }
    tables = margaritescu2024_tables if paper == "margaritescu2024" else bapps_tables
    steps = tables.steps(judged, names, inputs)
    if grid is not None:
        steps += margaritescu2024_finetuning.steps(judged, grid, inputs, monitor)
    joined = ",".join(each.name for each in judged)
    trained = dict.fromkeys(
        name
        for each in scored
        for name in provenance.trained_on_any(names, each.trials.images.keys)
    )
    header = report_header.make(
        paper,
        command(paper, joined, names, grid=grid),
        [
            *report_header.judgement_facts(scored, names, expanded),
            *_warnings(*(provenance.trained_on_warning(each, names) for each in scored)),
        ],
    )
    report = Report(
        header,
        ", ".join(each.name for each in judged),
        sum(len(each.trials) for each in scored),
        tuple(names),
        (),
        unit="triplets" if paper == "margaritescu2024" else "trials",
    )
    reasons = {row.name: row.reason for row in pair_similarities.distances()}
    bases = [] if grid is None else finetuning_grid.ready_bases(grid)
    return ReportPlan(report, steps, repr((names, reasons, bases)), tuple(trained))


def _warnings(*sentences: str) -> list[report_header.Fact]:
    return [report_header.Fact("warning", text) for text in dict.fromkeys(sentences) if text]


def _scored_sets(paper: str, judged: Sequence[JudgementSet]) -> list[JudgementSet]:
    """The sets whose trials are scored.

    Raises:
        BadDataError: they do not fit the paper.
    """
    if paper == "margaritescu2024":
        return margaritescu2024_tables.parts(judged)
    bapps_tables.check(judged)
    return list(judged)


def _prepare(
    paper: str, judged: Sequence[JudgementSet], models: Sequence[str], monitor: Monitor
) -> None:
    """Compute what is missing of the similarities.

    Raises:
        BadDataError: the sets do not fit the paper, or no similarity is available.
        Stopped: `monitor` asked to stop.
    """
    for part in _scored_sets(paper, judged):
        pair_similarities.prepare(part, _names(paper, models), monitor=monitor)
    monitor.check("Stopped. Similarities computed so far are stored; the same command continues.")


def _names(paper: str, models: Sequence[str]) -> list[str]:
    defaults = pair_similarities.default_backbones()
    if paper == "bapps":
        defaults = [*defaults, "@distances"]
    return pair_similarities.expand(list(models) or defaults)
