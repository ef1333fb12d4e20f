"""Readers of ranking trials by psiz: JSON sequences, and the older HDF5 of psiz 0.4 and 0.5.

Both are read without psiz. ImageNet-HSJ and Birds-16 are published in these formats.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.judgements.trials import Rankings
from simcore.errors import BadDataError, SimError
from simcore.types import JSON, Array

Columns = dict[str, Array]  # dataset name -> values

SUFFIXES = (".hdf5", ".h5")

WIDTH = 9  # a query and at most eight references
_KINDS = {"rank:8rank2": (8, 2), "rank:2rank1": (2, 1)}  # kind -> references, how many are ranked
_MAX_BYTES = 200_000_000
_ID_PREFIX = 5  # an asset id is domain (2), subset (3) and the local id in base 36


def read(source: Path, *, min_catch: int = 100) -> tuple[Rankings, tuple[str, ...]]:
    """Ranking trials of either format, chosen by the names of the files.

    Args:
        source: a zip or folder of JSON sequences, or a folder or file of HDF5.
        min_catch: lowest percentage of catch trials that must be passed; 100 = all of them
            (margaritescu2024, 4.1).

    Returns:
        The trials, and sentences on what was left out.

    Raises:
        BadDataError: as `read_sequences` and `read_hdf5`.
    """
    has_hdf5 = source.suffix.lower() in SUFFIXES or (
        source.is_dir() and any(path.suffix.lower() in SUFFIXES for path in source.rglob("*"))
    )
    if has_hdf5:
        return read_hdf5(*find_hdf5(source), min_catch=min_catch)
    return read_sequences(source, min_catch=min_catch)


def find_hdf5(source: Path) -> tuple[Path, Path]:
    """The file of trials and the file of the catalog, recognized by their content.

    Args:
        source: a folder with both, or the file of trials beside its catalog.

    Raises:
        BadDataError: not exactly one of each.
    """
    folder = source if source.is_dir() else source.parent
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    datasets = {path: _dataset_names(path) for path in files}
    trials = [path for path in files if "stimulus_set" in datasets[path]]
    catalogs = [path for path in files if "stimulus_filepath" in datasets[path]]
    if source.is_file():
        trials = [source]
    if len(trials) != 1 or len(catalogs) != 1:
        raise BadDataError(
            f"{folder} must hold one file of trials and one catalog, got {len(trials)} files of "
            f"trials and {len(catalogs)} catalogs. Give the file of trials itself, with its "
            "catalog beside it."
        )
    return trials[0], catalogs[0]


def read_hdf5(
    trials: Path, catalog: Path, *, min_catch: int = 100
) -> tuple[Rankings, tuple[str, ...]]:
    """Ranking trials of psiz 0.4 or 0.5; text may be stored as bytes or as str.

    Args:
        trials: stimulus_set (R, 9): query, references in the order chosen, the others, padded with
            -1; ids of the catalog; n_select, is_ranked, weight (share of catch trials passed).
        catalog: stimulus_id, stimulus_filepath.
        min_catch: as in `read`.

    Raises:
        BadDataError: unreadable, a dataset is missing, or a stimulus is not in the catalog.
    """
    table = _load(catalog, ("stimulus_id", "stimulus_filepath"))
    columns = _load(trials, ("stimulus_set", "n_select", "weight"))
    shown = _catalog_rows(columns, table, trials.name, catalog.name)
    chosen = columns["n_select"].astype(np.int64)
    references = (shown >= 0).sum(axis=1) - 1
    right_kind = ((references == 8) & (chosen == 2)) | ((references == 2) & (chosen == 1))
    if "is_ranked" in columns:
        right_kind &= columns["is_ranked"].astype(bool) | (chosen == 1)
    passed = columns["weight"].astype(np.float64) >= min_catch / 100 - 1e-9
    catch = (shown[:, 1:] == shown[:, :1]).any(axis=1)
    usable = right_kind & passed & ~catch
    if not usable.any():
        raise BadDataError(
            f"{trials.name} holds no usable trial: none is 8rank2 or 2rank1 with a weight of at "
            f"least {min_catch / 100:g}. Lower --min-catch, or check the file."
        )
    rows = np.full((int(usable.sum()), WIDTH), -1, np.int64)
    width = min(WIDTH, shown.shape[1])
    rows[:, :width] = shown[usable][:, :width]
    notes = (
        f"{len(rows):,} trials; left out: {(~passed).sum():,} with a failed catch trial, "
        f"{(passed & catch).sum():,} catch trials, "
        f"{(passed & ~catch & ~right_kind).sum():,} of another kind",
    )
    paths = tuple(_text(path) for path in table["stimulus_filepath"])
    return Rankings(paths, rows, chosen[usable]), notes


def _catalog_rows(columns: Columns, table: Columns, trials: str, catalog: str) -> Array:
    """(R, 9) rows of the catalog, for the ids that the trials name; -1 stays."""
    ids = table["stimulus_id"].astype(np.int64)
    if len(np.unique(ids)) != len(ids) or len(ids) != len(table["stimulus_filepath"]):
        raise BadDataError(f"{catalog} must list each id once, with one path. Download it again.")
    shown = columns["stimulus_set"]
    lengths = {len(shown), len(columns["n_select"]), len(columns["weight"])}
    if shown.ndim != 2 or len(lengths) != 1:
        raise BadDataError(f"The columns of {trials} differ in length. Download it again.")
    shown = shown.astype(np.int64)
    order = np.argsort(ids)  # ids need not be in the order of the rows
    position = np.clip(np.searchsorted(ids[order], shown), 0, len(ids) - 1)
    in_catalog = (shown < 0) | (ids[order][position] == shown)
    if not in_catalog.all():
        row, column = np.argwhere(~in_catalog)[0]
        raise BadDataError(
            f"Trial {row} of {trials} names the stimulus {shown[row, column]}, which is not in the "
            f"catalog {catalog} of {len(ids)}. Check that the files belong together."
        )
    return np.where(shown < 0, -1, order[position])


def _dataset_names(path: Path) -> set[str]:
    import h5py

    try:
        with h5py.File(path) as file:
            return {_text(key) for key in file}
    except OSError as error:
        raise _unreadable(path, error) from error


def _load(path: Path, needed: tuple[str, ...]) -> Columns:
    """All datasets of an HDF5 file."""
    import h5py

    try:
        with h5py.File(path) as file:
            datasets: dict[str, Any] = {_text(key): file[key] for key in file}
            missing = [name for name in needed if name not in datasets]
            if missing:
                raise BadDataError(
                    f"{path.name} has no {', '.join(missing)}; it has "
                    f"{', '.join(sorted(datasets)) or 'nothing'}. The format of psiz 0.4 or 0.5 is "
                    "needed."
                )
            return {
                name: np.asarray(dataset[()])
                for name, dataset in datasets.items()
                if isinstance(dataset, h5py.Dataset)
            }
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadDataError:
    return BadDataError(
        f"{path.name} is not a complete HDF5 file ({' '.join(str(error).split())[:80]}). "
        "Download it again."
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@dataclass
class _Dropped:
    """How many sequences and trials were left out, and why."""

    sequences: int = 0
    trials: int = 0  # of those sequences
    catch: int = 0
    other_kinds: int = 0


def read_sequences(source: Path, *, min_catch: int = 100) -> tuple[Rankings, tuple[str, ...]]:
    """Ranking trials of JSON sequences, one sequence per participant.

    Catch trials themselves (`grade_objective` is not -1, or the query is among its references, so
    the answer is obvious) are not judgements and are left out, as are placeholders.

    Args:
        source: the zip, or a folder with the same files.
        min_catch: as in `read`.

    Returns:
        The trials in the order of their files, and sentences on what was left out.

    Raises:
        BadDataError: damaged, no such files, or a stimulus is not in the catalog.
    """
    files = dict(_files(source))
    catalog = next((name for name in files if name.rpartition("/")[2] == "stimuli.txt"), None)
    if catalog is None:
        raise BadDataError(
            f"There is no stimuli.txt beside the sequences in {source.name}. Download the whole "
            "data set."
        )
    row_of, stimuli = _read_catalog(files[catalog], source.name)
    rows: list[list[int]] = []
    chosen: list[int] = []
    dropped = _Dropped()
    for name in sorted(name for name in files if name.endswith(".json")):
        for sequence in _sequences(files[name], name):
            steps = sequence.get("sequence", [])
            if _grade(sequence, name) < min_catch:
                dropped.sequences += 1
                dropped.trials += len(steps)
                continue
            for step in steps:
                kind = _KINDS.get(step.get("kind", ""))
                if kind is None:
                    dropped.other_kinds += 1
                    continue
                shown = _shown(step, kind, row_of, name)
                if step.get("grade_objective", -1) != -1 or shown[0] in shown[1:]:
                    dropped.catch += 1
                    continue
                rows.append([*shown, *[-1] * (WIDTH - len(shown))])
                chosen.append(kind[1])
    if not rows:
        raise BadDataError(
            f"{source.name} holds no usable trial of participants who passed at least "
            f"{min_catch} % of the catch trials. Lower --min-catch, or check the files."
        )
    notes = (
        f"{len(rows):,} trials; left out: {dropped.sequences:,} sequences with a failed catch "
        f"trial ({dropped.trials:,} trials), {dropped.catch:,} catch trials, "
        f"{dropped.other_kinds:,} of another kind",
    )
    return Rankings(stimuli, np.array(rows, np.int64), np.array(chosen, np.int64)), notes


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of the text files."""
    try:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.name == "stimuli.txt" or path.suffix == ".json":
                    yield path.relative_to(source).as_posix(), path.read_bytes()
            return
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(("stimuli.txt", ".json")):
                    with archive.open(entry) as file:
                        content = file.read(_MAX_BYTES + 1)
                    if len(content) > _MAX_BYTES:
                        raise BadDataError(
                            f"{entry.filename} has more than {_MAX_BYTES:,} bytes, too many for a "
                            "sequence of trials."
                        )
                    yield entry.filename, content
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        if isinstance(error, SimError):
            raise
        raise BadDataError(
            f"{source.name} is cut short or damaged ({' '.join(str(error).split())[:80]}). "
            "Download it again."
        ) from error


def _read_catalog(content: bytes, source: str) -> tuple[dict[int, int], tuple[str, ...]]:
    """Local id -> row, and the file path of each row."""
    lines = [line.split("|") for line in content.decode("utf-8", "replace").splitlines() if line]
    columns = lines[0] if lines else []
    if "local_id" not in columns or "filepath" not in columns:
        raise BadDataError(
            f"stimuli.txt of {source} must have the columns local_id and filepath, separated by |, "
            f"got {', '.join(columns) or 'none'}. Download it again."
        )
    id_column, path_column = columns.index("local_id"), columns.index("filepath")
    row_of: dict[int, int] = {}
    for line in lines[1:]:
        try:
            row_of[int(line[id_column], 36)] = len(row_of)
        except (ValueError, IndexError) as error:
            raise BadDataError(
                f"The line {'|'.join(line)!r} of stimuli.txt has no id in base 36. Download it "
                "again."
            ) from error
    if len(row_of) != len(lines) - 1:
        raise BadDataError(f"stimuli.txt of {source} lists an id twice. Download it again.")
    return row_of, tuple(line[path_column] for line in lines[1:])


def _sequences(content: bytes, name: str) -> list[JSON]:
    try:
        data = json.loads(content)["data"]
        return [dict(sequence) for sequence in data]
    except (ValueError, KeyError, TypeError) as error:
        raise BadDataError(
            f"{name} is not a sequence of trials, JSON with a list under data "
            f"({' '.join(str(error).split())[:60]}). Download it again."
        ) from error


def _grade(sequence: JSON, name: str) -> float:
    """Percentage of catch trials that the participant passed."""
    grade = sequence.get("grade")
    if not isinstance(grade, int | float):
        raise BadDataError(f"The grade of a sequence in {name} must be 0 to 100, got {grade!r}.")
    return float(grade)


def _shown(step: JSON, kind: tuple[int, int], row_of: dict[int, int], name: str) -> list[int]:
    """Rows of the catalog: the query, the chosen references in order, the others."""
    n_references, n_ranked = kind
    position = step.get("position")
    assets = {
        interaction.get("kind", ""): str(interaction.get("detail", ""))
        for interaction in step.get("interactions", [])
    }

    def stimulus(role: str) -> int:
        asset = assets.get(role, "")
        try:
            return row_of[int(asset[_ID_PREFIX:], 36)]
        except (ValueError, KeyError) as error:
            raise BadDataError(
                f"Trial {position} of {name} names the stimulus {asset!r} for {role}, which is not "
                "in the catalog. Check that the files belong together."
            ) from error

    references = [stimulus(f"content:reference_{k}") for k in range(n_references)]
    ranked = [stimulus(f"behavior:rank_{k}") for k in range(n_ranked)]
    if len(set(ranked)) != len(ranked) or not set(ranked) <= set(references):
        raise BadDataError(
            f"The choices of trial {position} in {name} are not among its references. Download it "
            "again."
        )
    rest = [reference for reference in references if reference not in ranked]
    return [stimulus("content:query"), *ranked, *rest]
