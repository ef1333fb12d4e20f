"""The older files of the same trials: HDF5 of psiz 0.4 and 0.5, read without psiz."""

from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.trials.nouns import Rankings
from simcore.data.trials.psiz import WIDTH
from simcore.errors import BadDataError
from simcore.types import Array

SUFFIXES = (".hdf5", ".h5")


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


def read(trials: Path, catalog: Path, *, grade: int = 100) -> tuple[Rankings, tuple[str, ...]]:
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
