"""`simcore experiment` and `simcore review`, as typed."""

import json
import os
import shutil

import pytest

from simcore.__main__ import run
from simcore.lab.library import collections, extraction
from simcore.lab.people import participation, review


@pytest.fixture
def tiny(pairs_folder):
    collections.add("pairs", pairs_folder, name="tiny")
    extraction.extract("tiny", ["hog", "color"])
    return "tiny"


def test_an_experiment_from_its_making_to_its_analysis(tiny, tmp_path, capsys):
    agreed = tmp_path / "consent.txt"
    agreed.write_text("We keep your choices.")
    words = [
        "new",
        "pilot",
        tiny,
        "--distractors",
        "random,color",
        "--questions",
        "2",
        "--choices",
        "3",
        "--consent",
        str(agreed),
        "--json",
    ]
    assert run(["experiments", *words]) == 0
    made = json.loads(capsys.readouterr().out)["result"]
    assert (made["questions"], made["conditions"]) == (4, ["random", "color"])
    assert participation.introduction("pilot").consent == "We keep your choices."
    for _ in range(2):
        code = participation.join("pilot")
        while screen := participation.screen("pilot", code):
            participation.answer("pilot", code, screen.number, place=0, seconds=2)
    assert run(["experiments", "analyze", "pilot", "--models", "hog", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert told["answers"] == 8
    assert told["places"]["counts"] == [8, 0, 0]
    assert run(["experiments", "analyze", "pilot", "--models", "none"]) == 0
    shown = capsys.readouterr()
    assert "8 answers of 2 participants" in shown.out
    assert "alpha" in shown.err
    assert run(["experiments", "export", "pilot"]) == 0
    text = capsys.readouterr().out
    file = tmp_path / "answers.csv"
    file.write_text(text)
    assert run(["experiments", "import", "again", tiny, str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["answers"] == 8
    assert run(["experiments", "export", "again"]) == 0
    assert capsys.readouterr().out == text
    assert run(["experiments", "export", "again", "--triplets"]) == 0
    assert capsys.readouterr().out.startswith("query,a,b,vote,group,votes\nleft/")
    assert run(["experiments", "export", "again", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["result"]
    assert (len(rows), rows[0]["place"]) == (8, "1")
    assert run(["experiments", "judgements", "again", "--save", "said", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["result"]
    assert (made["name"], made["kind"], made["votes"]) == ("said", "answers", "human")
    assert run(["experiments", "judgements", "again"]) == 0
    assert "simcore learn finetune again" in capsys.readouterr().err.replace("\n", " ")
    assert run(["experiments", "list"]) == 0
    assert "again" in capsys.readouterr().out


def test_faults_are_sentences(tiny, tmp_path, capsys):
    for words, says in (
        (["new", "Bad Name", tiny], "not a valid name"),
        (["new", "x", "nowhere"], "No collection named"),
        (["new", "x", tiny, "--consent", str(tmp_path / "none")], "cannot be read"),
        (["import", "x", tiny, str(tmp_path)], "not a regular file"),
        (["analyze", "nothing"], "No experiment named"),
    ):
        assert run(["experiments", *words]) == 1
        assert says in capsys.readouterr().err


def test_what_a_review_says(tiny, capsys):
    review.add_review(tiny, "a", "Ana", "tag", "shape")
    assert run(["review", "export", tiny]) == 0
    assert "a,a,Ana,tag,shape," in capsys.readouterr().out
    assert run(["review", "summary", tiny, "--combine", "zsum", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert [row["recipe"] for row in told["recall"]] == ["hog", "color", "zsum(hog + color)"]
    assert run(["review", "summary", tiny]) == 0
    shown = capsys.readouterr()
    assert "1 of 6 pairs reviewed" in shown.out
    assert "shape: 1 pairs" in shown.err


def test_doctor_says_where_answers_are(tiny, capsys, cache, monkeypatch):
    assert run(["doctor", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)["result"]["answers"]
    assert kept["database"].endswith("answers.sqlite")
    assert (kept["experiments"], kept["answers"]) == (0, 0)
    assert not (cache / "answers.sqlite").exists()
    assert run(["experiments", "new", "pilot", tiny, "--questions", "2", "--choices", "2"]) == 0
    monkeypatch.setenv("SIMCORE_DATABASE_URL", f"sqlite:///{cache / 'answers.sqlite'}")
    assert run(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["answers"]["experiments"] == 1
    monkeypatch.setenv("SIMCORE_DATABASE_URL", "oracle://me:secret@host/x")
    assert run(["doctor"]) == 1
    told = capsys.readouterr().err
    assert "kind 'oracle'" in told
    assert "secret" not in told


def test_files_of_experiments_are_regular_and_bounded(tiny, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large.txt").write_bytes(b"x" * 30_000_000)
    (tmp_path / "latin.txt").write_bytes("Einverständnis".encode("latin-1"))
    new = ["experiments", "new", "pilot", tiny, "--questions=2", "--choices=2"]
    for path, words in (
        ("pipe", "not a regular file"),
        ("large.txt", "more than"),
        ("latin.txt", "UTF-8"),
        ("none.txt", "cannot be read"),
        ("", "not a regular file"),
    ):
        assert run([*new, f"--consent={tmp_path / path}"]) == 1
        assert words in capsys.readouterr().err
        if path != "latin.txt":
            assert run(["experiments", "import", "pilot", tiny, str(tmp_path / path)]) == 1
            assert words in capsys.readouterr().err


def test_doctor_deletes_what_is_left_of_a_damaged_table(tiny, cache, capsys):
    (table,) = (cache / "features").glob("hog*.lance")
    left = table.with_name(f"{table.name}.damaged")
    shutil.copytree(table, left)
    assert run(["doctor"]) == 1
    assert f"feature table {table.name} was damaged" in capsys.readouterr().err
    assert run(["doctor", "--repair"]) == 0
    assert f"Deleted {left}" in capsys.readouterr().err
    assert table.exists()
    assert not left.exists()
