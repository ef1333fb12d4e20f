"""Backups of the SQLite database of answers, and the check that finds it damaged.

A backup is a complete database file in `backups/` beside the database. Automatic ones are made
every hour and every day with new answers, before a migration and before an experiment is removed;
the oldest are deleted. Those that a person asked for stay. A damaged database is refused and never
overwritten.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from filelock import FileLock

from simcore.data import cache_dir
from simcore.errors import BadDataError, DamagedFileError

Reason = Literal["hourly", "daily", "migration", "removal", "manual"]
# How many automatic backups of each kind stay, and seconds between two of them.
KEEP: dict[Reason, int] = {"hourly": 12, "daily": 14, "migration": 5, "removal": 5}
INTERVALS: dict[Reason, float] = {"daily": 24 * 3600.0, "hourly": 3600.0}
_HEADER = b"SQLite format 3\0"
# The running number orders backups also where the clock was set back.
_NAME = re.compile(rf"(\d{{6}})-\d{{8}}-\d{{6}}-({'|'.join(get_args(Reason))})")


@dataclass(frozen=True)
class Backup:
    """One backup.

    Attributes:
        created: time, seconds since 1970. answers: number of answers and reviews; None if it is
            damaged.
    """

    path: Path
    reason: Reason
    created: float
    answers: int | None


def check(database: Path) -> None:
    """Check that a database file is whole; an absent one is.

    Raises:
        DamagedFileError: it is empty, no database, or SQLite's quick check fails; names the newest
            backup.
    """
    if database.exists() and (reason := _damage(database)):
        raise DamagedFileError(
            f"The answers in {database} are damaged ({reason}). {_advice(database)}"
        )


def _damage(database: Path) -> str:
    """What is wrong with a database file; "" if nothing is."""
    if not database.is_file():
        return "it is no file"
    with cache_dir.disk_errors(database), database.open("rb") as file:
        header = file.read(len(_HEADER))
    if not header:
        return "the file is empty"
    if header != _HEADER:
        return "it is no SQLite database"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError:
        return ""  # locked, or a read-only folder: opening it gives the right sentence
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if rows == [("ok",)] else " ".join(str(rows[0][0]).split())[:100]


def _advice(database: Path) -> str:
    usable = [backup for backup in listing(database) if backup.answers is not None]
    if not usable:
        return "There is no backup. Move the file away to begin anew."
    newest = usable[0]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(newest.created))
    return (
        f"Run `simcore experiments restore` for the backup of {when} with {newest.answers:,} "
        "answers and reviews; the damaged file is kept beside it."
    )


def listing(database: Path) -> list[Backup]:
    """All backups of a database, newest first."""
    return [
        Backup(path, reason, path.stat().st_mtime, _count(path))
        for _, path, reason in _numbered(database)
    ]


def _numbered(database: Path) -> list[tuple[int, Path, Reason]]:
    """(running number, file, reason) of each backup, newest first."""
    rows = []
    for path in _folder(database).glob(f"{database.stem}-*.sqlite"):
        if match := _NAME.fullmatch(path.stem.removeprefix(f"{database.stem}-")):
            rows.append((int(match[1]), path, cast(Reason, match[2])))
    return sorted(rows, reverse=True)


def create(database: Path, reason: Reason = "manual") -> Backup:
    """Copy a database while it is in use, check the copy, and delete old automatic ones.

    Raises:
        DamagedFileError: the database is damaged; no backup is deleted then.
        SimError: the disk is full or not writable. BadDataError: there is no database.
    """
    if not database.exists():
        raise BadDataError(f"There are no answers to back up: {database} does not exist.")
    check(database)
    with _lock(database):
        earlier = _numbered(database)
        number = earlier[0][0] + 1 if earlier else 1
        when = time.strftime("%Y%m%d-%H%M%S")
        path = _folder(database) / f"{database.stem}-{number:06}-{when}-{reason}.sqlite"
        with cache_dir.atomic_path(path) as draft, _sqlite_errors(database, path.parent):
            with (
                closing(sqlite3.connect(database, timeout=30)) as source,
                closing(sqlite3.connect(draft)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            if fault := _damage(draft):
                raise DamagedFileError(f"The backup of {database} is damaged ({fault}). Try again.")
        if reason in KEEP:
            same = [old for _, old, kind in earlier if kind == reason]
            for old in same[KEEP[reason] - 1 :]:
                old.unlink(missing_ok=True)
    return Backup(path, reason, path.stat().st_mtime, _count(path))


def create_if_due(database: Path) -> Backup | None:
    """A daily or an hourly backup, if answers changed and the newest of its kind is too old."""
    if not database.exists():
        return None
    changed = max(file.stat().st_mtime for file in _files(database))
    earlier = _numbered(database)
    for reason, interval in INTERVALS.items():
        newest = next((path.stat().st_mtime for _, path, kind in earlier if kind == reason), None)
        # An age below zero: the clock was set back.
        if newest is None or (changed != newest and not 0 <= time.time() - newest < interval):
            return create(database, reason)
    return None


def restore(database: Path, backup: Path | None = None) -> tuple[Backup, Path | None]:
    """Put a backup in the place of the database, whose files are kept under another name.

    Args:
        backup: by default the newest that is whole.

    Returns:
        The backup, and where the former database is now.

    Raises:
        BadDataError: no usable backup. SimError: the disk is full or not writable.
    """
    usable = {item.path: item for item in listing(database) if item.answers is not None}
    if backup is not None and backup.absolute() not in usable:
        raise BadDataError(f"{backup} is not a whole backup of {database}.")
    if not usable:
        raise BadDataError(f"There is no whole backup of {database} in {_folder(database)}.")
    chosen = usable[backup.absolute()] if backup else next(iter(usable.values()))
    with _lock(database), cache_dir.disk_errors(database.parent):
        former = None
        if database.exists():
            ending = f"replaced-{time.strftime('%Y%m%d-%H%M%S')}"
            former = database.with_name(f"{database.name}.{ending}")
            for file in _files(database):  # also the log, which belongs to this file only
                file.replace(
                    file.with_name(f"{database.name}.{ending}{file.name[len(database.name) :]}")
                )
        cache_dir.write_atomic(database, chosen.path.read_bytes())
    return chosen, former


@contextmanager
def _sqlite_errors(database: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        message = cache_dir.disk_error_message(OSError(str(error)), folder)
        raise BadDataError(
            message or f"{database} cannot be backed up ({error}). Try again when it is not in use."
        ) from error


def _lock(database: Path) -> FileLock:
    cache_dir.make_folder(_folder(database))
    return FileLock(_folder(database) / ".lock")


def _folder(database: Path) -> Path:
    return database.parent / "backups"


def _files(database: Path) -> list[Path]:
    """The database and SQLite's logs beside it, those that exist."""
    files = [database, *(database.with_name(f"{database.name}-{e}") for e in ("wal", "shm"))]
    return [file for file in files if file.exists()]


def _count(path: Path) -> int | None:
    if _damage(path):
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            # A backup before a migration may lack the newer table.
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {"answers", "judgements"} & {name for (name,) in rows}
            counts = (connection.execute(f"SELECT count(*) FROM {name}") for name in tables)
            return sum(int(count.fetchone()[0]) for count in counts) if tables else None
    except sqlite3.DatabaseError:
        return None
