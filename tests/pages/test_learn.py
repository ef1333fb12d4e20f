"""The page Learn: starts what its command line says, and shows what was learned."""

import pytest

from simcore.errors import Stopped
from simcore.lab import adapted_paper, annex, jobs, learning


@pytest.fixture
def twelve(tmp_path):
    """Twelve drawn pairs with features, called "dozen"."""
    from simcore.lab import collections, extract
    from tests.conftest import draw

    for side, turn in (("left", 0), ("right", 8)):
        (tmp_path / "dozen" / side).mkdir(parents=True)
        for number in range(12):
            draw(number, 70, 70).rotate(turn).save(tmp_path / "dozen" / side / f"{number:02}.png")
    collections.add("pairs", tmp_path / "dozen", name="dozen")
    extract.extract("dozen", ["color", "layout"])
    return "dozen"


def opened(app, **address):
    at = app()
    at.switch_page("pages/learn.py")
    at.query_params.clear()
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


def test_without_a_collection_there_is_a_sentence(app):
    at = opened(app)
    assert not at.exception
    assert "no collection of pairs" in at.info[0].value


def test_start_begins_the_job_that_the_page_shows(app, twelve, monkeypatch):
    begun = []
    monkeypatch.setattr(jobs, "start", lambda args: begun.append(args) or _job(args))
    at = opened(app, c=twelve, way="paper")
    assert not at.exception
    shown = next(c.value for c in at.code if "learn adaptation" in c.value)
    at.button(key="learn_go").click().run()
    assert begun
    assert shown.split() == ["simcore", *begun[0]]


def _job(args):
    return jobs.Job("x", tuple(args), "done", None, "", 0.0)


def test_what_was_learned_is_shown_with_its_table_curves_and_pairs(app, twelve):
    found = learning.adapt(
        twelve, ["color", "layout"], learning.Settings(epochs=4, dims=8, width=16), runs=2
    )
    learning.keep(found, "mine")
    at = opened(app, c=twelve, way="fusion", look="mine")
    assert not at.exception
    assert not at.error
    table = at.dataframe[0].value
    assert list(table["backbone"]) == ["learned:mine"]
    assert table["aR@1 %"][0] == pytest.approx(100 * (found.runs[0].after == 1).mean(), abs=0.06)
    assert at.query_params["look"] == "mine"
    words = " ".join(m.value for m in at.markdown)
    assert "test pairs, mean and two deviations of 2 runs" in words


def test_fine_tuning_needs_a_network(app, twelve):
    at = opened(app, c=twelve, way="finetune")
    assert not at.exception
    assert any("weights that can be learned" in i.value for i in at.info)


def test_the_annex_stands_beside_ones_own_rows(app, twelve, monkeypatch):
    monkeypatch.setattr(learning, "RUNS", 2)
    made = adapted_paper.own(twelve, "color")
    begun = []
    monkeypatch.setattr(jobs, "start", lambda args: begun.append(args) or _job(args))
    at = opened(app, c=twelve, way="paper", models="color,layout")
    assert not at.exception
    own, printed = (table.value for table in at.dataframe)
    assert list(own["backbone"]) == ["color"]
    assert list(own["numbers"]) == ["here"]
    assert own["sigma 15"][0] == pytest.approx(
        made["stages"]["sigma 15"]["aR"]["1"]["mean"], abs=1e-4
    )
    assert own["gallery"][0] == made["test"]
    assert len(printed) == len(annex.ANNEX.rows)
    at.button(key="annex_go").click().run()
    assert begun == [["learn", "annex", twelve, "--models", "layout", "--subset", "all"]]


def test_unfinished_runs_are_offered(app, twelve, monkeypatch):
    settings = learning.Settings(epochs=4, dims=8, width=16)
    with pytest.raises(Stopped):
        learning.adapt(twelve, ["color"], settings, runs=1, save="half",
                       stop=iter([False, True]).__next__)  # fmt: skip
    args = ("learn", "adaptation", twelve, "--save", "half")
    monkeypatch.setattr(jobs, "jobs", lambda: [jobs.Job("x", args, "stopped", None, "", 0.0)])
    begun = []
    monkeypatch.setattr(jobs, "start", lambda args: begun.append(args) or _job(args))
    at = opened(app, c=twelve, way="paper")
    assert not at.exception
    at.button(key="learn_on_half").click().run()
    assert begun == [list(args)]
    at.button(key="learn_forget_half").click().run()
    assert learning.unfinished() == []


def test_bad_addresses_are_named(app, twelve):
    at = opened(app, c=twelve, way="magic", s="unseen:nobody", look="../x")
    assert not at.exception
    words = " ".join(w.value for w in at.warning).replace("\\", "")
    assert "magic" in words
    assert "unseen:nobody" in words
