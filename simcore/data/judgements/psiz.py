"""The older files of the same trials: HDF5 of psiz 0.4 and 0.5, read without psiz."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.judgements.trials import Rankings
from simcore.errors import BadDataError, SimError
from simcore.types import Array

SUFFIXES = (".hdf5", ".h5")

WIDTH = 9  # a query and at most eight references
_KINDS = {"rank:8rank2": (8, 2), "rank:2rank1": (2, 1)}
_LARGEST = 200_000_000
_LOCAL = 5  # an asset id is domain (2), subset (3) and the local number in base 36


def find(source: Path) -> tuple[Path, Path]:
    """(trials, catalogue), told apart by what is inside.

    Args:
        source: a folder with both, or the trials' file beside its catalogue.

    Raises:
        BadDataError: not exactly one of each.
    """
    folder = source if source.is_dir() else source.parent
    files = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES]
    kinds = {path: _keys(path) for path in files}
    trials = [p for p in files if "stimulus_set" in kinds[p]]
    catalogs = [p for p in files if "stimulus_filepath" in kinds[p]]
    if source.is_file():
        trials = [source]
    if len(trials) != 1 or len(catalogs) != 1:
        raise BadDataError(
            f"found {len(trials)} files of trials and {len(catalogs)} catalogues in {folder}; "
            "expected one of each; give the file of trials itself, its catalogue beside it"
        )
    return trials[0], catalogs[0]


def read_hdf5(trials: Path, catalog: Path, *, grade: int = 100) -> tuple[Rankings, tuple[str, ...]]:
    """Ranking trials; text may be stored as bytes or as str.

    Args:
        trials: stimulus_set (R, 9): query, selections in order, the rest, -1 pads; 0-based numbers
            into the catalogue; n_select, is_ranked, weight (share of catch trials passed).
        catalog: stimulus_id, stimulus_filepath.
        grade: least weight in percent, as for the JSON files.

    Raises:
        BadDataError: unreadable, a dataset missing, or a stimulus outside the catalogue.
    """
    table = _load(catalog, ("stimulus_id", "stimulus_filepath"))
    told = _load(trials, ("stimulus_set", "n_select", "weight"))
    ids = table["stimulus_id"].astype(np.int64)
    if len(np.unique(ids)) != len(ids) or len(ids) != len(table["stimulus_filepath"]):
        raise BadDataError(f"found ids and paths that do not fit in {catalog.name}")
    shown = told["stimulus_set"]
    if shown.ndim != 2 or len({len(shown), *(len(told[k]) for k in ("n_select", "weight"))}) != 1:
        raise BadDataError(f"found columns of different lengths in {trials.name}")
    shown = shown.astype(np.int64)
    # The column of ids, not the row, is what trials speak of.
    order = np.argsort(ids)
    place = np.clip(np.searchsorted(ids[order], shown), 0, len(ids) - 1)
    known = (shown < 0) | (ids[order][place] == shown)
    if not known.all():
        row, column = np.argwhere(~known)[0]
        raise BadDataError(
            f"found the stimulus {shown[row, column]} in trial {row} of {trials.name}; expected "
            f"an id of the catalogue {catalog.name} of {len(ids)}; look which files belong together"
        )
    shown = np.where(shown < 0, -1, order[place])
    chosen = told["n_select"].astype(np.int64)
    references = (shown >= 0).sum(axis=1) - 1
    kind = ((references == 8) & (chosen == 2)) | ((references == 2) & (chosen == 1))
    if "is_ranked" in told:
        kind &= told["is_ranked"].astype(bool) | (chosen == 1)
    passed = told["weight"].astype(np.float64) >= grade / 100 - 1e-9
    catch = (shown[:, 1:] == shown[:, :1]).any(axis=1)
    usable = kind & passed & ~catch
    if not usable.any():
        raise BadDataError(
            f"found no usable trial in {trials.name}; expected 8rank2 or 2rank1 with a weight of "
            f"{grade / 100:g} or more; look at the file or ask for a lower grade"
        )
    rows = np.full((int(usable.sum()), WIDTH), -1, np.int64)
    width = min(WIDTH, shown.shape[1])
    rows[:, :width] = shown[usable][:, :width]
    notes = (
        f"{len(rows):,} trials; left out: {int((~passed).sum()):,} with a catch trial missed, "
        f"{int((passed & catch).sum()):,} catch trials, "
        f"{int((passed & ~catch & ~kind).sum()):,} of another kind",
    )
    paths = tuple(_text(p) for p in table["stimulus_filepath"])
    return Rankings(paths, rows, chosen[usable]), notes


def _keys(path: Path) -> set[str]:
    import h5py

    try:
        with h5py.File(path) as file:
            return {_text(key) for key in file}
    except OSError as error:
        raise _unreadable(path, error) from error


def _load(path: Path, needed: tuple[str, ...]) -> dict[str, Array]:
    import h5py

    try:
        with h5py.File(path) as file:
            found: dict[str, Any] = {_text(k): file[k] for k in file}
            absent = [name for name in needed if name not in found]
            if absent:
                raise BadDataError(
                    f"{path.name} has no {', '.join(absent)} (it has "
                    f"{', '.join(sorted(found)) or 'nothing'}); expected the format of psiz 0.4"
                )
            return {k: np.asarray(v[()]) for k, v in found.items() if isinstance(v, h5py.Dataset)}
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadDataError:
    return BadDataError(
        f"{path.name} is no whole HDF5 file ({' '.join(str(error).split())[:80]}); "
        "expected trials or a catalogue of psiz; download it again"
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read(source: Path, *, grade: int = 100) -> tuple[Rankings, tuple[str, ...]]:
    """Trials of all sequences whose catch trials went well.

    Catch trials themselves (an obvious answer: `grade_objective` is not -1, or the query among its
    own references) are no judgements and are left out, as are placeholders.

    Args:
        source: the zip, or a folder with the same files.
        grade: least share of catch trials answered rightly, in percent; 100 = all of them
            (margaritescu2024, 4.1).

    Returns:
        Trials in the order of their files, and sentences on what was left out.

    Raises:
        BadDataError: not whole, no such files, or a stimulus outside the catalogue.
    """
    files = dict(_files(source))
    catalog = next((n for n in files if n.rpartition("/")[2] == "stimuli.txt"), None)
    if catalog is None:
        raise BadDataError(
            f"found no stimuli.txt in {source.name}; expected it beside the sequences; "
            "download the whole set"
        )
    number, stimuli = _catalog(files[catalog], source.name)
    rows: list[list[int]] = []
    chosen: list[int] = []
    left = {"sequences": 0, "trials": 0, "catch": 0, "other": 0}
    for name in sorted(n for n in files if n.endswith(".json")):
        for sequence in _sequences(files[name], name):
            steps = sequence.get("sequence", [])
            if _number(sequence.get("grade"), name) < grade:
                left["sequences"] += 1
                left["trials"] += len(steps)
                continue
            for step in steps:
                kind = _KINDS.get(step.get("kind", ""))
                if kind is None:
                    left["other"] += 1
                    continue
                shown = _shown(step, kind, number, name)
                if step.get("grade_objective", -1) != -1 or shown[0] in shown[1:]:
                    left["catch"] += 1
                    continue
                rows.append([*shown, *[-1] * (WIDTH - len(shown))])
                chosen.append(kind[1])
    if not rows:
        raise BadDataError(
            f"found no usable trial in {source.name}; expected sequences graded {grade} or better; "
            "look at the files or ask for a lower grade"
        )
    notes = (
        f"{len(rows):,} trials; left out: {left['sequences']:,} sequences with a catch trial "
        f"missed ({left['trials']:,} trials), {left['catch']:,} catch trials, "
        f"{left['other']:,} of another kind",
    )
    return Rankings(stimuli, np.array(rows, np.int64), np.array(chosen, np.int64)), notes


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """(path, content) of the text files."""
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
                        content = file.read(_LARGEST + 1)
                    if len(content) > _LARGEST:
                        raise BadDataError(f"{entry.filename} is too large; expected a sequence")
                    yield entry.filename, content
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        if isinstance(error, SimError):
            raise
        raise BadDataError(
            f"{source.name} is cut short or damaged ({' '.join(str(error).split())[:80]}); "
            "expected a whole zip; download it again"
        ) from error


def _catalog(content: bytes, source: str) -> tuple[dict[int, int], tuple[str, ...]]:
    """Local number -> row, and the file path of each row."""
    lines = [line.split("|") for line in content.decode("utf-8", "replace").splitlines() if line]
    head = lines[0] if lines else []
    if "local_id" not in head or "filepath" not in head:
        raise BadDataError(
            f"stimuli.txt of {source} has the columns {', '.join(head) or 'none'}; "
            "expected local_id and filepath, with | between; download it again"
        )
    name, path = head.index("local_id"), head.index("filepath")
    number: dict[int, int] = {}
    for line in lines[1:]:
        try:
            number[int(line[name], 36)] = len(number)
        except (ValueError, IndexError) as error:
            raise BadDataError(
                f"found the line {'|'.join(line)!r} in stimuli.txt; expected an id in base 36"
            ) from error
    if len(number) != len(lines) - 1:
        raise BadDataError(f"found an id twice in stimuli.txt of {source}; expected each once")
    return number, tuple(line[path] for line in lines[1:])


def _sequences(content: bytes, name: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(content)["data"]
        return [dict(sequence) for sequence in data]
    except (ValueError, KeyError, TypeError) as error:
        raise BadDataError(
            f"{name} is no sequence of trials ({' '.join(str(error).split())[:60]}); expected "
            "JSON with a list under data; download it again"
        ) from error


def _number(value: Any, name: str) -> float:
    if not isinstance(value, int | float):
        raise BadDataError(f"found the grade {value!r} in {name}; expected 0 to 100")
    return float(value)


def _shown(
    step: dict[str, Any], kind: tuple[int, int], number: dict[int, int], name: str
) -> list[int]:
    """Query, choices in order, the rest: rows of the catalogue."""
    told = {i.get("kind", ""): str(i.get("detail", "")) for i in step.get("interactions", [])}

    def stimulus(key: str) -> int:
        asset = told.get(key, "")
        try:
            return number[int(asset[_LOCAL:], 36)]
        except (ValueError, KeyError) as error:
            raise BadDataError(
                f"found the stimulus {asset!r} for {key} in {name}, trial {step.get('position')}; "
                "expected an id of the catalogue; look which files belong together"
            ) from error

    references = [stimulus(f"content:reference_{k}") for k in range(kind[0])]
    picked = [stimulus(f"behavior:rank_{k}") for k in range(kind[1])]
    if len(set(picked)) != len(picked) or not set(picked) <= set(references):
        raise BadDataError(
            f"found choices in {name}, trial {step.get('position')}, that were not shown; "
            "expected some of the references; download it again"
        )
    rest = [r for r in references if r not in picked]
    return [stimulus("content:query"), *picked, *rest]
