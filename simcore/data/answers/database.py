"""The database of people's answers: SQLite in the cache, or PostgreSQL (SIMCORE_DATABASE_URL).

Answers cannot be computed again, so a commit is on disk before the caller learns of it.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from sqlalchemy import Engine, create_engine, event, inspect, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from simcore.data import cache_dir
from simcore.data.answers import backups
from simcore.errors import BadDataError, SimError

if TYPE_CHECKING:
    from alembic.config import Config


_log = logging.getLogger("simcore")
VARIABLE = "SIMCORE_DATABASE_URL"
MIGRATIONS = Path(__file__).parent / "migrations"
TIMEOUT = 30  # seconds that a writer waits for other writers
LOCK = 7_060_115_906  # arbitrary id of the advisory lock that a PostgreSQL migration holds


def address() -> URL:
    """The database's address; its password is never shown by `str`.

    Raises:
        BadDataError: `SIMCORE_DATABASE_URL` is not an address of PostgreSQL or SQLite.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return URL.create("sqlite", database=str(cache_dir.root() / "answers.sqlite"))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: what follows the host is no port
        url = None
    # SQLAlchemy ends the password at the first @, so that the rest of it would become the host.
    if url is None or "@" in (url.host or ""):
        raise BadDataError(
            f"{VARIABLE} is not a database address. Set it to one like "
            "postgresql://user:password@host/name; in a password, write @ as %40, : as %3A and "
            "/ as %2F."
        )
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg":
        return url
    if url.drivername == "sqlite":
        if url.query or not url.database:
            raise BadDataError(
                f"{VARIABLE} must name a file, without settings: sqlite:////folder/answers.sqlite."
            )
        return url
    raise BadDataError(
        f"{VARIABLE} names a database of the kind {url.drivername!r}. "
        "Use postgresql://... or sqlite:///... instead."
    )


def exists() -> bool:
    """Whether the database exists; opening it would create it."""
    return not _missing(address())


@contextmanager
def read_session() -> Iterator[Session]:
    """A read-only session.

    Raises:
        SimError: the database cannot be reached, is of a newer version, or its disk fails.
    """
    with _session(writes=False) as session:
        yield session


@contextmanager
def write_session() -> Iterator[Session]:
    """A session whose changes are on disk when the block ends; all of them, or none.

    Raises:
        SimError: as `read_session`, or the disk is full or read-only; nothing is changed then.
    """
    with _session(writes=True) as session:
        yield session


@contextmanager
def _session(*, writes: bool) -> Iterator[Session]:
    url = address()
    try:
        engine = _open(url)
        if writes:
            _back_up_if_due(url)
            engine = engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session
            session.commit()
    except IntegrityError:
        raise  # a duplicate: only the caller knows what that means
    except DBAPIError as error:
        raise SimError(_error_message(error, url)) from error
    except PoolTimeout as error:
        raise SimError("The database of answers is busy. Try again in a minute.") from error
    except (OverflowError, UnicodeEncodeError) as error:  # not even sent to the database
        raise BadDataError(
            "A text or number cannot be stored. Use valid Unicode and numbers below 2^63."
        ) from error


def _error_message(error: DBAPIError, url: URL) -> str:
    if url.get_backend_name() == "sqlite" and (
        sentence := cache_dir.disk_error_message(
            OSError(str(error.orig)), Path(url.database or ".")
        )
    ):
        return sentence
    lines = str(error.orig).strip().splitlines()
    reason = lines[0] if lines else "no reason given"
    return (
        f"The database {url} is not usable ({reason}). Earlier answers are safe. "
        f"Start the database or correct {VARIABLE}, then try again."
    )


# A connection must not be shared with a forked child, so each process opens its own. With the
# number of the file on disk, so that a file put in its place (restored, say) is noticed.
_OPEN: dict[tuple[URL, int], tuple[Engine, int | None]] = {}
_OPENING = Lock()


def _open(url: URL) -> Engine:
    key = (url, os.getpid())
    with _OPENING:
        if key in _OPEN and _OPEN[key][1] != _file_number(url):
            _OPEN.pop(key)[0].dispose()  # open connections would write into a deleted file
        if key not in _OPEN:
            if url.get_backend_name() == "sqlite":
                _prepare_file(Path(url.database or ""))
            engine = make_engine(url)
            try:
                migrate(engine)
            except BaseException:
                engine.dispose()
                raise
            _OPEN[key] = engine, _file_number(url)
        return _OPEN[key][0]


def _prepare_file(file: Path) -> None:
    """Check the database file; a new one appears complete, so that an empty file is damage."""
    if not file.parent.is_dir():
        raise BadDataError(
            f"The folder {file.parent} does not exist. Create it or correct {VARIABLE}."
        )
    if not file.exists():
        with cache_dir.disk_errors(file.parent), FileLock(f"{file}.lock"):
            if not file.exists():
                with TemporaryDirectory(prefix=f".new-{os.getpid()}-", dir=file.parent) as folder:
                    draft = Path(folder) / file.name
                    engine = make_engine(URL.create("sqlite", database=str(draft)))
                    migrate(engine)
                    engine.dispose()
                    cache_dir.write_atomic(file, draft.read_bytes())
    backups.check(file)


def _file_number(url: URL) -> int | None:
    if url.get_backend_name() != "sqlite":
        return None
    try:
        return Path(url.database or "").stat().st_ino
    except OSError:
        return -1


def file() -> Path:
    """The file of the database, for backups.

    Raises:
        BadDataError: answers are in PostgreSQL, which has its own tools for that.
    """
    url = address()
    if url.get_backend_name() != "sqlite":
        raise BadDataError(
            "Answers are in PostgreSQL. Back them up with `pg_dump` and restore with `pg_restore`."
        )
    return Path(url.database or "").absolute()


def back_up(reason: backups.Reason) -> None:
    """An automatic backup before something is changed for good; PostgreSQL has its own.

    Raises:
        SimError: the disk is full or not writable; then nothing should be changed.
    """
    if address().get_backend_name() == "sqlite" and exists():
        backups.create(file(), reason)


_next_backup = [0.0]  # time.monotonic() at which writers look whether a backup is due


def _back_up_if_due(url: URL) -> None:
    if url.get_backend_name() != "sqlite" or time.monotonic() < _next_backup[0]:
        return
    _next_backup[0] = time.monotonic() + 600
    try:
        backups.create_if_due(file())
    except (SimError, OSError) as error:  # no reason to refuse an answer
        _log.warning("No backup of the answers: %s", error)


def _missing(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def close() -> None:
    """Close all connections; the next query opens new ones."""
    with _OPENING:
        for engine, _ in _OPEN.values():
            engine.dispose()
        _OPEN.clear()
    _next_backup[0] = 0.0


def make_engine(url: URL) -> Engine:
    """An engine for a database, as this program uses it; nothing is migrated.

    Raises:
        SimError: the driver of PostgreSQL is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": TIMEOUT})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        # pre_ping: after a restart of the server, connect again instead of failing one answer.
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=40)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise SimError(
            'The PostgreSQL driver psycopg is not installed. Run `pip install "simcore[postgres]"`.'
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # A transaction that starts as a reader and then writes fails at once if another wrote in
    # between; one that declares itself a writer waits for its turn.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(engine: Engine) -> None:
    """Migrate the tables to this version; one process at a time, all steps or none.

    Raises:
        BadDataError: the tables are of a newer version than this program.
    """
    if _revision(engine) == newest_revision():
        return  # alembic takes half a second to import, and a page should not wait for it
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = migration_config()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision == newest:
        return
    name = engine.url.database or ""
    sqlite = engine.dialect.name == "sqlite"
    if sqlite and revision is not None:
        backups.create(Path(name), "migration")
    lock = FileLock(f"{name}.lock") if sqlite else nullcontext()
    with lock, engine.execution_options(writes=True).begin() as connection:
        if not sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        revision = MigrationContext.configure(connection).get_current_revision()
        revisions = {script.revision for script in scripts.walk_revisions()}
        if revision is not None and revision not in revisions:
            raise BadDataError(
                f"The database {engine.url} has version {revision!r}, which is newer than "
                f"{newest!r}, the latest that this simcore knows. Update simcore."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    """The version of the tables; None for a database without any."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.exec_driver_sql(
            "SELECT version_num FROM alembic_version"
        ).scalar()
    return revision


def newest_revision() -> str:
    """The version of the tables that this program uses: that of the last migration.

    >>> newest_revision() >= "0004"
    True
    """
    names = (path.stem for path in (MIGRATIONS / "versions").glob("v*.py"))
    return max(name.removeprefix("v").partition("_")[0] for name in names)


def migration_config() -> "Config":
    """Alembic's configuration with the migrations of this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
