"""The commands on judgements: official layouts in, documents, tables and reports out."""

import json
import tarfile

import numpy as np
import pytest

from simcore.__main__ import run
from simcore.data.judgements import bapps, judgement_catalog, known_order
from tests.data.judgements.conftest import (
    bird_images,
    known,
    known_cache,
    psiz_folder,
    ranked,
    step,
)
from tests.lab.conftest import conv
from tests.training.conftest import single_thread

__all__ = ["bird_images", "conv", "known", "known_cache", "psiz_folder", "ranked", "single_thread"]

NAMES = bapps.DISTORTIONS
VOTES = {name: [0.2, 0.8, 1.0, 0.0, 0.4, 0.6] for name in NAMES}


@pytest.fixture
def ask(capsys):
    """`ask("evaluate", ...)` -> the document that the command prints with --json."""

    def document(*args, code=0):
        capsys.readouterr()
        assert run([*args, "--json"]) == code
        envelope = json.loads(capsys.readouterr().out)
        return envelope.get("result", envelope)

    return document


def test_all_commands_on_a_bapps_tar(bapps_tree, tmp_path, ask, random_lpips):
    root = bapps_tree(VOTES)
    bapps_tree({"cnn": [0.0, 1.0, 1 / 3], "traditional": [1.0, 0.0, 2 / 3]}, kind="jnd")
    for kind, folder in (("bapps", "2afc"), ("bapps-jnd", "jnd")):
        with tarfile.open(tmp_path / f"{folder}.tar.gz", "w:gz") as tar:
            tar.add(root / folder, f"dataset/{folder}")
        ask("judgements", "add", kind, str(tmp_path / f"{folder}.tar.gz"), "--name", kind)
    assert [(s["name"], s["trials"]) for s in ask("judgements", "list")] == [
        ("bapps", 36),
        ("bapps-jnd", 6),
    ]
    told = ask(
        "evaluate",
        "triplets",
        "bapps",
        "--models",
        "color,pixel-l2",
        "--metrics",
        "cosine,l1",
        "--combine",
        "zsum",
    )
    assert list(told["groups"]) == list(NAMES)
    assert [(r["models"], r["metric"], r["combine"]) for r in told["rows"]] == [
        (["color"], "cosine", "none"),
        (["color"], "l1", "none"),
        (["pixel-l2"], "own", "none"),
        (["color", "pixel-l2"], "cosine", "zsum"),
        (["color", "pixel-l2"], "l1", "zsum"),
    ]
    pixels, ceiling = told["rows"][2]["all"], told["people"]["ceiling"]["all"]
    assert pixels["value"] == ceiling["value"]
    assert pixels["low"] <= pixels["value"] <= pixels["high"]
    both = "ssim,pixel-l2,lpips-alex"
    told = ask("evaluate", "two-afc", "bapps", "--models", both, "--search", "sum")
    assert [row["group"] for row in told["combinations"]["rows"]] == [*NAMES, "all"]
    assert told["unavailable"] == {}
    jnd = ask("evaluate", "two-afc", "bapps-jnd", "--models", "pixel-l2")
    assert "JND" in jnd["score"]
    assert 0 < jnd["rows"][0]["all"]["value"] <= 1
    layers = ask("evaluate", "layers", "bapps", "--nets", "alex")
    assert [row["group"] for row in layers["rows"]] == list(NAMES)
    ask("judgements", "remove", "bapps")
    assert judgement_catalog.names() == ["bapps-jnd"]


def test_known_set_is_made_and_scored_by_one_command(ask, capsys, monkeypatch):
    # Three photographs are enough here.
    monkeypatch.setattr(known_order, "PHOTOS", dict(list(known_order.PHOTOS.items())[:3]))
    told = ask("evaluate", "triplets", "known", "--models", "color,layout")
    assert told["votes"] == "known order"
    assert told["people"] == {}
    assert {r["metric"] for r in told["rows"]} == {"cosine", "l2", "l1"}
    assert all(r["all"]["value"] > 0.75 for r in told["rows"])
    assert run(["evaluate", "triplets", "known", "--models", "color"]) == 0
    out = capsys.readouterr()
    assert "known order, not people's" in " ".join(out.out.split())
    assert "not human votes" in out.err
    assert run(["judgements", "list"]) == 0
    assert "known" in capsys.readouterr().out


def test_tables_in_a_terminal(bapps_tree, capsys, random_lpips):
    assert run(["judgements", "list"]) == 0
    assert "No judgements yet" in capsys.readouterr().err
    root = bapps_tree({"cnn": [0.2, 0.8, 1.0], "color": [0.0, 1.0, 0.6]})
    (root / "2afc/val/cnn/p1/000001.png").write_bytes(b"half a file")
    assert run(["judgements", "add", "bapps", str(root), "--name", "mine"]) == 0
    assert "5 trials over" in (err := " ".join(capsys.readouterr().err.split()))
    assert "left out 2afc/val/cnn/p1/000001" in err
    assert run(["evaluate", "two-afc", "mine", "--search", "zsum"]) == 0
    out = capsys.readouterr()
    assert "ceiling" in out.out
    assert "best combination" in out.out
    assert run(["evaluate", "layers", "mine", "--nets", "squeeze"]) == 0
    assert "best layer" in capsys.readouterr().out
    assert run(["judgements", "remove", "mine"]) == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["judgements", "add", "bapps", "no/such/place"], "nothing at"),
        (["judgements", "add", "hsj", "."], "needs a folder of images"),
        (["judgements", "add", "things", "no.txt", "--images", "."], "nothing at"),
        (["judgements", "add", "bap", "."], "Did you mean bapps"),
        (["judgements", "remove", "nothing"], "set of judgements named"),
        (["evaluate", "triplets", "knwon"], "Did you mean known"),
        (["evaluate", "triplets", "known", "--models", "hogg"], "Did you mean hog"),
        (["evaluate", "layers", "known", "--nets", "alexnet"], "LPIPS net named"),
        (["reproduce", "bapps", ","], "set of judgements"),
    ],
)
def test_bad_input_gives_one_sentence(ask, args, words):
    error = ask(*args, code=1)["error"]
    assert words in error
    assert "\n" not in error
    assert judgement_catalog.names() == []  # nothing was made before the check


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["evaluate", "layers", "known", "--nets", "alex"], "alexnet-owt-7be5be79.pth"),
        (["reproduce", "margaritescu2024", "known"], "of kind known; the paper takes at most one"),
        (["reproduce", "margaritescu", "known"], "Did you mean margaritescu2024"),
    ],
)
def test_bad_questions_on_the_known_set_give_one_sentence(known, ask, args, words):
    error = ask(*args, code=1)["error"]
    assert words in error
    assert "\n" not in error


def ranking_sets(psiz_folder, bird_images, ask, ranked):
    small = [step([1, 2, 3], [3], kind="rank:2rank1"), step([4, 5, 6], [5], kind="rank:2rank1")]
    root = psiz_folder([(100, [*ranked(12), *small])])
    for kind in ("hsj", "birds-16"):
        ask("judgements", "add", kind, str(root), "--images", str(bird_images))


def test_margaritescu2024_is_reproduced(
    bapps_tree, psiz_folder, bird_images, ranked, ask, tmp_path
):
    ask("judgements", "add", "bapps", str(bapps_tree(VOTES)))
    ranking_sets(psiz_folder, bird_images, ask, ranked)
    html = tmp_path / "report.html"
    told = ask(
        "reproduce",
        "margaritescu2024",
        "bapps,hsj,birds-16",
        "--models",
        "color,layout",
        "--html",
        str(html),
    )
    titles = [section["title"] for section in told["sections"]]
    assert len(told["sections"][0]["rows"]) == 11
    assert sum(title.startswith("Figure 5.1") for title in titles) == 7
    assert told["triplets"] == sum(row["triplets"] for row in told["sections"][0]["rows"])
    panel = next(s for s in told["sections"] if s["title"] == "Figure 5.1: BAPPS traditional")
    assert [set(row) for row in panel["rows"]] == [{"model", "COS", "L2", "L1"}] * 2
    assert sum("(best)" in cell for row in panel["rows"] for cell in row.values()) >= 1
    metrics = next(s for s in told["sections"] if s["title"].startswith("Section 5.2.3"))
    assert metrics["printed"][0]["as printed"].startswith("cosine")
    shares = [row["share %"] for row in metrics["rows"]]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    text = html.read_text()
    assert "Figure 5.1: Birds-16 dissimilar" in text
    assert text.count("plotly-graph-div") == 7
    assert "as printed" in text


def test_figure_5_3_by_command(bapps_tree, conv, ask):
    ask("judgements", "add", "bapps", str(bapps_tree(VOTES)))
    command = ["reproduce", "margaritescu2024", "bapps", "--models", "color", "--finetune"]
    command += ["--bases", conv, "--paradigms", "rotation", "--epochs", "1"]
    told = ask(*command)
    sections = {section["title"]: section for section in told["sections"]}
    by_set = sections[f"Figure 5.3: {conv} on every triplet set"]
    assert [row["paradigm"] for row in by_set["rows"]] == ["before", "rotation"]
    assert by_set["rows"][1]["examples"] == 108  # every image once
    assert by_set["rows"][1]["test triplets seen"] == 36  # all, by protocol paper
    assert f"--bases {conv} --paradigms rotation --epochs 1" in told["header"]["command"]
    said = sections["Sections 5.2.7 to 5.2.9: fine-tuning"]["rows"]
    assert said[0]["here"].startswith("needs networks fine-tuned with triplet")
    assert {row["verdict"] for row in said} == {"undecided"}
    for wrong, words in (
        (["--protocol", "honest"], "No protocol named 'honest'"),
        (["--paradigms", "tuplet"], "No paradigm named 'tuplet'"),
        (["--epochs", "0"], "epochs must be 1"),
        (["--split", "references"], "there is no split"),
    ):
        assert words in ask(*command, *wrong, code=1)["error"]
    without = [word for word in command if word != "--finetune"]
    assert "are options of --finetune" in ask(*without, code=1)["error"]
    command[1:3] = ["bapps", "bapps"]
    assert "bapps fine-tunes no network" in ask(*command, code=1)["error"]


def test_bapps_is_reproduced(bapps_tree, ask, tmp_path, random_lpips, capsys):
    root = bapps_tree(VOTES)
    bapps_tree({"cnn": [0.0, 1.0, 1 / 3]}, kind="jnd")
    ask("judgements", "add", "bapps", str(root))
    ask("judgements", "add", "bapps-jnd", str(root))
    told = ask("reproduce", "bapps", "bapps,bapps-jnd", "--models", "color,pixel-l2,lpips-alex")
    two, jnd, layers, best = told["sections"]
    assert told["trials"] == 39
    assert two["rows"][0]["similarity"] == "people: ceiling"
    assert "JND" in jnd["title"]
    assert len(layers["rows"]) == 6
    assert len(layers["printed"]) == 18
    rows = [(row["sum"], row["distortion"]) for row in best["rows"]]
    assert rows == [(kind, name) for kind in ("plain", "normalized") for name in [*NAMES, "all"]]
    assert all(row["without backbones, %"] for row in best["rows"])
    assert best["printed"][0]["combined"] == 83.68
    assert best["printed"][4]["members"].count(" + ") == 5
    assert best["printed"][4]["without extra features"] == 71.77
    compared = {row["quantity"]: row for row in best["compared"]}
    assert compared["cnn: best plain sum"]["printed"]["value"] == 83.68
    assert compared["cnn: best plain sum"]["own"]["low"] is not None
    assert compared["cnn: best normalized sum"]["printed"] is None
    assert run(["reproduce", "bapps", "bapps", "--models", "pixel-l2"]) == 0
    out = capsys.readouterr()
    assert "no LPIPS was asked for" in out.err or "alexnet" in out.err
    assert run(["reproduce", "bapps", "bapps-jnd,bapps-jnd"]) == 1


def test_printed_numbers_are_beside_the_validation_part(bapps_tree, ask):
    """BAPPS added with its training part has groups such as val/cnn."""
    bapps_tree({name: [0.2, 0.8] for name in ("traditional", "cnn", "mix")}, "train")
    ask("judgements", "add", "bapps", str(bapps_tree(VOTES)))
    told = ask("reproduce", "bapps", "bapps", "--models", "pixel-l2,ssim,color,layout")
    best = told["sections"][-1]
    own = {row["distortion"]: row for row in best["rows"] if row["sum"] == "plain"}
    assert {"val/cnn", "train/cnn"} < set(own)
    singles = [row for row in best["compared"] if row["quantity"].endswith("best single")]
    assert len(singles) == 6
    for row in singles:
        name = row["quantity"].split(":")[0]
        text = own[f"val/{name}"]["single, %"]
        assert f"{row['own']['value']:.2f}" == text.split()[0]


def test_a_report_names_the_similarities_it_lacks(bapps_tree, ask):
    ask("judgements", "add", "bapps", str(bapps_tree(VOTES)))
    told = ask("reproduce", "margaritescu2024", "bapps", "--models", "resnet18,color")
    assert told["models"] == ["color"]
    facts = {fact["name"]: fact["value"] for fact in told["header"]["facts"]}
    assert "resnet18-f37072fd" in facts["left out: resnet18"]
    assert not any(name.endswith(" color") for name in facts if name.startswith("left out"))


def test_a_panel_counts_by_the_majority(bapps_tree, ask):
    ask("judgements", "add", "bapps", str(bapps_tree(VOTES)))
    told = ask("reproduce", "margaritescu2024", "bapps", "--models", "pixel-l2")
    panel = told["sections"][1]["rows"][0]
    assert panel["own"].startswith("100.00")  # the fixture spoils the side of the minority
    assert np.isfinite(float(panel["own"].split()[0]))


def test_fine_tuning_sets_are_drawn(psiz_folder, bird_images, ranked, ask, capsys):
    ranking_sets(psiz_folder, bird_images, ask, ranked)
    sample = ask("judgements", "sample", "hsj", "triplets", "--size", "6", "--seed", "2")
    assert sample == ask("judgements", "sample", "hsj", "--size", "6", "--seed", "2")
    assert sample["columns"] == ["query", "nearer", "further"]
    assert len(sample["rows"]) == 6
    assert sample["rows"] != ask("judgements", "sample", "hsj", "--size", "6")["rows"]
    singles = ask("judgements", "sample", "hsj", "singles", "--size", "9")["rows"]
    assert len({image for (image,) in singles}) == 9
    error = ask("judgements", "sample", "hsj", "quadruplets", code=1)
    assert "set again with --keep-alternatives" in error["error"]
    error = ask("judgements", "sample", "hsj", "pairs", code=1)
    assert "kind of sample named 'pairs'" in error["error"]
    assert run(["judgements", "sample", "hsj", "singles", "--size", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "image"
