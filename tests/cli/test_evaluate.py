"""`simcore evaluate` and `simcore reproduce`: the numbers of the commands agree with each other."""

import io
import json
import math
import re
from contextlib import redirect_stdout

import numpy as np
import pytest
from PIL import Image

from simcore.__main__ import run
from simcore.lab.library import collections, extraction

MODELS = "color,layout,hog,edges"


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A cache with thirty pairs, their votes and features, for all tests of this module."""
    root = tmp_path_factory.mktemp("shapes")
    random = np.random.default_rng(0)
    y, x = np.mgrid[:96, :80]
    for number in range(30):
        cx, cy, radius = random.integers(20, 60, 3)
        color, background = random.integers(0, 256, (2, 3))
        for side, noise in (("left", 0), ("right", 60)):
            disc = (x - cx) ** 2 + (y - cy) ** 2 < (radius * 0.7) ** 2
            image = np.where(disc[..., None], color, background) + random.normal(
                0, noise, (96, 80, 3)
            )
            folder = root / "shapes" / side
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(image, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:02}.png")
    (root / "votes.csv").write_text(
        "id,wins,fails\n" + "".join(f"{n:02},{n * 3},{40 - n}\n" for n in range(30))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(root / "cache"))
        collections.add("pairs", root / "shapes", name="shapes", votes=root / "votes.csv")
        extraction.extract("shapes", MODELS.split(","))
    return root / "cache"


@pytest.fixture
def ask(shapes, monkeypatch, capsys):
    """`ask("subsets", ...)` -> the document of `simcore evaluate subsets shapes ... --json`."""
    monkeypatch.setenv("SIMCORE_CACHE", str(shapes))
    capsys.readouterr()

    def document(command, *args):
        assert run(["evaluate", command, "shapes", *args, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["result"]

    return document


def test_subsets_agree_with_recall(ask):
    found = ask("subsets", "--models", MODELS)
    assert found["pairs"] == 30
    assert found["evaluated"] == 15
    for kind in ("zsum", "sum"):
        assert [row["size"] for row in found["best_by_size"][kind]] == [1, 2, 3, 4]
        for row in found["best_by_size"][kind]:
            how = kind if row["size"] > 1 else "none"
            names = ",".join(row["models"])
            table = ask("recall", "--models", names, "--combine", how, "--k", "1")
            assert table["rows"][-1]["hits"]["1"] == row["hits"]
    most = max(r["hits"] for rows in found["best_by_size"].values() for r in rows)
    assert found["best"]["hits"] == most
    assert found["held_out"]["zsum"]["hits"] <= most


def test_disagreements_are_sorted_by_the_ratio_of_ranks(ask):
    rows = ask("disagreements", "--models", MODELS)["pairs"]
    assert len(rows) == 20
    ratios = [row["log_rank_ratio"] for row in rows]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 0
    for row in rows:
        ranks = list(row["ranks"].values())
        expected = math.log2(max(ranks) / min(ranks)) if len(ranks) > 1 else 0
        assert row["log_rank_ratio"] == pytest.approx(expected)
    assert ask("disagreements", "--models", MODELS, "--limit", "3")["pairs"] == rows[:3]


def test_exclusive_oracle_and_ablation_fit_together(ask):
    found = ask("exclusive", "--models", MODELS)
    assert found["exclusive_total"] == sum(found["by_model"].values())
    assert found["oracle"] == 30 - next(
        (row["pairs"] for row in found["sets"] if not row["models"]), 0
    )
    assert sum(row["pairs"] for row in found["sets"]) == 30
    assert found["oracle_ci95"][0] <= found["oracle"] <= found["oracle_ci95"][1]
    assert found["oracle"] >= max(found["isolation"].values())
    ablation = ask("ablation", "--models", MODELS)
    for row in ablation["rows"]:
        assert row["without"] not in row["models"]
        assert row["hits"] + row["lost"] == ablation["best"]["hits"]


def test_participation_adds_up_to_the_size(ask):
    found = ask("participation", "--models", MODELS, "--size", "2")
    assert len(found["share"]) == 6
    for row in found["share"]:
        assert sum(row) == pytest.approx(2)


def test_curve_associative_and_recall_fit_together(ask):
    curve = ask("curve", "--models", "layout")["rows"][0]["recall"]
    table = ask("recall", "--models", "layout", "--k", "1,5,30")["rows"][0]["recall"]
    assert [curve[0], curve[4], curve[29]] == pytest.approx([table["1"], table["5"], table["30"]])
    rows = ask("associative", "--models", "layout", "--repetitions", "300")["recipes"][0]["rows"]
    assert [row["m"] for row in rows] == [1, 2, 3, 4, 5, 10, 20]
    assert rows[0]["exact"] == 1
    shares = [row["exact"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    for row in rows:
        assert row["simulated"] == pytest.approx(row["exact"], abs=0.03)
    difference = ask("curve", "--models", "layout", "--minus-l2")["rows"][0]["difference"]
    cosine = ask("curve", "--models", "layout", "--metric", "cosine")["rows"][0]["recall"]
    l2 = ask("curve", "--models", "layout", "--metric", "l2")["rows"][0]["recall"]
    assert difference == pytest.approx([a - b for a, b in zip(cosine, l2, strict=True)])


@pytest.mark.parametrize("repetitions", ["0", "-1", "10001", "99999999999999999999"])
def test_numbers_of_draws_that_no_memory_holds_are_refused(ask, repetitions, capsys):
    words = ["evaluate", "associative", "shapes", "--models", MODELS]
    assert run([*words, "--repetitions", repetitions]) == 1
    assert capsys.readouterr().err == f"simcore: Draw 1 to 10,000 times, not {repetitions}.\n"


def test_votes_weights_compare_and_complementarity(ask):
    found = ask("votes", "--models", "color")["recipes"][0]["votes"]
    assert {c["name"] for c in found["up"]} == {"pearson", "spearman"}
    assert found["up"][0]["value"] == pytest.approx(-found["down"][0]["value"])
    weights = ask("weights", "--models", MODELS)
    assert sum(weights["weights"].values()) == pytest.approx(1, abs=1e-3)
    assert 0 <= weights["held_out"]["hits"] <= 30
    rows = ask("compare", "--models", "color,layout", "--combine", "zsum")["comparisons"]
    assert [(r["a"], r["b"]) for r in rows] == [
        ("color", "layout"),
        ("color", "zsum(color + layout)"),
        ("layout", "zsum(color + layout)"),
    ]
    likeness = ask("complementarity", "--models", "color,hog,edges")
    assert sorted(likeness["order"]) == [0, 1, 2]
    assert likeness["cka"][1][1] == pytest.approx(1)
    assert likeness["rsa"][1][2] > likeness["rsa"][0][1], "hog and edges both measure gradients"


def test_duplicates_need_a_network(ask, capsys):
    found = ask("duplicates", "--by", "layout", "--within", "0.0001", "--across", "0.0001")
    assert found["by"] == "layout"
    assert run(["evaluate", "duplicates", "shapes", "--json"]) == 1
    assert "simcore extract shapes --models mobilenetv2" in capsys.readouterr().out
    assert run(["evaluate", "recall", "shapes", "--subset", "tll", "--json"]) == 1
    assert "Did you mean" in capsys.readouterr().out


def test_missing_features_are_named_with_the_command_that_extracts_them(ask, capsys):
    assert run(["evaluate", "subsets", "shapes", "--models", "color,texture", "--json"]) == 1
    assert "simcore extract shapes --models texture" in capsys.readouterr().out


@pytest.fixture(scope="module")
def reports(shapes, tmp_path_factory):
    """{paper: (JSON document, folder with its files)} of both papers about pairs."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(shapes))
        for paper in ("rosenfeld2018", "rosenfeld2019"):
            folder = tmp_path_factory.mktemp(paper)
            files = [f"--{kind}={folder / kind}" for kind in ("html", "markdown", "latex")]
            with redirect_stdout(io.StringIO()) as out:
                assert (
                    run(["reproduce", paper, "shapes", "--models", MODELS, *files, "--json"]) == 0
                )
            made[paper] = json.loads(out.getvalue())["result"], folder
    return made


@pytest.mark.parametrize("paper", ["rosenfeld2018", "rosenfeld2019"])
def test_a_report_says_what_it_is_about(reports, paper):
    document, folder = reports[paper]
    header = document["header"]
    facts = {fact["name"]: fact["value"] for fact in header["facts"]}
    assert "arXiv:1" in header["citation"]["venue"]
    assert header["software"].startswith("simcore 0.")
    assert header["command"].startswith(f"simcore reproduce {paper} shapes --models color,layout")
    assert facts["pairs"].startswith("30, subset all")
    assert len(facts["collection digest"]) >= 32
    assert {f"backbone {name}" for name in MODELS.split(",")} <= set(facts)
    assert facts["face detector"] == "none has run"
    assert facts["near-duplicates judged by"] == "no network has features"
    for kind in ("html", "markdown", "latex"):
        text = (folder / kind).read_text("utf-8")
        assert header["citation"]["title"] in text, kind
        assert facts["collection digest"] in text, kind


@pytest.mark.parametrize("paper", ["rosenfeld2018", "rosenfeld2019"])
def test_a_whole_paper_in_one_file(reports, paper):
    document, folder = reports[paper]
    sections = document["sections"]
    page = (folder / "html").read_text("utf-8")
    assert page.count("<h2>") == len(sections)
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)  # plotly names tile servers
    assert 'src="http' not in markup
    printed = sum(section["printed"] is not None for section in sections)
    assert page.count("<caption>as printed (") == printed
    assert (folder / "markdown").read_text("utf-8").count("\n## ") == len(sections)
    pictures = [row for section in sections for row in section["pictures"]]
    assert pictures
    assert page.count("<figure") == sum(len(row["keys"]) for row in pictures)
    assert "data:image/webp;base64," in page


def test_the_report_on_combinations(reports):
    sections = {section["title"]: section for section in reports["rosenfeld2019"][0]["sections"]}
    assert not [s for s in sections.values() if s["note"].startswith("Left out")]
    alone = sections["Figure 3a: each representation alone"]
    sizes = sections["Figure 3b: the best combination of each size"]
    assert sizes["rows"][0]["normalized"] == alone["rows"][0]["hits"]
    printed = {row["quantity"]: row for row in alone["compared"]}
    assert printed["shp alone"]["printed"]["count"] == 129
    assert printed["shp alone"]["own"] is None
    ranks = [row["printed"]["value"] for name, row in printed.items() if name.startswith("rank of")]
    assert ranks == list(range(1, 12))
    best = sizes["compared"][0]
    assert best["printed"]["value"] == pytest.approx(100 * 785 / 6016)
    assert best["printed_ratio"]["value"] == pytest.approx(2.25, abs=0.005)
    hits = max(row["normalized"] for row in sizes["rows"])
    assert best["own"]["value"] == pytest.approx(100 * hits / 30)
    assert best["own_ratio"]["value"] == pytest.approx(hits / sizes["rows"][0]["normalized"])
    assert best["own_ratio"]["low"] <= best["own_ratio"]["value"] <= best["own_ratio"]["high"]


def test_the_report_on_pairs(reports):
    sections = {section["title"]: section for section in reports["rosenfeld2018"][0]["sections"]}
    table = sections["Table 1: recall in percent"]
    assert table["printed"][-1]["@1"] == 5.80
    compared = {row["quantity"]: row for row in table["compared"]}
    assert compared["resnet50, recall@1"]["printed"]["value"] == pytest.approx(4.38, abs=0.005)
    assert compared["resnet50, recall@1"]["printed"]["total"] == 1828
    assert compared["resnet50, recall@1"]["own"] is None
    reasons = {t: s["note"] for t, s in sections.items() if s["note"].startswith("Left out")}
    people = {"Table 2b", "Figure 4", "Figures 5a, 5b", "Section 4.3"}
    assert set(reasons) == {"Section 4.2", "Near-duplicates", "Figure 5c", *people}
    for title, note in reasons.items():
        command = "simcore experiments new" if title in people else "simcore extract shapes"
        assert command in note
        assert sections[title]["printed"] or title == "Figure 4"


def test_votes_correlate_with_distance_as_in_the_paper(reports, ask):
    """Distance is the negative of similarity, so signs and ends of the interval swap."""
    by_similarity = {
        (recipe["recipe"], kind): next(r for r in recipe["votes"][kind] if r["name"] == "pearson")
        for recipe in ask("votes", "--models", MODELS)["recipes"]
        for kind in ("up", "down")
    }
    sections = reports["rosenfeld2018"][0]["sections"]
    (section,) = [s for s in sections if s["title"] == "Votes and distance"]
    assert len(section["rows"]) == len(by_similarity) == 8
    for row in section["rows"]:
        r = by_similarity[row["network"], row["votes"]]
        expected = f"{-r['value']:.3f} [{-r['high']:.3f}, {-r['low']:.3f}]"
        assert row["r with distance [95 % CI]"].replace("-0.000", "0.000") == expected.replace(
            "-0.000", "0.000"
        )
    up, down = section["compared"]
    assert (up["printed"]["value"], down["printed"]["value"]) == (0.023, -0.068)


def test_an_unknown_paper(shapes, monkeypatch, capsys):
    monkeypatch.setenv("SIMCORE_CACHE", str(shapes))
    assert run(["reproduce", "rosenfeld1918", "shapes", "--json"]) == 1
    assert "Did you mean rosenfeld20" in capsys.readouterr().out
    assert run(["reproduce", "rosenfeld2019", "shapes", "--models", "hog,texture", "--json"]) == 1
    assert "simcore extract shapes --models texture" in capsys.readouterr().out


def test_every_evaluation_prints_a_table(shapes, monkeypatch, capsys):
    monkeypatch.setenv("SIMCORE_CACHE", str(shapes))
    for command, words in {
        "recall --combine zsum": "recall@1 %",
        "curve --minus-l2": "cosine - L2 @1 %",
        "associative": "simulated %",
        "votes": "95 % CI",
        "post-processing": "+ CSLS",
        "subsets": "best subset",
        "participation --size 2": "first 1",
        "ablation": "lost",
        "weights": "weight",
        "compare": "p corrected (Holm)",
        "exclusive": "exclusive hits",
        "disagreements --limit 2": "rank of the mate",
        "complementarity": "gain",
    }.items():
        name, *args = command.split()
        assert run(["evaluate", name, "shapes", "--models", "color,hog,edges", *args]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert words in out, command


def test_a_second_stage_from_the_command_line(ask, capsys):
    plain = ask("recall", "--models", "hog,edges", "--combine", "zsum", "--k", "1,30")["rows"]
    again = ask("recall", "--models", "hog,edges", "--combine", "rerank", "--k", "1,30")["rows"]
    assert again[-1]["combine"] == "rerank"
    assert again[:-1] == plain[:-1]
    assert again[-1]["recall"]["30"] == plain[-1]["recall"]["30"]
    mirrored = ask(
        "recall", "--models", "hog,edges", "--combine", "rerank", "--pair-function", "mirror"
    )
    assert mirrored["rows"][-1]["hits"]
    for options, message in (
        (["--combine", "gated"], "simcore evaluate gates"),
        (["--combine", "rerank", "--pair-function", "shfit"], "Did you mean shift"),
        (["--combine", "zsum", "--pair-function", "shift"], "Add --combine rerank"),
        (["--recipe", "mine"], "Leave out --models, or --recipe"),
        (["--recipe", "best-offline", "--metric", "l2"], "Leave out --models, --metric"),
    ):
        capsys.readouterr()
        assert run(["evaluate", "recall", "shapes", "--models", "hog,edges", *options]) == 1
        assert message in capsys.readouterr().err.replace("\n", " ")


def test_a_recipe_that_is_unknown_or_lacks_features(shapes, monkeypatch, capsys):
    monkeypatch.setenv("SIMCORE_CACHE", str(shapes))
    for name, message in (
        ("best", "Choose from best-offline"),
        ("best-offline", "simcore extract shapes --models face"),
    ):
        assert run(["evaluate", "recall", "shapes", "--recipe", name]) == 1
        assert message in capsys.readouterr().err.replace("\n", " ")


def test_gates_are_learned_stored_and_used(ask, shapes, capsys):
    extraction.extract("shapes", ["cues"])
    learned = ask("gates", "--models", "hog,color,layout", "--save", "mine")
    assert learned["pairs"] == 30
    assert {gate["cue"] for gate in learned["recipe"]["gates"]} == {
        "drawing",
        "background",
        "bars",
    }
    table = ask("recall", "--recipe", "mine")
    assert [row["combine"] for row in table["rows"]] == ["none"] * 3 + ["gated"]
    ranks = ask("ranks", "--recipe", "mine")
    assert ranks
    assert run(["search", "shapes", "--id", "03", "--recipe", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["rows"][-1]["combine"] == "gated"
    assert run(["recipes", "list"]) == 0
    assert "mine" in capsys.readouterr().out
    for command in ("invariance", "compare", "associative", "curve"):
        more = ["--transforms", "flip"] if command == "invariance" else []
        assert ask(command, "--recipe", "mine", *more)
    assert run(["evaluate", "recall", "shapes", "--recipe", "mine", "--missing", "worst"]) == 1
    assert run(["recipes", "remove", "mine"]) == 0


def test_the_waterfall_stores_its_last_recipe(ask, shapes, capsys):
    extraction.extract("shapes", ["cues"])
    result = ask("waterfall", "--models", "hog,edges,color", "--save", "best")
    assert [step["name"] for step in result["steps"]][-2:] == ["gating", "re-ranking"]
    row = ask("recall", "--recipe", "best")["rows"][-1]
    assert row["recipe"][-1] == "cues"
    ask("waterfall", "--models", "hog,edges,color", "--save", "best", "--step", "weights")
    row = ask("recall", "--recipe", "best")["rows"][-1]
    assert "cues" not in row["recipe"]
    assert run(["recipes", "remove", "best"]) == 0
    assert run(["map", "shapes", "--models", "hog,edges", "--combine", "rerank"]) == 1
    assert "Choose zsum or sum" in capsys.readouterr().err.replace("\n", " ")
    assert run(["evaluate", "ablation", "shapes", "--models", "hog,edges", "--combine", "rerank"])
    assert "no plain sum" in capsys.readouterr().err.replace("\n", " ")
