"""Every page opens under AppTest, and Explore keeps its address and its answers together."""

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from simcore.errors import SimError
from simcore.lab import jobs, stored_recipes
from simcore.lab.library import collections
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.recipe import Part, Question, Recipe
from simcore.types import Progress
from simcore.ui.explore import explore_view, search_results
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.widgets import escape_markdown
from tests.conftest import MODELS, ROOT

PAGES = sorted(
    f"pages/{p.name}" for p in ROOT.glob("pages/*.py") if p.read_text().endswith("\nshow()\n")
)


def said(at):
    return " ".join(e.value for kind in (at.error, at.warning, at.info) for e in kind)


def test_there_are_pages():
    names = (
        "claims",
        "collections",
        "combine",
        "compare",
        "duel",
        "duplicates",
        "evaluate",
        "exclusive",
        "experiments",
        "explore",
        "invariance",
        "judgements",
        "leaderboard",
        "learn",
        "map",
        "models",
        "reproduce",
        "review",
    )
    assert [f"pages/{name}.py" for name in names] == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_any_collection(app, page):
    at = app(page)
    assert not at.exception
    assert not at.error


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_with_a_collection(app, tiny, page):
    at = app(page)
    assert not at.exception
    assert not at.error


def test_without_a_collection_explore_offers_the_demo(app, monkeypatch):
    asked = []
    monkeypatch.setattr(
        jobs,
        "start",
        lambda args: asked.append(args) or jobs.Job("x", tuple(args), "running", None, "", 0.0),
    )
    at = app()
    assert any("simcore demo" in c.value for c in at.code)
    at.button(key="explore_demo").click().run()
    assert asked == [["demo", "--no-serve"]]


def test_explore_opens_on_what_is_extracted_and_writes_its_address(app, tiny):
    at = app()
    assert not at.exception
    assert sorted(at.session_state["explore_models_tiny"]) == sorted(MODELS)
    assert at.query_params["collection"] == tiny
    assert at.query_params["query"] == "a"
    assert at.query_params["models"].count(",") == 2


def test_a_link_reproduces_the_view(app, tiny):
    link = {
        "collection": tiny,
        "query": "d",
        "direction": "rl",
        "metric": "l1",
        "k": "3",
        "models": "color,hog",
        "combine": "sum,weighted",
        "weights": "2,0.5",
        "missing": "mean",
        "order": "rank",
    }
    at = app(**link)
    assert not at.exception
    assert not said(at)
    assert at.query_params == link
    assert at.session_state["explore_models_tiny"] == ["color", "hog"]
    assert at.slider(key="explore_k").value == 3
    assert at.slider(key="explore_weight_color").value == 2.0
    (line,) = [c.value for c in at.code]
    assert "--metric l1 --direction rl -k 3 --combine zsum --weights 2,0.5" in line


def test_bad_values_in_a_link_are_named_and_the_page_goes_on(app, tiny):
    at = app(
        collection="tiney",
        query="zz",
        direction="up",
        metric="cos",
        k="99",
        models="hogg,color",
        combine="product",
        weights="x",
    )
    assert not at.exception
    words = said(at).replace("\\", "")
    for word in ("tiny", "zz", "up", "cosine", "99", "hog?", "product", "weights"):
        assert word in words, word
    assert at.session_state["explore_models_tiny"] == ["color"]
    assert at.query_params["query"] == "a"


def test_backbones_are_picked_by_group_and_by_name(app, tiny):
    at = app(collection=tiny, models="color,hog")
    key = "explore_models_tiny"
    assert set(at.get_by_key(f"{key}_ready").value) == {"color", "hog"}
    at.get_by_key(f"{key}_ready").set_value(["color", "layout"]).run()
    assert at.query_params["models"] == "color,layout"
    at.get_by_key(f"{key}_handmade").set_value(["edges"]).run()
    assert at.query_params["models"] == "color,layout,edges"
    at.text_input(key=f"{key}_typed").set_value("hogg").run()
    assert "hog?" in at.error[0].value
    at.text_input(key=f"{key}_typed").set_value("hog").run()
    assert not at.error
    assert at.session_state[key] == ["color", "layout", "edges", "hog"]


def test_combinations_come_first_and_rows_are_sorted_by_the_mates_rank(tiny):
    view = ExploreView(tiny, "b", models=("hog", "color"), combine=("zsum", "weighted"))
    titles = list(search_results.recipes_of(view, view.models))
    assert titles == ["z-sum of 2", "hog", "color"], "equal weights give no row of their own"
    weighted = replace(view, weights=(2.0, 1.0))
    assert list(search_results.recipes_of(weighted, view.models))[1] == "weighted z-sum of 2"
    alone = replace(view, combine=("weighted",))
    assert len(search_results.recipes_of(alone, view.models)) == 3


def test_a_stored_recipe_named_like_a_backbone_has_a_row_of_its_own(tiny):
    parts = Part("hog"), Part("color")
    stored_recipes.save(Recipe(parts, "zsum"), "hog")
    view = ExploreView(tiny, "a", models=("hog", "color"), combine=("hog",))
    rows = search_results.recipes_of(view, explore_view.needed_models(view))
    assert list(rows) == ["recipe hog", "hog", "color"]
    assert [row.combine for row in rows.values()] == ["zsum", "none", "none"]


def test_a_second_stage_and_a_stored_recipe_are_rows(app, tiny):
    parts = (Part("hog"), Part("color", weight=0.5))
    stored_recipes.save(Recipe(parts, "zsum", "center"), "mine")
    at = app(collection=tiny, query="a", models="hog,layout", combine="rerank,mine")
    assert not at.exception
    assert not said(at)
    assert at.query_params["combine"] == "rerank,mine"
    lines = " ".join(code.value for code in at.code)
    assert "--models hog,layout -k 10 --combine rerank" in lines
    assert f"search {tiny} --id a --recipe mine -k 10" in lines
    view = ExploreView(tiny, "a", models=("hog",), combine=("mine", "rerank"))
    rows = search_results.recipes_of(view, explore_view.needed_models(view))
    assert list(rows) == ["mine", "hog"], "a combination of one backbone is no row"


def test_a_stored_recipe_asks_for_the_features_that_it_needs(app, tiny):
    stored_recipes.save(Recipe((Part("hog"), Part("edges")), "zsum"), "mine")
    at = app(collection=tiny, query="a", models="hog", combine="mine")
    assert not at.exception
    assert "edges" in " ".join(element.value for element in at.markdown)


def test_a_change_of_a_control_reaches_the_address(app, tiny):
    at = app()
    at.slider(key="explore_k").set_value(4).run()
    assert at.query_params["k"] == "4"
    at.button(key="explore_next").click().run()
    assert at.query_params["query"] == "b"
    at.get_by_key("explore_direction").set_value("rl").run()
    assert (at.query_params["direction"], at.query_params["query"]) == ("rl", "b")


def test_a_followed_link_moves_the_widgets(app, tiny):
    at = app()
    link = {"collection": tiny, "query": "c", "direction": "rl", "metric": "l2", "k": "5"}
    link |= {"models": "layout", "combine": "none", "missing": "mean", "order": "chosen"}
    for name, value in link.items():
        at.query_params[name] = value
    at.run()
    assert at.query_params == link
    assert at.slider(key="explore_k").value == 5


def test_missing_features_are_offered_and_do_not_stop_the_others(app, tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(
        jobs,
        "start",
        lambda args: asked.append(args) or jobs.Job("x", tuple(args), "running", None, "", 0.0),
    )
    at = app(models="hog,edges")
    assert not at.exception
    assert at.code
    at.button(key="explore_extract").click().run()
    assert asked == [["extract", "tiny", "--models", "edges", "--fetch"]]


def test_uploads_are_checked_one_by_one(app, tiny, draw, encode):
    at = app()
    at.get_by_key("explore_panel").set_value("upload").run()
    upload = at.file_uploader(key="explore_files")
    upload.upload("good.png", encode(draw(3))).upload("bad.png", b"no picture at all")
    at.run()
    assert not at.exception
    (error,) = at.error
    assert "bad" in error.value
    assert any("--image good.png" in c.value for c in at.code)


def test_uploads_leave_the_address_alone(app, tiny, draw, encode):
    at = app(query="c")
    at.get_by_key("explore_panel").set_value("upload").run()
    at.file_uploader(key="explore_files").upload("mine.png", encode(draw(3))).run()
    assert at.query_params["query"] == "c"


def test_images_without_mates(app, pairs_folder):
    from simcore.lab.library import extraction

    collections.add("images", pairs_folder / "left", name="loose")
    extraction.extract("loose", ["color"])
    at = app(collection="loose", query=collections.open_("loose").left.ids[2])
    assert not at.exception
    assert not at.error
    with pytest.raises(KeyError):
        at.get_by_key("explore_direction")


def test_odd_names_are_shown_as_they_are(tmp_path, app, draw):
    for side in ("left", "right"):
        (tmp_path / "odd" / side).mkdir(parents=True)
        for name in ("*b* <i>x</i>", "$a$ [l](http:x)", "c"):
            draw(len(name)).save(tmp_path / "odd" / side / f"{name.replace('/', '_')}.png")
    collections.add("pairs", tmp_path / "odd", name="odd")
    for page in PAGES:
        at = app(page)
        assert not at.exception
    assert escape_markdown("*b* [l](x) <i>") == r"\*b\* \[l\]\(x\) \<i\>"


def test_the_table_and_the_command_line_give_the_same_numbers(tiny):
    view = ExploreView(tiny, "b", "lr", "l2", 3, ("hog", "color"), ("zsum",))
    asked = search_results.recipes_of(view, view.models)
    hits = search.search(Question(tiny, tuple(asked.values())), Query(id="b"), k=3)
    table = list(
        csv.DictReader(
            io.StringIO(search_results.table(view, "b", list(zip(asked, hits, strict=True))))
        )
    )
    assert len(table) == 9
    import json
    import shlex

    (shown,) = search_results.search_commands(view, view.models, None)
    command = shlex.split(shown.line)
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ,
    )
    printed = [
        (hit["id"], hit["score"])
        for row in json.loads(done.stdout)["result"]["rows"]
        for hit in row["hits"]
    ]
    table = table[3:] + table[:3]  # the page shows the combination first
    assert [line["id"] for line in table] == [name for name, _ in printed]
    assert [float(line["score"]) for line in table] == pytest.approx([s for _, s in printed])


def test_the_first_paint_imports_no_network_library(cache):
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "at = AppTest.from_file('app.py', default_timeout=60).run()\n"
        "assert not at.exception\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'open_clip', 'lancedb', 'umap', 'scipy'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_removing_asks_first_and_forgets(app, tiny):
    at = app("pages/collections.py")
    at.button(key="collections_remove_tiny").click().run()
    assert not at.exception
    assert collections.names() == []


def test_what_goes_wrong_in_a_button_is_said(app, tiny, monkeypatch):
    def full(args):
        raise SimError("found no room left; expected some; free some")

    monkeypatch.setattr(jobs, "start", full)
    at = app(models="hog,edges")
    at.button(key="explore_extract").click().run()
    assert not at.exception
    assert "found no room left" in at.error[0].value


def test_a_running_extraction_shows_how_far_it_is(app, tiny, monkeypatch):
    job = jobs.Job(
        "j",
        ("extract", "tiny", "--models", "edges"),
        "running",
        Progress("edges", 3, 12, 1.5),
        "",
        0.0,
    )
    monkeypatch.setattr(jobs, "running", lambda: [job])
    stopped = []
    monkeypatch.setattr(jobs, "stop", stopped.append)
    at = app(models="hog,edges")
    assert not at.exception
    assert at.progress[0].value == 25
    assert "3 of 12" in at.progress[0].text
    at.button(key="stop_j").click().run()
    assert stopped == ["j"]


def test_files_that_are_not_used_are_listed(app, pairs_folder):
    (pairs_folder / "notes.txt").write_text("x")
    (pairs_folder / "right" / "b.png").write_bytes(b"=1")
    collections.add("pairs", pairs_folder, name="six")
    at = app("pages/collections.py")
    assert not at.exception
    assert any("1 .txt file: notes" in text.value.replace("\\", "") for text in at.markdown)
    (table,) = at.dataframe
    assert list(table.value["file"]) == ["b, b"]


def test_duplicates_starts_with_the_distances_of_its_backbone(app, tiny):
    at = app("pages/duplicates.py")
    assert not at.exception
    assert not at.warning
    backbone = at.query_params["by"]
    assert at.slider(key=f"duplicates_within_{backbone}").value == 0, "six pairs tell nothing"
    at.slider(key=f"duplicates_across_{backbone}").set_value(0.4).run()
    assert not at.exception
    assert at.query_params["across"] == "0.4"
