"""The annex of risser-maroux2021 on one's own pairs: a backbone a row, kept once it was made.

As in the paper: 20 runs with their own split and start, sigma 1 and 15, the epoch chosen on the
test pairs.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simcore.data import cache_dir
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.lab import printed_values
from simcore.lab.learning import adaptation
from simcore.lab.library import duplicates, subsets
from simcore.lab.papers.paper_report import Cell, Section, Step
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.types import Monitor, Progress

FORMAT = 1  # raised when a row of the same input would come out differently
SIGMAS = (1.0, 15.0)
STAGES = ("concatenated", "PCA", "sigma 1", "sigma 15")
COLUMNS = ("backbone", "numbers", *printed_values.ANNEX.columns[1:], "gallery")
GALLERY = round(4199 / 4)  # a quarter of TLLobj, the paper's


def own(
    name: str,
    model: str,
    *,
    subset: str = "all",
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> dict[str, Any]:
    """A backbone's row: size, variance kept, and for each of `STAGES` aR with its curve.

    Made once for the same pairs and weights; stopped, it goes on at the next call.

    Raises:
        BadDataError: features missing, or too few pairs. Stopped: `stop` said so.
    """
    place = _place(name, model, subset)
    if place.exists():
        found: dict[str, Any] = json.loads(place.read_text("utf-8"))
        return found
    told = []
    for sigma in SIGMAS:

        def report(now: Progress, sigma: float = sigma) -> None:
            stage = f"{model}, sigma {sigma:g}, {now.stage}"
            monitor.report(stage, now.done, now.total, now.rate)

        settings = adaptation.AdaptationSettings("paper", sigma)
        told.append(
            adaptation.adapt(
                name,
                [model],
                settings,
                subset=subset,
                device=device,
                monitor=Monitor(report, monitor.stop),
            ).to_dict()
        )
    one, fifteen = told
    stages = [fifteen["before"], fifteen["pca"], one["after"], fifteen["after"]]
    row = {
        "backbone": model,
        "size": one["width"],
        "variance": one["variance_kept"],
        "runs": one["runs"],
        "test": one["pairs"]["test"],
        "stages": dict(zip(STAGES, stages, strict=True)),
    }
    cache_dir.write_atomic(place, json.dumps(row).encode())
    return row


def known(name: str, models: Sequence[str], subset: str = "all") -> list[dict[str, Any]]:
    """The rows that were made already; nothing is computed."""
    places = [_place(name, model, subset) for model in models]
    return [json.loads(place.read_text("utf-8")) for place in places if place.exists()]


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Cell | None]]:
    """Own rows by `COLUMNS`, each followed by the printed one where the paper has that backbone."""
    found = []
    for row in rows:
        values = [stage["aR"]["1"]["mean"] for stage in row["stages"].values()]
        cells = [row["size"], row["variance"], *values]
        found.append([row["backbone"], "here", *(round(v, 4) for v in cells), row["test"]])
        if (printed := printed_values.printed(row["backbone"])) is not None:
            found.append([printed[0], "printed", *printed[1:], GALLERY])
    return [dict(zip(COLUMNS, line, strict=True)) for line in found]


def _place(name: str, model: str, subset: str) -> Path:
    """Where a row is kept: by all that decides its numbers."""
    collection = subsets.open_subset(name, subset)
    told = {
        "format": FORMAT,
        "pairs": collection.digest,
        "twins": duplicates.default_backbone_if_ready(collection),
        "backbone": str(extraction.feature_key(registry.get(model), "fp32")),
        "runs": adaptation.RUNS,
        "settings": [
            adaptation.AdaptationSettings("paper", sigma).hashed_fields() for sigma in SIGMAS
        ],
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return cache_dir.root() / "annex" / f"{digest[:32]}.json"


def risser_maroux2021(name: str, models: tuple[str, ...], subset: str) -> list[Step]:
    """A backbone a step: four columns of its row of the annex, and its curves (Fig. 3)."""
    about = f"Pairs: {subsets.SUBSETS.get(subset, subset)}. "

    def backbone(model: str, first: bool) -> Callable[[], Section]:
        def make() -> Section:
            told = own(name, model, subset=subset)
            rows: tuple[tuple[Cell, ...], ...] = tuple(
                (
                    label,
                    *(
                        f"{one['aR'][str(k)]['mean']:.4f} ± {one['aR'][str(k)]['deviation']:.4f}"
                        for k in asymmetric_recall.KS
                    ),
                )
                for label, one in told["stages"].items()
            )
            note = (
                f"{about}{told['runs']} runs, {told['test']} test pairs each, epoch "
                "chosen on them as in the paper; the PCA keeps "
                f"{100 * told['variance']:.1f} % of the variance of {told['size']} columns."
            )
            head = ("aR, mean ± deviation", *(f"@{k}" for k in asymmetric_recall.KS))
            lines = {label: tuple(one["curve"]) for label, one in told["stages"].items()}
            length = len(next(iter(lines.values())))
            return Section(
                f"Annex, Table 1 and Figure 3: {model}",
                note,
                head,
                rows,
                printed_values.ANNEX if first else None,
                tuple(range(1, length + 1)),
                lines,
            )

        return make

    return [(model, backbone(model, not number)) for number, model in enumerate(models)]
