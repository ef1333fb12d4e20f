"""The annex of risser-maroux2021 on one's own pairs: one row per backbone, stored once computed.

As in the paper: 20 runs with their own split and start, sigma 1 and 15, the epoch selected on the
test pairs.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simcore.data import cache_dir, state_files
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab import printed_values
from simcore.lab.learning import adaptation
from simcore.lab.library import duplicates, subsets
from simcore.lab.papers import comparisons, question_steps
from simcore.lab.papers.comparisons import Compared, percentage
from simcore.lab.papers.paper_report import Step
from simcore.lab.papers.sections import Chart, Section, Series
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import Question
from simcore.results import Cell, Result, Table
from simcore.types import JSON, Monitor

FORMAT = 2  # raised when a row of the same input would have other numbers
SIGMAS = (1.0, 15.0)
STAGES = ("concatenated", "PCA", "sigma 1", "sigma 15")
COLUMNS = ("backbone", "numbers", *printed_values.ANNEX.columns[1:], "gallery")
GALLERY = round(4199 / 4)  # of the paper: a quarter of TLLobj


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
        recalls = [stage["aR"]["1"]["mean"] for stage in row.stages.values()]
        numbers = (round(value, 4) for value in (row.size, row.variance, *recalls))
        lines.append((row.backbone, "here", *numbers, row.test))
        printed = printed_values.annex_row(row.backbone)
        if printed is not None:
            lines.append((printed[0], "printed", *printed[1:], GALLERY))
    return Table(COLUMNS, tuple(lines))


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
        "backbone": str(extraction.feature_key(registry.get(model), "fp32")),
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
    return tuple(
        Step(
            model,
            partial(backbone_section, question, model, first=not number, monitor=parts[number]),
            shared | {"paper": "risser-maroux2021", "first": not number},
            None if number else printed_values.ANNEX,
        )
        for number, model in enumerate(question.backbones)
    )


def backbone_section(
    question: Question, model: str, *, first: bool, monitor: Monitor = Monitor()
) -> Section:
    """The row and the curves of one backbone; the first one shows the printed annex as well."""
    row = compute_row(question.collection, model, subset=question.subset, monitor=monitor)
    printed = printed_values.annex_row(model)
    columns = printed_values.ANNEX.columns
    compared = []
    for stage, own in row.stages.items():
        mean, error = own["aR"]["1"]["mean"], _standard_error(own, row.runs)
        value = None if printed is None else float(printed[columns.index(stage)] or 0)
        before = None if printed is None else float(printed[columns.index(STAGES[0])] or 0)
        start = row.stages[STAGES[0]]["aR"]["1"]["mean"]
        compared.append(
            Compared(
                f"{stage}: asymmetric recall@1 (ratio: to the features before adaptation)",
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
        f"{100 * row.variance:.1f} % of the variance of {row.size} dimensions.",
        Table(
            ("aR, mean ± deviation", *(f"@{k}" for k in asymmetric_recall.KS)),
            tuple(
                (label, *(_mean_and_deviation(stage, k) for k in asymmetric_recall.KS))
                for label, stage in row.stages.items()
            ),
        ),
        printed_values.ANNEX if first else None,
        tuple(compared),
        (
            Chart(
                "lines",
                "k, number of retrieved images",
                "asymmetric recall, % of test pairs",
                tuple(_curve(label, stage, row.runs) for label, stage in row.stages.items()),
                log_x=True,
            ),
        ),
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
