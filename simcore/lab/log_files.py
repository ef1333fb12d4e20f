"""Log files in the cache, which never grow beyond their limit."""

import logging
import time
from logging.handlers import RotatingFileHandler

from simcore.data import cache_dir

MAX_BYTES, BACKUPS = 10_000_000, 2  # per file; older lines are deleted
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PER_MINUTE = 10  # lines of one kind


class Throttle(logging.Filter):
    """Lets a few lines of each kind through per minute, and says how many were left out.

    A server that runs out of file descriptors would otherwise write a megabyte per second. Lines
    are of one kind if logger, level and the first words of their message are the same.
    """

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        super().__init__()
        self.per_minute = per_minute
        self.counts: dict[tuple[str, int, str], tuple[float, int]] = {}  # kind -> (start, lines)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        kind = (record.name, record.levelno, str(record.msg)[:40])
        start, lines = self.counts.get(kind, (time.monotonic(), 0))
        if time.monotonic() - start > 60:
            if lines > self.per_minute:
                left_out = lines - self.per_minute
                record.msg = f"{record.getMessage()} ({left_out:,} more like this were left out)"
                record.args = ()
            start, lines = time.monotonic(), 0
        if len(self.counts) > 1000:  # kinds; a message may begin with something that varies
            self.counts.clear()
        self.counts[kind] = (start, lines + 1)
        return lines < self.per_minute


def rotating(name: str) -> logging.Handler:
    """A handler that writes to `logs/NAME.log` in the cache; one that drops all where it cannot."""
    folder = cache_dir.root() / "logs"
    try:
        folder.mkdir(exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            folder / f"{name}.log", maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8"
        )
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(Throttle())
    return handler
