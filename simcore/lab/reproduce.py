"""A whole paper on one's own collection: every table and figure, the printed values beside them."""

from collections.abc import Callable, Sequence

from simcore.errors import unknown
from simcore.lab import (
    adapted_paper,
    collections,
    features,
    judged_papers,
    sections,
    selection,
    tll_papers,
)
from simcore.lab.sections import Report
from simcore.types import OnProgress

PAPERS = {
    "rosenfeld2018": tll_papers.rosenfeld2018,
    "rosenfeld2019": tll_papers.rosenfeld2019,
    "risser-maroux2021": adapted_paper.risser_maroux2021,
}


def run(
    paper: str,
    name: str,
    models: Sequence[str] = (),
    *,
    subset: str = "",
    on_progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Report:
    """All of a paper's tables and figures that this collection's data and features allow.

    Args:
        paper: "rosenfeld2018", "rosenfeld2019" or "risser-maroux2021", on a collection;
            "margaritescu2024" or "bapps", on sets of judgements.
        name: of the collection, or of the sets, separated by commas.
        models: backbones; empty means all whose features are complete, or all at hand.
        subset: which pairs; empty means the paper's own: every pair for rosenfeld2019, TLLd for
            rosenfeld2018 where the network that TLLd was made with is ready, pairs without faces
            for risser-maroux2021 where a detector has run; else every pair.

    Raises:
        UnknownNameError: no such paper or collection. BadDataError: no features. SimError: `stop`,
            asked before each section, said so.
    """
    if paper in judged_papers.PAPERS:
        return judged_papers.run(paper, name, models, on_progress=on_progress)
    if paper not in PAPERS:
        raise unknown("paper", paper, [*PAPERS, *judged_papers.PAPERS])
    chosen = tuple(models) or tuple(collections.usual(name))
    part = subset or _own_pairs(paper, name)
    made = sections.make(PAPERS[paper](name, chosen, part), on_progress, stop)
    pairs = len(selection.open_(name, part).left)
    return Report(paper, name, pairs, chosen, made, part)


def _own_pairs(paper: str, name: str) -> str:
    """What the paper is about, as far as it can be told here."""
    collection = collections.open_(name)
    if paper == "risser-maroux2021":
        ready = [one for one in ("haar", "face") if features.ready(collection, one)]
        return {"haar": "haar-objects", "face": "objects"}[ready[0]] if ready else "all"
    if paper != "rosenfeld2018":
        return "all"
    # The thresholds of TLLd belong to densenet121; by another network they mean nothing.
    judges = [judge for judge in selection.GENERIC if "densenet121" in judge]
    able = any(features.ready(collection, judge) for judge in judges)
    return "tlld-paper" if able and features.ready(collection, "face") else "all"
