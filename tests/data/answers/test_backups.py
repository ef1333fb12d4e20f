"""Backups of answers, and databases that are damaged: refused, restored, never overwritten."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simcore.__main__ import run
from simcore.data.answers import backups, database, experiment_store
from simcore.data.answers.schema import Experiment, Question
from simcore.errors import BadDataError, DamagedFileError, SimError


def experiment(name: str = "survey") -> Experiment:
    """A stored experiment with three questions."""
    questions = [
        Question(
            number=number,
            condition="random",
            catch=False,
            query=f"q{number}",
            query_key=f"{number:032x}",
            options=[["a", "1"], ["b", "2"]],
            mate=0,
        )
        for number in (1, 2, 3)
    ]
    empty = Experiment(
        name=name, collection="c", choices=2, seed=0, consent="", plan={}, created=1.0
    )
    return experiment_store.add(empty, questions)


def answer(person: str, number: int) -> None:
    experiment_store.record(
        "survey", person, number, lambda *_: experiment_store.Choice(1, place=0), seconds=1.0
    )


def answered() -> int:
    return experiment_store.counts()["survey"].answers


@pytest.fixture
def answers(cache: Path) -> Path:
    """A database with two answers, closed; its file."""
    person = experiment_store.join(experiment())
    answer(person.code, 1)
    answer(person.code, 2)
    database.close()
    return cache / "answers.sqlite"


def damage(file: Path, kind: str) -> None:
    """Damage a database as crashes and bad disks do; only the file, as its log is empty."""
    content = bytearray(file.read_bytes())
    if kind == "empty":
        content.clear()
    elif kind == "cut":
        del content[len(content) // 2 :]
    elif kind == "zeros":
        content[4096:12288] = bytes(8192)
    elif kind == "text":
        content[:] = b"{}" * 3000
    elif kind == "header":
        content[:16] = bytes(16)
    file.write_bytes(content)


@pytest.mark.parametrize("kind", ["empty", "cut", "zeros", "text", "header"])
def test_a_damaged_database_is_refused_and_restored(answers, kind, capsys):
    assert run(["experiments", "backup"]) == 0
    damage(answers, kind)
    damaged = answers.read_bytes()
    database.close()
    with pytest.raises(DamagedFileError, match=r"simcore experiments restore.* with 2 answers"):
        experiment_store.names()
    with pytest.raises(SimError):
        experiment("another")
    assert run(["experiments", "backup"]) == 1, "no backup of damage"
    assert answers.read_bytes() == damaged, "nothing is overwritten"
    assert run(["doctor", "--json"]) in {0, 1}
    assert "experiments restore" in capsys.readouterr().out

    assert run(["experiments", "restore"]) == 0
    assert answered() == 2
    (former,) = answers.parent.glob("answers.sqlite.replaced-*[0-9]")
    assert former.read_bytes() == damaged


def test_without_a_backup_the_advice_is_to_move_the_file(answers):
    for path in (answers.parent / "backups").glob("*.sqlite"):
        path.unlink()
    damage(answers, "empty")
    with pytest.raises(DamagedFileError, match="There is no backup"):
        experiment_store.names()
    with pytest.raises(BadDataError, match="no whole backup"):
        backups.restore(answers)


def test_a_backup_holds_answers_that_are_still_in_the_log(cache):
    person = experiment_store.join(experiment())
    answer(person.code, 1)
    assert (cache / "answers.sqlite-wal").stat().st_size > 0
    assert backups.create(cache / "answers.sqlite").answers == 1


def test_automatic_backups_rotate_and_manual_ones_stay(answers):
    manual = backups.create(answers)
    for _ in range(backups.KEEP["migration"] + 3):
        newest = backups.create(answers, "migration")
    rows = backups.listing(answers)
    assert rows[0].path == newest.path
    assert [row.reason for row in rows].count("migration") == backups.KEEP["migration"]
    assert manual.path in {row.path for row in rows}


def test_writers_make_daily_and_hourly_backups_also_after_the_clock_was_set_back(answers):
    (first,) = backups.listing(answers)  # from the first write
    assert first.reason == "daily"
    assert backups.create_if_due(answers).reason == "hourly"
    assert backups.create_if_due(answers) is None
    now = time.time()
    for age, reason in ((2 * 3600, "hourly"), (30 * 3600, "daily"), (-90 * 24 * 3600, "daily")):
        for row in backups.listing(answers):
            os.utime(row.path, (now - age, now - age))
        assert backups.create_if_due(answers).reason == reason
    newest = backups.listing(answers)[0]
    assert newest.answers == 2
    assert newest.reason == "daily"


def test_removing_an_experiment_leaves_a_backup(answers):
    experiment_store.remove("survey")
    assert ("removal", 2) in {(row.reason, row.answers) for row in backups.listing(answers)}
    backups.restore(answers)
    assert answered() == 2


def test_a_migration_is_preceded_by_a_backup(cache):
    from alembic import command

    engine = database.make_engine(database.address())
    config = database.migration_config()
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    experiment_store.names()
    (row,) = backups.listing(cache / "answers.sqlite")
    assert row.reason == "migration"
    with sqlite3.connect(row.path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    connection.close()


def test_a_running_program_notices_a_restored_file(answers):
    backups.create(answers)
    person = experiment_store.join(experiment_store.get("survey"))
    answer(person.code, 3)
    assert answered() == 3
    backups.restore(answers)  # as another process would
    assert answered() == 2


@pytest.mark.slow
def test_a_kill_while_a_new_database_is_made_leaves_no_empty_file(cache):
    code = "from simcore.data.answers import experiment_store; experiment_store.names()"
    for delay in (0.5, 0.7, 0.8, 0.9, 1.0, 1.2):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
        time.sleep(delay)
        process.kill()
        process.wait()
        file = cache / "answers.sqlite"
        assert not file.exists() or file.stat().st_size > 10_000
    assert experiment_store.names() == []


def test_postgresql_is_referred_to_its_own_tools(monkeypatch, capsys):
    monkeypatch.setenv("SIMCORE_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/x")
    for words in (["backup"], ["backups"], ["restore"]):
        assert run(["experiments", *words]) == 1
        assert "pg_dump" in capsys.readouterr().err
