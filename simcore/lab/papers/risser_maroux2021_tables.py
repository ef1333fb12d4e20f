"""The annex of risser-maroux2021 on one's own pairs: one row per backbone, stored once computed.

As in the paper: 20 runs with their own split and start, sigma 1 and 15, the epoch selected on the
test pairs.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, state_files
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab import printed_annex
from simcore.lab.learning import adaptation
from simcore.lab.library import duplicates, features, subsets
from simcore.lab.papers import comparisons, question_steps, retrievals
from simcore.lab.papers.comparisons import Compared, percentage
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Chart, Section, Series
from simcore.recipe import Question
from simcore.results import Cell, Result, Table
from simcore.sim.metrics import normalized
from simcore.types import JSON, Monitor

FORMAT = 2  # raised when a row of the same input would have other numbers
SIGMAS = (1.0, 15.0)
STAGES = printed_annex.MEANS
PLAIN, ADAPTED = STAGES[0], STAGES[-1]
COLUMNS = (
    "backbone",
    "numbers",
    *printed_annex.FACTS,
    *(name for stage in STAGES for name in (stage, stage + printed_annex.DEVIATION)),
    "gallery",
)


X_TITLE, Y_TITLE = "k, number of retrieved images", "asymmetric recall, % of test pairs"
EXAMPLES, CANDIDATES = 4, 6  # queries and retrieved images of Figure 4


@dataclass(frozen=True)
class AnnexRow(Result):
    """One backbone before and after adaptation, as stored on disk.

    Attributes:
        backbone: its name.
        size: dimensions of its features.
        variance: share that the PCA keeps, 0 to 1.
        runs: number of runs.
        test: number of test pairs in each run.
        stages: for each of `STAGES` the asymmetric recall with its curve over the runs.
    """

    backbone: str
    size: int
    variance: float
    runs: int
    test: int
    stages: dict[str, JSON]


def compute_row(
    name: str,
    model: str,
    *,
    subset: str = "all",
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> AnnexRow:
    """The row of a backbone, from the cache where it was computed before.

    A stopped computation resumes at the next call.

    Raises:
        BadDataError: features missing, or too few pairs.
        Stopped: `monitor` asked to stop.
    """
    path = _path(name, model, subset)
    if stored := state_files.read_json(path, _parse, rebuild=True):
        return stored
    results = []
    for number, sigma in enumerate(SIGMAS):
        share, next_share = number / len(SIGMAS), (number + 1) / len(SIGMAS)
        settings = adaptation.AdaptationSettings("paper", sigma)
        results.append(
            adaptation.adapt(
                name,
                [model],
                settings,
                subset=subset,
                device=device,
                monitor=monitor.part(share, next_share, f"{model}, sigma {sigma:g}, "),
            ).to_dict()
        )
    low, high = results
    stages = [high["before"], high["pca"], low["after"], high["after"]]
    row = AnnexRow(
        model,
        low["width"],
        low["variance_kept"],
        low["runs"],
        low["pairs"]["test"],
        dict(zip(STAGES, stages, strict=True)),
    )
    state_files.write_json(path, row.to_dict())
    return row


def stored_rows(name: str, models: Sequence[str], subset: str = "all") -> list[AnnexRow]:
    """The rows that were computed before; nothing is computed."""
    paths = [_path(name, model, subset) for model in models]
    rows = (state_files.read_json(path, _parse, rebuild=True) for path in paths)
    return [row for row in rows if row is not None]


def table(rows: Sequence[AnnexRow]) -> Table:
    """Rows with `COLUMNS`, each followed by the printed one where the paper has that backbone."""
    lines: list[tuple[Cell, ...]] = []
    for row in rows:
        printed = printed_annex.row(row.backbone)
        facts: dict[str, Cell] = {}
        if printed is not None:
            facts = dict(zip(printed_annex.ANNEX.columns, printed, strict=True))
        own: dict[str, Cell] = {
            **{name: facts.get(name) for name in printed_annex.FACTS},
            "size": row.size,
            "PCA variance": round(row.variance, 4),
            "gallery": row.test,
        }
        for stage, result in row.stages.items():
            recall = result["aR"]["1"]
            own[stage] = round(recall["mean"], 4)
            own[stage + printed_annex.DEVIATION] = round(recall["deviation"], 4)
        lines.append((row.backbone, "here", *(own[name] for name in COLUMNS[2:])))
        if printed is not None:
            facts["gallery"] = printed_annex.GALLERY
            lines.append((facts["model"], "printed", *(facts.get(name) for name in COLUMNS[2:])))
    return Table(COLUMNS, tuple(lines), notes=(printed_annex.DEVIATIONS_REMARK,))


def _parse(document: JSON) -> AnnexRow:
    row = AnnexRow(**document)
    table([row])  # raises for values that cannot be shown
    return row


def _path(name: str, model: str, subset: str) -> Path:
    """The file of a row, named by everything that changes its numbers.

    The keys of `inputs` are part of the names of files that exist already.
    """
    collection = subsets.open_subset(name, subset)
    inputs = {
        "format": FORMAT,
        "pairs": collection.digest,
        "duplicates": duplicates.default_backbone_if_ready(collection),
        "backbone": str(features.key_to_read(collection, model)),
        "runs": adaptation.RUNS,
        "settings": [
            adaptation.AdaptationSettings("paper", sigma).hashed_fields() for sigma in SIGMAS
        ],
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return cache_dir.root() / "annex" / f"{digest[:32]}.json"


def steps(question: Question, monitor: Monitor) -> tuple[Step, ...]:
    """One section per backbone: four columns of its row of the annex, and its curves (Fig. 3)."""
    shared = question_steps.duplicate_inputs(question) | question_steps.inputs(question)
    count = len(question.backbones)
    parts = [monitor.part(number / count, (number + 1) / count) for number in range(count)]
    shared |= {"paper": "risser-maroux2021"}
    return (
        *(
            Step(
                model,
                partial(backbone_section, question, model, first=not number, monitor=parts[number]),
                shared | {"first": not number},
                None if number else printed_annex.ANNEX,
            )
            for number, model in enumerate(question.backbones)
        ),
        Step("Annex, Table 1", partial(annex_section, question), shared, printed_annex.GAINS),
        Step("Figure 3", partial(figure_3, question), shared),
        Step("Figure 4", partial(figure_4, question, monitor), shared),
    )


def backbone_section(
    question: Question, model: str, *, first: bool, monitor: Monitor = Monitor()
) -> Section:
    """The row and the curves of one backbone; the first one shows the printed annex as well."""
    row = compute_row(question.collection, model, subset=question.subset, monitor=monitor)
    printed = printed_annex.row(model)
    columns = printed_annex.ANNEX.columns
    compared = []
    for stage, own in row.stages.items():
        mean, error = own["aR"]["1"]["mean"], _standard_error(own, row.runs)
        value = None if printed is None else float(printed[columns.index(stage)] or 0)
        before = None if printed is None else float(printed[columns.index(STAGES[0])] or 0)
        start = row.stages[STAGES[0]]["aR"]["1"]["mean"]
        compared.append(
            Compared(
                f"{stage}: asymmetric recall@1",
                None if value is None else percentage(100 * value),
                percentage(100 * mean, 100 * (mean - error), 100 * (mean + error)),
                None if not value or not before else comparisons.printed_ratio(value, before),
                comparisons.number(mean / start) if start else None,
            )
        )
    return Section(
        f"Annex, Table 1 and Figure 3: {model}",
        f"Pairs: {subsets.SUBSETS.get(question.subset, question.subset)}. {row.runs} runs, "
        f"{row.test} test pairs each, epoch selected on them as in the paper; the PCA keeps "
        f"{100 * row.variance:.1f} % of the variance of {row.size:,} dimensions.",
        Table(
            ("aR, mean ± deviation", *(f"@{k}" for k in asymmetric_recall.KS)),
            tuple(
                (label, *(_mean_and_deviation(stage, k) for k in asymmetric_recall.KS))
                for label, stage in row.stages.items()
            ),
        ),
        printed_annex.ANNEX if first else None,
        tuple(compared),
        (
            Chart(
                "lines",
                X_TITLE,
                Y_TITLE,
                tuple(_curve(label, stage, row.runs) for label, stage in row.stages.items()),
                log_x=True,
            ),
        ),
        baseline=PLAIN,
    )


def _rows(question: Question) -> list[AnnexRow]:
    """The rows of all backbones; they were computed by the sections before."""
    return [
        compute_row(question.collection, model, subset=question.subset)
        for model in question.backbones
    ]


def annex_section(question: Question) -> Section:
    """All backbones in one table, and how much adaptation improves recall (section 4.3)."""
    rows = _rows(question)
    compared = [
        Compared(
            f"{row.backbone}: aR@{k} at sigma 15 over aR@{k} before",
            _printed_gain(row.backbone, k),
            _gain(row, k),
        )
        for row in rows
        for k in asymmetric_recall.KS
    ]
    return Section(
        "Annex, Table 1: all backbones",
        printed_annex.DEVIATIONS_REMARK,
        replace(table(rows), notes=()),
        printed_annex.GAINS,
        tuple(compared),
    )


def _printed_gain(model: str, k: int) -> comparisons.Amount | None:
    if model != printed_annex.GAINS_MODEL:
        return None
    return comparisons.number(printed_annex.GAINS.value(f"aR@{k}", "ratio"))


def _gain(row: AnnexRow, k: int) -> comparisons.Amount | None:
    before, after = (row.stages[stage]["aR"][str(k)]["mean"] for stage in (PLAIN, ADAPTED))
    return comparisons.number(after / before) if before else None


def figure_3(question: Question) -> Section:
    """Curves of all backbones: dashed as they are, solid adapted."""
    rows = _rows(question)
    series = tuple(
        replace(
            _curve(f"{row.backbone}, {label}", row.stages[stage], row.runs),
            color=number,
            dash=dash,
        )
        for number, row in enumerate(rows)
        for stage, label, dash in ((PLAIN, "plain", "dash"), (ADAPTED, "adapted", "solid"))
    )
    return Section(
        "Figure 3: before and after adaptation",
        "Dashed: features side by side. Solid: adapted at sigma 15. Mean of all runs with its 95 % "
        "interval; the paper draws two deviations.",
        charts=(Chart("lines", X_TITLE, Y_TITLE, series, log_x=True),),
    )


def figure_4(question: Question, monitor: Monitor = Monitor()) -> Section:
    """Test pairs of the best adapted backbone: the nearest images before and after.

    As in the paper: the query, its mate (GT), then the images that rank first. One run, at sigma
    15; its test pairs are all of its gallery.
    """
    rows = _rows(question)
    best = max(rows, key=lambda row: float(row.stages[ADAPTED]["aR"]["1"]["mean"]))
    settings = adaptation.AdaptationSettings("paper", SIGMAS[-1])
    result = adaptation.adapt(
        question.collection,
        [best.backbone],
        settings,
        runs=1,
        subset=question.subset,
        monitor=monitor,
    )
    run = result.runs[0]
    test = adaptation.select_pairs(result.collection, run.split.test)
    features = adaptation.gather_inputs(test, result.models)
    sides = {
        "before": (features.left, features.right),
        "after": (run.adapter(features.left), run.adapter(features.right)),
    }
    similarity = {
        stage: np.nan_to_num(normalized(left) @ normalized(right).T, nan=-np.inf)
        for stage, (left, right) in sides.items()
    }
    pictures = [
        retrievals.beside_mate(test, values, pair, stage, count=CANDIDATES)
        for pair in retrievals.draw(np.arange(len(test.left)), EXAMPLES)
        for stage, values in similarity.items()
    ]
    return Section(
        f"Figure 4: {best.backbone} before and after adaptation",
        f"{len(test.left):,} test pairs of one run, {EXAMPLES} of them drawn at random. The query, "
        "its mate, then the images that rank first.",
        pictures=tuple(pictures),
    )


def _curve(label: str, stage: JSON, runs: int) -> Series:
    """A mean curve with the 95 % interval of the mean over the runs."""
    mean, factor = stage["curve"], _interval_factor(runs)
    error = [factor * deviation for deviation in stage["curve_deviation"]]
    return Series(
        label,
        tuple(range(1, len(mean) + 1)),
        tuple(100 * value for value in mean),
        tuple(100 * (value - half) for value, half in zip(mean, error, strict=True)),
        tuple(100 * (value + half) for value, half in zip(mean, error, strict=True)),
    )


def _standard_error(stage: JSON, runs: int) -> float:
    """Half of the 95 % interval of a mean over the runs."""
    deviation: float = stage["aR"]["1"]["deviation"]
    return _interval_factor(runs) * deviation


def _interval_factor(runs: int) -> float:
    """Half of the 95 % interval of a mean over runs (Student's t), per unit of their deviation."""
    from scipy.special import stdtrit

    return float(stdtrit(runs - 1, 0.975)) / runs**0.5 if runs > 1 else 0.0


def _mean_and_deviation(stage: JSON, k: int) -> str:
    recall = stage["aR"][str(k)]
    return f"{recall['mean']:.4f} ± {recall['deviation']:.4f}"
