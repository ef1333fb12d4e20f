"""What each part of the adaptation function of risser-maroux2021 adds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore.lab.learning.adaptation import AdaptationSettings, adapt
from simcore.results import Table, TableResult
from simcore.types import Array, Monitor


@dataclass(frozen=True)
class Ablation(TableResult):
    """What each part of the adaptation function adds, on the same splits.

    Attributes:
        rows: label, mean aR@1 and its deviation over the runs, mean difference from the whole
            function and its deviation (paired by run), all 0..1.
    """

    collection: str
    models: tuple[str, ...]
    runs: int
    rows: tuple[tuple[str, float, float, float, float], ...]

    def to_table(self) -> Table:
        """In percent, the whole function first."""
        lines = tuple(
            (
                label,
                f"{100 * mean:.1f} ± {200 * deviation:.1f}",
                f"{100 * gain:+.1f} ± {200 * spread:.1f}" if number else "",
            )
            for number, (label, mean, deviation, gain, spread) in enumerate(self.rows)
        )
        return Table(
            ("adaptation", "aR@1 %, two deviations", "difference, paired by run"),
            lines,
            f"{self.collection}, {', '.join(self.models)}: {self.runs} runs each",
        )


def compare_versions(
    name: str,
    models: Sequence[str],
    settings: AdaptationSettings | None = None,
    *,
    runs: int | None = None,
    subset: str = "all",
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> Ablation:
    """Train the whole function and versions of it without a part, all on the same splits.

    Args and Raises: as for `adapt`.
    """
    full = settings or AdaptationSettings()
    versions = {
        "whole function": full,
        "without ReLU": replace(full, relu=False),
        "without PCA": replace(full, pca="none"),
        "PCA fitted once on all images": replace(full, pca="once"),
        "temperature 1": replace(full, sigma=1.0),
        f"width {full.width // 4}": replace(full, width=max(1, full.width // 4)),
    }
    rows: list[tuple[str, float, float, float, float]] = []
    reference: Array | None = None
    for label, version in versions.items():
        result = adapt(
            name, models, version, runs=runs, subset=subset, device=device, monitor=monitor
        )
        if reference is None:
            before = np.array([(run.before <= 1).mean() for run in result.runs])
            reference = np.array([(run.after <= 1).mean() for run in result.runs])
            rows.append(_ablation_row(label, reference, reference))
            rows.append(_ablation_row("without adaptation", before, reference))
            continue
        hits = np.array([(run.after <= 1).mean() for run in result.runs])
        rows.append(_ablation_row(label, hits, reference))
    return Ablation(name, tuple(result.models), len(result.runs), tuple(rows))


def _ablation_row(
    label: str, recall: Array, reference: Array
) -> tuple[str, float, float, float, float]:
    gains = recall - reference
    mean, deviation = float(recall.mean()), float(recall.std())
    return label, mean, deviation, float(gains.mean()), float(gains.std())
