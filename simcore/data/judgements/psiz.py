"""Readers of ranking trials by psiz: JSON sequences, and the older HDF5 of psiz 0.4 and 0.5.

Both are read without psiz. ImageNet-HSJ and Birds-16 are published in these formats.
"""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import text_files
from simcore.data.judgements.trials import Rankings
from simcore.errors import BadDataError, SimError
from simcore.types import JSON, Array

Columns = dict[str, Array]  # dataset name -> values

SUFFIXES = (".hdf5", ".h5")

WIDTH = 9  # a query and at most eight references
_KINDS = {"rank:8rank2": (8, 2), "rank:2rank1": (2, 1)}  # kind -> references, how many are ranked
_MAX_BYTES = 200_000_000  # of a file or dataset
_MAX_TOTAL = 2_000_000_000  # of all sequences
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
    columns = _load(trials, ("stimulus_set", "n_select", "weight"), optional=("is_ranked",))
    shown = _catalog_rows(columns, table, trials.name, catalog.name)
    chosen = _whole_numbers(columns, "n_select", trials.name)
    references = (shown >= 0).sum(axis=1) - 1
    right_kind = ((references == 8) & (chosen == 2)) | ((references == 2) & (chosen == 1))
    if "is_ranked" in columns:
        right_kind &= columns["is_ranked"].astype(bool) | (chosen == 1)
    passed = _numbers(columns, "weight", trials.name) >= min_catch / 100 - 1e-9
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
    ids = _whole_numbers(table, "stimulus_id", catalog)
    shape = table["stimulus_filepath"].shape
    if not ids.size or ids.ndim != 1 or len(np.unique(ids)) != len(ids) or shape != ids.shape:
        raise BadDataError(f"{catalog} must list each id once, with one path. Download it again.")
    shown = _whole_numbers(columns, "stimulus_set", trials)
    shapes = {values.shape for name, values in columns.items() if name != "stimulus_set"}
    if shown.ndim != 2 or shown.shape[1] < 2 or shapes != {(len(shown),)}:
        raise BadDataError(f"The columns of {trials} differ in length. Download it again.")
    if (np.diff((shown >= 0).astype(np.int8), axis=1) > 0).any():
        raise BadDataError(
            f"A trial of {trials} has a stimulus after its padding. Download it again."
        )
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


def _numbers(columns: Columns, name: str, file: str) -> Array:
    """A dataset of numbers as float64.

    Raises:
        BadDataError: it holds something else.
    """
    values = columns[name]
    if values.dtype.kind not in "iufb":
        raise BadDataError(f"{name} of {file} must hold numbers. Download it again.")
    return values.astype(np.float64)


def _whole_numbers(columns: Columns, name: str, file: str) -> Array:
    """A dataset of whole numbers as int64.

    Raises:
        BadDataError: it holds something else; a fraction is not rounded.
    """
    values = _numbers(columns, name, file)
    if not (np.abs(values) < 2**53).all() or (values != np.rint(values)).any():
        raise BadDataError(f"{name} of {file} must hold whole numbers. Download it again.")
    return values.astype(np.int64)


def _dataset_names(path: Path) -> set[str]:
    import h5py

    text_files.check_regular(path)
    try:
        with h5py.File(path) as file:
            return {_text(key) for key in file}
    except Exception as error:  # h5py raises errors of every kind for damaged files
        raise _unreadable(path, error) from error


def _load(path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Columns:
    """Datasets of an HDF5 file.

    A dataset may claim any size, or name another file of this computer as its content; both are
    refused.
    """
    import h5py

    text_files.check_regular(path)
    try:
        with h5py.File(path) as file:
            names = [_text(key) for key in file]
            missing = [name for name in needed if name not in names]
            if missing:
                raise BadDataError(
                    f"{path.name} has no {', '.join(missing)}; it has "
                    f"{', '.join(sorted(names)[:20]) or 'nothing'}. The format of psiz 0.4 or 0.5 "
                    "is needed."
                )
            return {
                name: _load_dataset(file, name, path)
                for name in (*needed, *optional)
                if name in names
            }
    except Exception as error:  # h5py raises errors of every kind for damaged files
        if isinstance(error, SimError):
            raise
        raise _unreadable(path, error) from error


def _load_dataset(file: Any, name: str, path: Path) -> Array:
    import h5py

    is_own = isinstance(file.get(name, getlink=True), h5py.HardLink)
    dataset = file[name] if is_own else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise BadDataError(
            f"{name} of {path.name} is not a dataset of this file. Do not trust this file."
        )
    if dataset.nbytes > _MAX_BYTES:
        raise BadDataError(
            f"{name} of {path.name} has {dataset.nbytes:,} bytes; the limit is {_MAX_BYTES:,}. "
            "Do not trust this file."
        )
    return np.asarray(dataset[()])


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
    catalogs = [name for name in files if name.rpartition("/")[2] == "stimuli.txt"]
    if len(catalogs) != 1:
        raise BadDataError(
            f"There must be one stimuli.txt beside the sequences in {source.name}, got "
            f"{len(catalogs)}. Download the whole data set into a folder of its own."
        )
    row_of, stimuli = _read_catalog(files[catalogs[0]], source.name)
    rows: list[list[int]] = []
    chosen: list[int] = []
    dropped = _Dropped()
    for name in sorted(name for name in files if name.endswith(".json")):
        for sequence in _sequences(files[name], name):
            steps = _dicts(sequence.get("sequence", []), name)
            if _grade(sequence, name) < min_catch:
                dropped.sequences += 1
                dropped.trials += len(steps)
                continue
            for step in steps:
                kind = _KINDS.get(str(step.get("kind", "")))
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
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.name == "stimuli.txt" or path.suffix == ".json":
                name = path.relative_to(source).as_posix()
                yield name, text_files.read_bytes(path, _MAX_BYTES)
        return
    text_files.check_regular(source)
    remaining = _MAX_TOTAL
    try:
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(("stimuli.txt", ".json")):
                    with archive.open(entry) as file:
                        content = file.read(_MAX_BYTES + 1)
                    remaining -= len(content)
                    if len(content) > _MAX_BYTES or remaining < 0:
                        raise BadDataError(
                            f"{entry.filename} has more than {_MAX_BYTES:,} bytes, or all files "
                            f"more than {_MAX_TOTAL:,}, too many for sequences of trials."
                        )
                    yield entry.filename, content
    except Exception as error:  # zipfile raises errors of every kind for damaged files
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
    paths: list[str] = []
    for line in lines[1:]:
        try:
            row_of[int(line[id_column], 36)] = len(row_of)
            paths.append(line[path_column])
        except (ValueError, IndexError) as error:
            raise BadDataError(
                f"The line {'|'.join(line)!r} of stimuli.txt has no path, or no id in base 36. "
                "Download it again."
            ) from error
    if len(row_of) != len(lines) - 1:
        raise BadDataError(f"stimuli.txt of {source} lists an id twice. Download it again.")
    return row_of, tuple(paths)


def _sequences(content: bytes, name: str) -> list[JSON]:
    try:
        return _dicts(json.loads(content)["data"], name)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, SimError):
            raise
        raise BadDataError(
            f"{name} is not a sequence of trials, JSON with a list under data "
            f"({' '.join(str(error).split())[:60]}). Download it again."
        ) from error


def _dicts(value: Any, name: str) -> list[JSON]:
    """A list of JSON objects.

    Raises:
        BadDataError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadDataError(f"{name} does not hold lists of trials. Download it again.")
    return value


def _grade(sequence: JSON, name: str) -> float:
    """Percentage of catch trials that the participant passed."""
    grade = sequence.get("grade")
    if not isinstance(grade, int | float) or isinstance(grade, bool) or not 0 <= grade <= 100:
        raise BadDataError(
            f"The grade of a sequence in {name} must be 0 to 100, got {str(grade)[:40]}."
        )
    return float(grade)


def _shown(step: JSON, kind: tuple[int, int], row_of: dict[int, int], name: str) -> list[int]:
    """Rows of the catalog: the query, the chosen references in order, the others."""
    n_references, n_ranked = kind
    position = step.get("position")
    assets = {
        str(interaction.get("kind", "")): str(interaction.get("detail", ""))
        for interaction in _dicts(step.get("interactions", []), name)
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
