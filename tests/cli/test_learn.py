"""`simcore learn`: its documents agree with each other, and other commands use the result."""

import json
import shutil
from contextlib import contextmanager

import pytest

from simcore.__main__ import run
from simcore.lab import jobs
from simcore.lab.judgements import sets
from simcore.lab.learning import adaptation as learning
from simcore.lab.learning import learned_backbones
from simcore.types import Monitor
from tests.conftest import extracted_pairs
from tests.lab.conftest import conv  # noqa: F401  a fixture
from tests.training.conftest import single_thread  # noqa: F401  a fixture of the module

MODELS = "color,layout"
VOTES = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4, 0.6, 0.5] * 3, "color": [0.0, 1.0, 0.6, 0.2] * 4}


@pytest.fixture
def ask(capsys):
    """`ask("learn", ...)` -> (JSON document, text on stderr)."""

    def document(*args, code=0):
        capsys.readouterr()
        assert run([*args, "--json"]) == code
        printed = capsys.readouterr()
        envelope = json.loads(printed.out)
        return envelope.get("result", envelope), printed.err

    return document


@pytest.fixture(scope="module")
def drawn_cache(tmp_path_factory):
    """A cache with twenty drawn pairs and their features."""
    return extracted_pairs(tmp_path_factory.mktemp("drawn"), "drawn", 20, MODELS.split(","))


@pytest.fixture
def drawn(drawn_cache, cache):
    """Twenty drawn pairs, a collection of that name."""
    shutil.copytree(drawn_cache, cache, dirs_exist_ok=True)
    return "drawn"


@pytest.fixture
def judgements(bapps_tree):
    """37 triplets, a judgement set called "mine"."""
    sets.add("bapps", bapps_tree(VOTES), name="mine")
    return "mine"


def adapt(*options):
    return ["learn", "adaptation", "drawn", "--models", MODELS, "--runs", "2", *options]


def finetune(data="mine", backbone="tiny-conv", paradigm="triplet", *options):
    args = ["learn", "finetune", data, "--backbone", backbone, "--paradigm", paradigm]
    return [*args, "--save", "tuned", "--epochs", "1", "--batch-size", "4", *options]


def test_from_pairs_to_a_backbone_and_its_removal(ask, drawn, tmp_path, capsys):
    file = tmp_path / "w.npz"
    document, _ = ask(*adapt("--epochs", "5", "--save", "mine", "--export", str(file)))
    assert document["saved"] == "learned:mine"
    assert document["settings"]["protocol"] == "held-out"
    assert document["settings"]["learning_rate"] == 1e-3
    assert file.is_file()
    (row,) = ask("learn", "list")[0]["learned"]
    assert row["name"] == "learned:mine"
    assert row["result"]["after"]["runs_aR1"] == document["after"]["runs_aR1"]
    recall = ["evaluate", "recall", "drawn", "--models", "learned:mine", "--k", "1"]
    seen, warning = ask(*recall)
    assert "unseen:mine" in warning
    unseen, warning = ask(*recall, "--subset", "unseen:mine")
    assert "unseen" not in warning
    assert unseen["pairs"] == document["pairs"]["test"] < seen["pairs"]
    assert ask("search", "drawn", "--id", "03", "--models", "learned:mine")[0]
    refused, _ = ask("learn", "adaptation", "drawn", "--save", "mine", code=1)
    assert "already" in refused["error"]
    ask("learn", "remove", "mine")
    assert ask("learn", "list")[0] == {"learned": [], "unfinished": []}
    assert run(["learn", "list"]) == 0
    assert "Nothing was learned yet" in capsys.readouterr().err
    gone, _ = ask("evaluate", "recall", "drawn", "--models", "learned:mine", code=1)
    assert "o learned backbone" in gone["error"]


def test_fusion_with_its_baseline(ask, drawn):
    document, _ = ask(*adapt("--method", "fusion", "--baseline"))
    assert len(document["baseline"]["chosen"]) == 2
    assert document["pairs"] == {"train": 15, "validation": 0, "test": 5}


def test_a_table_without_json(drawn, capsys):
    assert run(adapt("--epochs", "1")) == 0
    printed = capsys.readouterr().out
    assert "features side by side" in printed
    assert "test pairs" in " ".join(printed.split())


def test_the_paper_reproduced(ask, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "RUNS", 2)
    file = tmp_path / "paper.html"
    command = ["reproduce", "risser-maroux2021", "drawn", "--models", "color", "--html", str(file)]
    document, _ = ask(*command)
    section, annex, curves, examples = document["sections"]
    stages = [next(iter(row.values())) for row in section["rows"]]
    assert stages == ["concatenated", "PCA", "sigma 1", "sigma 15"]
    assert len(section["printed"]) == 37
    assert "clip_rm50x4" in file.read_text()
    (row,) = annex["rows"]
    gains = {each["quantity"]: each["own"] for each in annex["compared"]}
    gain = gains["color: aR@1 at sigma 15 over aR@1 before"]["value"]
    assert gain == pytest.approx(row["sigma 15"] / row["concatenated"], rel=1e-3)
    assert [each["ratio"] for each in annex["printed"]] == [2.25, 3.55, 4.53]
    assert "do not mean the same" in annex["note"]
    assert curves["title"].startswith("Figure 3")
    # Figure 4: each query before and after, with its mate second.
    assert [each["caption"].split(":")[0] for each in examples["pictures"]] == [
        *["before", "after"] * (len(examples["pictures"]) // 2)
    ]
    for before, after in zip(examples["pictures"][::2], examples["pictures"][1::2], strict=True):
        assert before["keys"][:2] == after["keys"][:2]
        assert before["labels"][:2] == ["query", "mate"]
    # The rows are stored: nothing is trained a second time.
    monkeypatch.setattr(learning, "adapt", lambda *_, **__: pytest.fail("trained twice"))
    again, _ = ask(*command)
    assert again == document


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["adaptation", "drawn", "--protocol", "oracle"], "protocol"),
        (["adaptation", "drawn", "--method", "magic"], "method"),
        (["adaptation", "drawn", "--sigma", "-1"], "sigma must be greater than 0"),
        (["adaptation", "drawn", "--runs", "0"], "runs must be 1 to 1,000"),
        (["adaptation", "drawn", "--save", "../x"], "is not a valid name"),
        (["adaptation", "drawn", "--models", "texture"], "simcore extract drawn"),
        (finetune("drawn", "mobilenetv2", "x")[1:], "paradigm"),
        (finetune("drawn", "hog", "moco")[1:], "hog has no trainable weights"),
        (["remove", "nothing"], "o learned backbone"),
    ],
)
def test_bad_input_is_one_sentence(ask, drawn, args, message):
    document, _ = ask("learn", *args, code=1)
    assert message in document["error"]


def test_a_stopped_run_is_resumed_by_the_same_command(ask, drawn, monkeypatch):
    answers = iter([*[False] * 4, True, *[False] * 99])

    @contextmanager
    def monitor(on_progress):
        yield Monitor(on_progress, answers.__next__)

    monkeypatch.setattr(jobs, "monitor", monitor)
    command = adapt("--epochs", "5", "--save", "mine")
    assert run(command) == 143
    assert ask("learn", "list")[0]["unfinished"] == ["mine"]
    document, _ = ask(*command)
    assert len(document["loss"]) == 5
    listed = ask("learn", "list")[0]
    assert listed["unfinished"] == []
    assert [row["name"] for row in listed["learned"]] == ["learned:mine"]


def test_jobs_of_older_versions_are_resumed_with_todays_options(drawn, conv):  # noqa: F811
    old = ["learn", "finetune", "pairs:drawn", "--base", conv, "--paradigm", "triplet"]
    old += ["--rate", "0.001", "--epochs", "1", "--batch", "4", "--save", "old"]
    assert run(learned_backbones.resume_args(old)) == 0
    old = ["learn", "adaptation", "drawn", "--models", MODELS, "--protocol", "honest"]
    old += ["--rival", "--runs", "1", "--epochs", "1"]
    assert run(learned_backbones.resume_args(old)) == 0


def test_from_judgements_to_a_backbone_and_its_score(ask, judgements, conv, capsys):  # noqa: F811
    document, _ = ask(*finetune())
    assert document["saved"] == "learned:tuned"
    assert document["backbone"] == conv
    (row,) = ask("learn", "list")[0]["learned"]
    assert (row["data"], row["score_name"]) == ("mine", "agreement")
    assert row["held_out_score"] == row["agreement"]
    scores = ["evaluate", "triplets", "mine", "--metrics", "cosine"]
    scores += ["--models", f"{conv},learned:tuned"]
    everything, warning = ask(*scores)
    assert "unseen:tuned" in warning
    part, warning = ask(*scores, "--subset", "unseen:tuned")
    assert "unseen" not in warning
    assert part["trials"] == document["trials"]["test"] < everything["trials"]
    for stage, scored in zip(("before", "after"), part["rows"], strict=True):
        assert document[stage]["agreement"]["value"] == pytest.approx(scored["all"]["value"])
    assert run(["learn", "list"]) == 0
    assert "agreement" in capsys.readouterr().out


def test_a_table_of_judgements_names_the_parts(judgements, conv, capsys):  # noqa: F811
    assert run(finetune("mine", conv, "contrastive")) == 0
    printed = capsys.readouterr()
    assert "training" in printed.out
    assert "test judgements" in " ".join(printed.out.split())
    assert "Paired difference" in printed.err


def test_samples_and_the_printed_table(ask, judgements):
    document, _ = ask(
        "judgements", "sample", "mine", "Quadruplet_BAPPS_2AFC", "--size", "8", "--save", "small"
    )
    assert (document["trials"], document["groups"]) == (8, {"cnn": 4, "color": 4})
    rows, _ = ask("judgements", "printed")
    assert {row["size"] for row in rows} == {1000}
    assert next(r for r in rows if r["id"] == "Triplet_BAPPS_2AFC")["sets"] == ["mine", "small"]
    assert run(["judgements", "printed"]) == 0
    assert run(["judgements", "sample", "mine", "triplets", "--save", "another"]) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "nobody"}, "collection or judgement set"),
        ({"backbone": "hog"}, "hog has no trainable weights"),
        ({"backbone": "nothing"}, "backbone"),
        ({"data": "pairs:mine"}, "o collection"),
    ],
)
def test_bad_input_for_fine_tuning_is_one_sentence(ask, judgements, conv, change, message):  # noqa: F811
    document, _ = ask(*finetune(**change), code=1)
    assert message in document["error"]


def test_bad_input_on_judgements_is_one_sentence(ask, judgements):
    for args, message in (
        (["judgements", "sample", "mine", "Triplet_Birds-16"], "is drawn"),
        (["experiments", "judgements", "nobody"], "experiment"),
        (["evaluate", "triplets", "mine", "--models", "color", "--subset", "tlld"], "subset"),
        (["evaluate", "triplets", "mine", "--models", "color", "--subset", "unseen:x"], "learned"),
    ):
        assert message in ask(*args, code=1)[0]["error"]
