"""Nothing that people said is lost or doubled, whatever falls over meanwhile."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, inspect, text

from simcore.data.answers import database, experiment_store
from simcore.data.answers.experiment_store import Choice
from simcore.data.answers.schema import Answer, Base, Experiment, Question
from simcore.errors import BadDataError, SimError, UnknownNameError

ROOT = Path(__file__).parents[3]
PEOPLE, QUESTIONS = 50, 12


def make(name="storm", count=QUESTIONS):
    made = Experiment(
        name=name, collection="c", choices=4, seed=0, consent="", plan={}, created=1.0
    )
    asked = [
        Question(
            number=n,
            condition="random",
            catch=False,
            query=f"q{n}",
            query_key=f"{n:032x}",
            options=[[f"o{i}", f"{n}{i}"] for i in range(4)],
            mate=n % 4,
        )
        for n in range(1, count + 1)
    ]
    return experiment_store.add(made, asked)


class Server:
    """The server in a process of its own, always at the same address."""

    def __init__(self):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.data.answers.answer_server", str(self.port)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, **said):
        """Ask until there is an answer, as a person does who sees no new question."""
        call = urllib.request.Request(f"http://127.0.0.1:{self.port}", json.dumps(said).encode())
        for _ in range(600):
            try:
                with urllib.request.urlopen(call, timeout=30) as answer:
                    return json.load(answer)
            except (OSError, HTTPException):
                time.sleep(0.05)
        raise AssertionError("the server did not come back")


def take_part(server, seed, counted):
    """Answer everything; returns (code, {question: content key of the choice})."""
    random, told = Random(seed), {}
    code = server.ask()["code"]
    screen = server.ask(code=code)
    while screen:
        number, place = screen["number"], random.randrange(4)
        assert number not in told
        told[number] = screen["choices"][place]
        screen = server.ask(code=code, number=number, place=place)
        counted.release()
    return code, told


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_fifty_at_once_lose_nothing_when_the_server_is_killed(database):
    storm = make()
    server, counted = Server(), threading.Semaphore(0)
    try:
        with ThreadPoolExecutor(PEOPLE) as crowd:
            runs = [crowd.submit(take_part, server, seed, counted) for seed in range(PEOPLE)]
            for _ in range(2):  # twice, each time after about a third of all answers
                for _ in range(PEOPLE * QUESTIONS // 3):
                    assert counted.acquire(timeout=120)
                server.kill()
                if database is not None:
                    database.stop()
                    database.start()
                server.start()
            told = dict(run.result(timeout=120) for run in runs)
    finally:
        server.kill()
    kept = {}
    asked = {question.number: question for question in experiment_store.questions(storm)}
    for person, number, answer in experiment_store.answers(storm):
        assert (person, number) not in kept, "doubled"
        kept[person, number] = asked[number].options[answer.option][1]
    assert len(told) == PEOPLE
    assert len(kept) == PEOPLE * QUESTIONS
    for code, chosen in told.items():
        person = experiment_store.attendance("storm", code).participant.number
        assert {n: kept[person, n] for n in range(1, QUESTIONS + 1)} == chosen


@pytest.mark.usefixtures("database")
def test_the_first_answer_stands_also_among_threads():
    storm = make()
    person = experiment_store.join(storm)
    with ThreadPoolExecutor(8) as crowd:
        new = list(
            crowd.map(
                lambda option: (
                    experiment_store.record(
                        "storm",
                        person.code,
                        1,
                        lambda *_: Choice(option, place=0),
                        seconds=1,
                    ).new
                ),
                [0, 1, 2, 3] * 4,
            )
        )
    assert sum(new) == 1
    ((number, asked, answer),) = experiment_store.answers(storm)
    assert (number, asked, answer.option) == (1, 1, [0, 1, 2, 3][new.index(True) % 4])


@pytest.mark.usefixtures("database")
def test_who_comes_at_once_gets_numbers_of_their_own():
    storm = make()
    with ThreadPoolExecutor(10) as crowd:
        numbers = [
            person.number for person in crowd.map(lambda _: experiment_store.join(storm), "x" * 40)
        ]
    assert sorted(numbers) == list(range(1, 41))
    assert experiment_store.counts() == {
        "storm": experiment_store.Counts(questions=QUESTIONS, participants=40, answers=0)
    }


@pytest.mark.usefixtures("database")
def test_a_name_is_taken_once_and_a_removed_experiment_takes_its_answers_along():
    storm = make()
    with pytest.raises(BadDataError, match="named 'storm' already exists"):
        make()
    assert len(experiment_store.questions(storm)) == QUESTIONS
    person = experiment_store.join(storm)
    experiment_store.record("storm", person.code, 1, lambda *_: Choice(1, place=0), seconds=1)
    experiment_store.remove("storm")
    assert experiment_store.names() == []
    with database.read_session() as session:
        assert session.query(Answer).count() == session.query(Question).count() == 0
    with pytest.raises(UnknownNameError, match="No experiment named 'storm'"):
        experiment_store.get("storm")


@pytest.mark.usefixtures("database")
def test_a_code_opens_only_its_own_experiment():
    first = make("one")
    make("two")
    person = experiment_store.join(first)
    assert experiment_store.attendance("one", person.code).participant.number == 1
    with pytest.raises(UnknownNameError, match="Start again"):
        experiment_store.attendance("two", person.code)


@pytest.mark.usefixtures("database")
def test_the_migrations_make_the_tables_that_the_program_expects():
    make()
    engine = create_engine(database.make_engine(database.address()).url)
    found = inspect(engine)
    for table in Base.metadata.sorted_tables:
        columns = {c["name"]: c for c in found.get_columns(table.name)}
        assert set(columns) == {column.name for column in table.columns}
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, column
        plain = [i for i in found.get_indexes(table.name) if not i.get("duplicates_constraint")]
        assert {i["name"] for i in plain} == {index.name for index in table.indexes}
    engine.dispose()


@pytest.mark.usefixtures("database")
def test_an_older_database_is_brought_forward_with_its_answers():
    from alembic import command

    engine = database.make_engine(database.address())
    config = database.migration_config()
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO experiments (name, collection, choices, seed, consent, plan, created) "
                "VALUES ('old', 'c', 3, 0, '', '{}', 1.0)"
            )
        )
    engine.dispose()
    assert experiment_store.names() == ["old"]
    with database.read_session() as session:
        assert session.execute(text("SELECT count(*) FROM judgements")).scalar() == 0


@pytest.mark.usefixtures("database")
def test_a_newer_database_is_left_alone():
    make()
    with database.write_session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(BadDataError, match="newer than"):
        experiment_store.names()


@pytest.mark.usefixtures("database")
def test_many_processes_may_open_a_new_database_at_once():
    code = "from simcore.data.answers import experiment_store; print(experiment_store.names())"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for _ in range(5)
    ]
    for run in runs:
        out, said = run.communicate(timeout=60)
        assert out == b"[]\n", said.decode()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("no address", "SIMCORE_DATABASE_URL is not a database address"),
        ("mysql://me:secret@host/x", "kind 'mysql'"),
        ("postgresql://me:secret@127.0.0.1:1/x", "not usable"),
    ],
)
def test_an_address_that_does_not_serve_is_a_sentence_without_the_password(
    monkeypatch, address, says
):
    monkeypatch.setenv("SIMCORE_DATABASE_URL", address)
    pytest.importorskip("psycopg")
    with pytest.raises(SimError, match=says) as caught:
        experiment_store.names()
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_a_sentence(cache):
    cache.mkdir()
    (cache / "answers.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(SimError, match="no SQLite database"):
        experiment_store.names()


def test_a_file_that_is_deleted_under_us_begins_anew_and_not_in_thin_air(cache):
    make()
    for file in cache.glob("answers.sqlite*"):
        file.unlink()
    make("after")
    database.close()
    assert experiment_store.names() == ["after"]


def test_sqlite_flushes_each_commit(cache):
    make()
    with database.read_session() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar() == 2
    assert (cache / "answers.sqlite").is_file()


def test_an_up_to_date_database_is_opened_without_alembic(cache):
    """It takes half a second to import."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(database.migration_config())
    assert database.newest_revision() == scripts.get_current_head()
    make()
    database.close()
    script = (
        "import sys; from simcore.data.answers import database\n"
        "with database.read_session(): pass\n"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
