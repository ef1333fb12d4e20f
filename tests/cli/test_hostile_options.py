"""Hostile text in options and arguments: a sentence or a result, never a traceback."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore import memory
from simcore.__main__ import run
from tests.reliability import commands, isolation

PAIRS = [
    (command, parameter)
    for command in commands.commands()
    for parameter in command.parameters
    if not parameter.flag
]
# Training is left to the reliability programme: a valid value would make it run.
QUICK = [pair for pair in PAIRS if pair[0].path[0] not in {"learn", "reproduce", "bench"}]
NUMBERS = st.one_of(st.floats(), st.integers(), st.fractions()).map(str)
TEXTS = st.one_of(st.sampled_from(commands.HOSTILE), NUMBERS, st.text(max_size=30))


def is_harmless(text: str) -> bool:
    """Whether no file outside the working folder can be meant."""
    return not text.lstrip().startswith(("/", "~")) and ".." not in text


@pytest.fixture
def folder(tiny, cache, tmp_path, monkeypatch):
    """A working folder beside the cache with the collection "tiny"."""
    monkeypatch.setattr("subprocess.Popen.__init__", isolation.refuse)
    (tmp_path / "work" / "pictures").mkdir(parents=True)
    return tmp_path / "work"


def test_every_command_is_known():
    paths = {command.path for command, _ in PAIRS}
    assert {("evaluate", "recall"), ("search",), ("experiments", "restore")} <= paths
    assert len(PAIRS) > 150


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pair=st.sampled_from(QUICK), text=TEXTS.filter(is_harmless))
def test_hostile_text_never_ends_in_a_traceback(folder, tiny_cache, cache, pair, text):
    if not (cache / "collections" / "tiny").exists():  # the command removed it, as it was told to
        shutil.copytree(tiny_cache / "collections", cache / "collections", dirs_exist_ok=True)
    command, parameter = pair
    assert commands.attempt(command.line(parameter, text), folder) == ""
    memory.clear()


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--k", "", 1),
        ("--k", ",", 1),
        ("--k", "inf", 1),
        ("--k", "nan", 1),
        ("--k", "1.9", 1),
        ("--k", "1e99", 1),
        ("--weights", "inf,1", 1),
        ("--models", "\udcff", 1),
        ("--subset", "unseen:" + "x" * 300, 1),
        ("--metric", "\0", 1),
    ],
)
def test_values_of_recall(tiny, capsys, option, value, code):
    options = [f"{option}={value}"]
    if option == "--weights":
        options += ["--models=hog,color", "--combine=zsum"]
    assert run(["evaluate", "recall", "tiny", *options]) == code
    assert "error of simcore" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        ["learn", "adaptation", "tiny", "--sigma", "inf"],
        ["learn", "adaptation", "tiny", "--seed", "-1"],
        ["evaluate", "duplicates", "tiny", "--within", "nan"],
        ["map", "tiny", "--models", "hog", "--min-dist", "nan"],
    ],
)
def test_numbers_are_finite_and_seeds_are_not_negative(tiny, line):
    assert run(line) == 2


def test_more_runs_than_anybody_needs_are_refused(tiny, capsys):
    assert run(["learn", "adaptation", "tiny", "--models", "hog", "--runs", "9" * 20]) == 1
    assert "1 to 1,000" in capsys.readouterr().err


def test_a_named_file_that_cannot_be_written_is_a_sentence(tiny, tmp_path, capsys):
    for name in ("nowhere/points.csv", "x" * 300):
        assert run(["map", "tiny", "--models=hog", "--method=pca", f"--csv={tmp_path}/{name}"]) == 1
        assert "Cannot write" in capsys.readouterr().err


def test_extract_fails_when_a_named_backbone_is_unavailable(tiny, capsys):
    assert run(["extract", "tiny", "--models", "hog,densenet121"]) == 1
    assert "densenet121 is not available" in capsys.readouterr().err
    assert run(["extract", "tiny", "--models", "hog"]) == 0
