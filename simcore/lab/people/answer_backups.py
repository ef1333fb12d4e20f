"""Backups of people's answers: made, listed, restored."""

import time
from dataclasses import dataclass
from pathlib import Path

from simcore.data.answers import backups, database
from simcore.results import Result


@dataclass(frozen=True)
class AnswerBackup(Result):
    """One backup.

    Attributes:
        reason: hourly, daily, migration, removal (of an experiment) or manual.
        created: seconds since 1970. answers: number of answers and reviews; None if the
            file is damaged.
    """

    path: str
    reason: str
    created: float
    answers: int | None

    @property
    def time(self) -> str:
        """When it was made, in local time."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.created))


@dataclass(frozen=True)
class Restored(Result):
    """What `restore` did; `former` is where the replaced database is now, "" if there was none."""

    backup: AnswerBackup
    former: str


def create() -> AnswerBackup:
    """Back up all answers.

    Raises:
        BadDataError: there are no answers, they are damaged, or they are in PostgreSQL.
        SimError: the disk is full or not writable.
    """
    return _backup(backups.create(database.file()))


def listing() -> list[AnswerBackup]:
    """All backups, newest first.

    Raises:
        BadDataError: answers are in PostgreSQL.
    """
    return [_backup(backup) for backup in backups.listing(database.file())]


def restore(path: Path | None = None) -> Restored:
    """Replace the database by a backup; nothing is deleted.

    Args:
        path: by default the newest whole backup.

    Raises:
        BadDataError: no usable backup, or answers are in PostgreSQL.
        SimError: the disk is full or not writable.
    """
    database.close()
    backup, former = backups.restore(database.file(), path)
    return Restored(_backup(backup), str(former or ""))


def _backup(backup: backups.Backup) -> AnswerBackup:
    return AnswerBackup(str(backup.path), backup.reason, backup.created, backup.answers)
