"""Shared options: the command line of a question asks the same question."""

import pytest

from simcore.__main__ import run
from simcore.cli import options
from simcore.errors import BadDataError, UnknownNameError
from simcore.lab import recipes
from simcore.recipe import Question


def test_a_question_survives_its_command_line(tiny):
    parsed = recipes.parse(["hog", "color"], "zsum", weights=[2, 0.5], metric="l1", post="center")
    question = Question(tiny, tuple(parsed), "rl")
    name, *args = question.to_args()
    values = {
        word.removeprefix("--"): text for word, text in zip(args[::2], args[1::2], strict=True)
    }
    assert options.make_question(name, **values) == question


def test_without_models_a_question_is_about_all_extracted_backbones(tiny):
    question = options.make_question(tiny, "")
    assert sorted(question.backbones) == ["color", "hog", "layout"]


def test_wrong_options_are_named(tiny, capsys):
    with pytest.raises(UnknownNameError, match="direction"):
        options.make_question(tiny, "hog", direction="up")
    with pytest.raises(BadDataError, match="Cannot read weights from 'a'"):
        options.make_question(tiny, "hog", combine="zsum", weights="a")
    assert run(["evaluate", "recall", tiny, "--k", "one"]) == 1
    assert "--k" in capsys.readouterr().err


def test_each_command_offers_the_options_that_it_uses(capsys):
    for command, used, unused in (
        ("recall", ["--combine", "--weights", "--post", "--missing"], []),
        ("subsets", ["--post", "--missing"], ["--combine", "--weights"]),
        ("post-processing", ["--metric"], ["--post", "--combine"]),
        ("ablation", ["--combine"], ["--weights"]),
    ):
        assert run(["evaluate", command, "--help"]) == 0
        text = capsys.readouterr().out
        for option in ("--models", "--metric", "--direction", "--subset", "--json", *used):
            assert option in text, command
        for option in unused:
            assert option not in text, command


@pytest.mark.parametrize("text", ["1.5", "inf", "nan", "", ",", "1e400", "x", "1,2.5", "9" * 20])
def test_cut_offs_are_whole_numbers(text: str) -> None:
    with pytest.raises(BadDataError, match=r"--k"):
        options.whole_numbers(text, "--k")


def test_cut_offs_may_be_written_as_floats() -> None:
    assert options.whole_numbers("1,5.0,1e1", "--k") == [1, 5, 10]
