"""Learning from judgements on the command line: documents, sentences, and what is seen."""

import json

import pytest

from simcore.__main__ import run
from tests.lab.conftest import conv  # noqa: F401  a fixture

VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4, 0.6, 0.5] * 3, "color": [0.0, 1.0, 0.6, 0.2] * 4}


@pytest.fixture
def ask(bapps_tree, capsys):
    """`ask("learn", ...)` -> (document, what was said); on 37 triplets called "mine"."""
    assert run(["judgements", "add", "bapps", str(bapps_tree(VOTES)), "--name", "mine"]) == 0

    def document(*args, code=0):
        capsys.readouterr()
        assert run([*args, "--json"]) == code
        told = capsys.readouterr()
        return json.loads(told.out), told.err

    return document


def tune(ask, *more, data="mine", base="tiny-conv", code=0):
    args = [
        "--base",
        base,
        "--paradigm",
        "triplet",
        "--rate",
        "1e-3",
        "--epochs",
        "1",
        "--batch",
        "4",
        "--save",
        "tuned",
    ]
    return ask("learn", "finetune", data, *args, *more, code=code)


def test_from_judgements_to_a_backbone_and_its_score(ask, conv, capsys):  # noqa: F811
    told, _ = tune(ask)
    assert told["saved"] == "learned:tuned"
    (row,) = ask("learn", "list")[0]["learned"]
    assert (row["data"], row["score"], row["worth"]) == ("mine", "agreement", row["agreement"])
    models = ["--models", f"{conv},learned:tuned", "--metrics", "cosine"]
    whole, warning = ask("evaluate", "triplets", "mine", *models)
    assert "unseen:tuned" in warning
    part, warning = ask("evaluate", "triplets", "mine", *models, "--subset", "unseen:tuned")
    assert "unseen" not in warning
    assert part["trials"] == told["trials"]["test"] < whole["trials"]
    for stage, scored in zip(("before", "after"), part["rows"], strict=True):
        assert told[stage]["agreement"]["value"] == pytest.approx(scored["all"]["value"])
    assert run(["learn", "list"]) == 0
    assert "agreement" in capsys.readouterr().out


def test_what_is_printed_names_the_parts(ask, conv, capsys):  # noqa: F811
    args = [
        "learn",
        "finetune",
        "mine",
        "--base",
        conv,
        "--paradigm",
        "contrastive",
        "--epochs",
        "1",
        "--batch",
        "4",
        "--save",
        "shown",
    ]
    assert run(args) == 0
    told = capsys.readouterr()
    assert "judgements learned from" in " ".join((told.out + told.err).split())
    assert "difference, paired" in told.err


def test_samples_and_the_printed_table(ask):
    told, _ = ask(
        "judgements", "sample", "mine", "Quadruplet_BAPPS_2AFC", "--size", "8", "--save", "small"
    )
    assert (told["trials"], told["groups"]) == (8, {"cnn": 4, "color": 4})
    rows, _ = ask("judgements", "printed")
    assert {row["size"] for row in rows} == {1000}
    assert next(r for r in rows if r["id"] == "Triplet_BAPPS_2AFC")["sets"] == ["mine", "small"]
    assert run(["judgements", "printed"]) == 0
    assert run(["judgements", "sample", "mine", "triplets", "--save", "another"]) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": "nobody"}, "collection or set of judgements"),
        ({"base": "hog"}, "no weights to learn in hog"),
        ({"base": "nothing"}, "backbone"),
        ({"data": "pairs:mine"}, "No collection"),
    ],
)
def test_bad_input_is_one_sentence(ask, conv, change, said):  # noqa: F811
    told, _ = tune(ask, **change, code=1)
    assert said in told["error"]


def test_other_bad_input_is_one_sentence(ask):
    for args, said in (
        (["judgements", "sample", "mine", "singles", "--save", "x"], "pictures alone"),
        (["judgements", "sample", "mine", "Triplet_Birds-16"], "is drawn"),
        (["experiments", "judgements", "nobody"], "experiment"),
        (["evaluate", "triplets", "mine", "--models", "color", "--subset", "tlld"], "subset"),
        (["evaluate", "triplets", "mine", "--models", "color", "--subset", "unseen:x"], "learned"),
    ):
        assert said in ask(*args, code=1)[0]["error"]
