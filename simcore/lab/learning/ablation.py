"""What each part of the adaptation function of risser-maroux2021 adds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, state_files
from simcore.lab.learning import adaptation
from simcore.lab.learning.adaptation import AdaptationSettings
from simcore.lab.library import duplicates, features, subsets
from simcore.models import registry
from simcore.results import Result, Table, TableResult
from simcore.types import JSON, Array, Monitor

FORMAT = 1  # raised when a version of the same input would have other numbers
Versions = Mapping[str, AdaptationSettings]  # label -> settings
VersionFiles = Mapping[str, Path]  # label -> where its recall is stored


@dataclass(frozen=True)
class VersionRecall(Result):
    """aR@1 of each run of one version of the function, as stored on disk."""

    before: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True)
class AblationRow(Result):
    """One version of the function.

    Attributes:
        label: what is different.
        recall, deviation: aR@1, mean and standard deviation over the runs, 0..1.
        gain, gain_deviation: paired difference from the whole function, mean and deviation.
    """

    label: str
    recall: float
    deviation: float
    gain: float
    gain_deviation: float


@dataclass(frozen=True)
class Ablation(TableResult):
    """What each part of the adaptation function adds, on the same splits.

    Attributes:
        runs: of each version. rows: the whole function first.
    """

    collection: str
    models: tuple[str, ...]
    runs: int
    rows: tuple[AblationRow, ...]

    def to_table(self) -> Table:
        """In percent."""
        lines = tuple(
            (
                row.label,
                f"{100 * row.recall:.1f} ± {200 * row.deviation:.1f}",
                f"{100 * row.gain:+.1f} ± {200 * row.gain_deviation:.1f}" if number else "",
            )
            for number, row in enumerate(self.rows)
        )
        return Table(
            ("adaptation", "aR@1 %, two deviations", "difference, paired by run"),
            lines,
            f"{self.collection}, {', '.join(self.models)}: {self.runs} runs each",
        )


def versions(full: AdaptationSettings) -> Versions:
    """The whole function, and versions that differ from it in one part."""
    other_sigma = 15.0 if full.sigma == 1 else 1.0
    width = max(1, full.width // 4)
    different = {
        "without ReLU": replace(full, relu=False),
        "without PCA": replace(full, pca="none"),
        "PCA fitted once on all images": replace(full, pca="once"),
        f"temperature {other_sigma:g}": replace(full, sigma=other_sigma),
        f"width {width}": replace(full, width=width),
    }
    return {
        "whole function": full,
        **{label: version for label, version in different.items() if version != full},
    }


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

    Versions that were trained before are read from the cache, so a call that was stopped or killed
    continues when it is repeated.

    Args and Raises: as for `adaptation.adapt`.
    """
    runs = adaptation.RUNS if runs is None else runs
    models = registry.expand_groups(models)
    paths = _paths(name, models, settings, runs=runs, subset=subset)
    recalls = {}
    for number, (label, version) in enumerate(versions(settings or AdaptationSettings()).items()):
        stored = _read(paths[label])
        if stored is None:
            part = monitor.part(number / len(paths), (number + 1) / len(paths), f"{label}, ")
            result = adaptation.adapt(
                name, models, version, runs=runs, subset=subset, device=device, monitor=part
            )
            before, after = (
                tuple(float((getattr(run, stage) <= 1).mean()) for run in result.runs)
                for stage in ("before", "after")
            )
            stored = VersionRecall(before, after)
            state_files.write_json(paths[label], stored.to_dict())
        recalls[label] = stored
    return _compare(name, models, runs, recalls)


def stored_versions(
    name: str,
    models: Sequence[str],
    settings: AdaptationSettings | None = None,
    *,
    runs: int | None = None,
    subset: str = "all",
) -> Ablation | None:
    """The comparison of the versions that were trained before, None before the first.

    Args: as for `compare_versions`, which trains the others.
    """
    runs = adaptation.RUNS if runs is None else runs
    models = registry.expand_groups(models)
    paths = _paths(name, models, settings, runs=runs, subset=subset)
    stored = {label: _read(path) for label, path in paths.items()}
    recalls = {label: recall for label, recall in stored.items() if recall is not None}
    return _compare(name, models, runs, recalls) if "whole function" in recalls else None


def _compare(
    name: str, models: Sequence[str], runs: int, recalls: Mapping[str, VersionRecall]
) -> Ablation:
    full = recalls["whole function"]
    columns = {"whole function": full.after, "without adaptation": full.before}
    columns |= {label: recall.after for label, recall in recalls.items()}
    rows = (
        _row(label, np.array(recall), np.array(full.after)) for label, recall in columns.items()
    )
    return Ablation(name, tuple(models), runs, tuple(rows))


def _row(label: str, recall: Array, reference: Array) -> AblationRow:
    gains = recall - reference
    return AblationRow(
        label, *(float(x) for x in (recall.mean(), recall.std(), gains.mean(), gains.std()))
    )


def _read(path: Path) -> VersionRecall | None:
    def parse(document: JSON) -> VersionRecall:
        return VersionRecall(*(tuple(map(float, document[k])) for k in ("before", "after")))

    return state_files.read_json(path, parse, rebuild=True)


def _paths(
    name: str,
    models: Sequence[str],
    settings: AdaptationSettings | None,
    *,
    runs: int,
    subset: str,
) -> VersionFiles:
    """The file of each version, named by everything that changes its numbers.

    The keys of `inputs` are part of the names of files that exist already.
    """
    collection = subsets.open_subset(name, subset)
    shared = {
        "format": FORMAT,
        "pairs": collection.digest,
        "duplicates": duplicates.default_backbone_if_ready(collection),
        "backbones": [str(features.key_to_read(collection, model)) for model in models],
        "runs": runs,
    }
    paths = {}
    for label, version in versions(settings or AdaptationSettings()).items():
        inputs = shared | {"settings": version.hashed_fields()}
        digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        paths[label] = cache_dir.root() / "ablation" / f"{digest[:32]}.json"
    return paths
