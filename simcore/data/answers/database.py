"""Where people's answers are kept: SQLite in the cache, or the PostgreSQL that a variable names.

Answers cannot be made again, so a commit is on disk before anybody is told that it happened.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.orm import Session

from simcore.data import cache_dir
from simcore.errors import BadDataError, SimError

if TYPE_CHECKING:
    from alembic.config import Config


VARIABLE = "SIMCORE_DATABASE_URL"
PATIENCE = 30  # seconds that a writer waits for the others
LOCK = 7_060_115_906  # any number, the same everywhere: who migrates a PostgreSQL holds it


def address() -> URL:
    """The database's address; its password is never shown by `str`.

    Raises:
        BadDataError: `SIMCORE_DATABASE_URL` is no address that we can use.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if not asked:
        return URL.create("sqlite", database=str(cache_dir.root() / "answers.sqlite"))
    try:
        url = make_url(asked)
    except ArgumentError as error:
        raise BadDataError(
            f"found no database address in {VARIABLE}; expected one like "
            "postgresql://user:password@host/name"
        ) from error
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in {"sqlite", "postgresql+psycopg"}:
        return url
    raise BadDataError(
        f"found a database of the kind {url.drivername!r} in {VARIABLE}; expected postgresql://... "
        "or sqlite:///..."
    )


def exists() -> bool:
    """Whether there is a database yet; opening it would make one."""
    return not _gone(address())


@contextmanager
def read_session() -> Iterator[Session]:
    """A session that only looks.

    Raises:
        SimError: the database cannot be reached, is of a newer version, or its disk fails.
    """
    with _session(writes=False) as session:
        yield session


@contextmanager
def write_session() -> Iterator[Session]:
    """A session whose changes are on disk when the block ends; all of them, or none.

    Raises:
        SimError: as `reading`, and where the disk is full or closed; nothing is changed then.
    """
    with _session(writes=True) as session:
        yield session


@contextmanager
def _session(*, writes: bool) -> Iterator[Session]:
    url = address()
    try:
        engine = _open(url)
        if writes:
            engine = engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session
            session.commit()
    except IntegrityError:
        raise  # what is asked for twice: whoever asked knows what that means
    except DBAPIError as error:
        raise SimError(_complaint(error, url)) from error


def _complaint(error: DBAPIError, url: URL) -> str:
    if url.get_backend_name() == "sqlite" and (
        sentence := cache_dir.disk_error_message(
            OSError(str(error.orig)), Path(url.database or ".")
        )
    ):
        return sentence
    first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no reason told"
    return (
        f"found the database {url} not usable ({first}); expected one that answers; what was "
        f"answered before is kept; start it, or mend {VARIABLE}, and try again"
    )


# A connection must not be shared with a forked child, so each process opens its own.
_OPEN: dict[tuple[URL, int], Engine] = {}
_OPENING = Lock()


def _open(url: URL) -> Engine:
    mine = (url, os.getpid())
    with _OPENING:
        if mine in _OPEN and _gone(url):
            _OPEN.pop(mine).dispose()  # open connections would write into a file without a name
        if mine not in _OPEN:
            engine = _engine(url)
            try:
                migrate(engine)
            except BaseException:
                engine.dispose()
                raise
            _OPEN[mine] = engine
        return _OPEN[mine]


def _gone(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def close() -> None:
    """Let go of all connections; the next question opens new ones."""
    with _OPENING:
        for engine in _OPEN.values():
            engine.dispose()
        _OPEN.clear()


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": PATIENCE})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        # pre_ping: a server that was restarted is found again instead of failing one answer.
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=40)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise SimError(
            "found no driver for PostgreSQL; expected the package psycopg; run "
            '`pip install "simcore[postgres]"`'
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for line in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {line}")


def _begin_sqlite(connection: Any) -> None:
    # A reader that turns into a writer fails at once where another wrote in between; one that says
    # so from the start waits its turn.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(engine: Engine) -> None:
    """Bring the database's tables to this version's; one process at a time, all steps or none.

    Raises:
        BadDataError: the tables are of a newer version than this program.
    """
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from filelock import FileLock

    config = _config()
    steps = ScriptDirectory.from_config(config)
    newest = steps.get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    file = engine.url.database or ""
    sqlite = engine.dialect.name == "sqlite"
    alone = FileLock(f"{file}.lock") if sqlite and file not in {"", ":memory:"} else nullcontext()
    with alone, engine.execution_options(writes=True).begin() as connection:
        if not sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        now = MigrationContext.configure(connection).get_current_revision()
        if now is not None and now not in {step.revision for step in steps.walk_revisions()}:
            raise BadDataError(
                f"found the database {engine.url} at version {now!r}, newer than this program's "
                f"{newest!r}; expected that or an older one; update simcore"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
