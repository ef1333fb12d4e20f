"""The page Learn: starts what its command line says, and shows what was learned."""

import pytest

from simcore.errors import Stopped
from simcore.lab import jobs, printed_values
from simcore.lab.learning import adaptation
from simcore.lab.papers import risser_maroux2021_tables
from simcore.models import lineage, registry
from simcore.types import Monitor


@pytest.fixture
def twelve(tmp_path):
    """Twelve drawn pairs with features, called "dozen"."""
    from simcore.lab.library import collections, extraction
    from tests.conftest import draw

    for side, turn in (("left", 0), ("right", 8)):
        (tmp_path / "dozen" / side).mkdir(parents=True)
        for number in range(12):
            draw(number, 70, 70).rotate(turn).save(tmp_path / "dozen" / side / f"{number:02}.png")
    collections.add("pairs", tmp_path / "dozen", name="dozen")
    extraction.extract("dozen", ["color", "layout"])
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
    found = adaptation.adapt(
        twelve, ["color", "layout"], adaptation.Settings(epochs=4, dims=8, width=16), runs=2
    )
    adaptation.keep(found, "mine")
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
    monkeypatch.setattr(adaptation, "RUNS", 2)
    made = risser_maroux2021_tables.own(twelve, "color")
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
    assert len(printed) == len(printed_values.ANNEX.rows)
    at.button(key="annex_go").click().run()
    assert begun == [["learn", "annex", twelve, "--models", "layout", "--subset", "all"]]


def test_unfinished_runs_are_offered(app, twelve, monkeypatch):
    settings = adaptation.Settings(epochs=4, dims=8, width=16)
    with pytest.raises(Stopped):
        adaptation.adapt(
            twelve,
            ["color"],
            settings,
            runs=1,
            save="half",
            monitor=Monitor(stop=iter([False, True]).__next__),
        )
    args = ("learn", "adaptation", twelve, "--save", "half")
    monkeypatch.setattr(jobs, "jobs", lambda: [jobs.Job("x", args, "stopped", None, "", 0.0)])
    begun = []
    monkeypatch.setattr(jobs, "start", lambda args: begun.append(args) or _job(args))
    at = opened(app, c=twelve, way="paper")
    assert not at.exception
    at.button(key="learn_on_half").click().run()
    assert begun == [list(args)]
    at.button(key="learn_forget_half").click().run()
    assert lineage.unfinished() == []


def test_bad_addresses_are_named(app, twelve):
    at = opened(app, c=twelve, way="magic", s="unseen:nobody", look="../x")
    assert not at.exception
    words = " ".join(w.value for w in at.warning).replace("\\", "")
    assert "magic" in words
    assert "unseen:nobody" in words


@pytest.fixture
def taught(bapps_tree):
    """Triplets called "votes", and a network that learned from them, "taught"."""
    from simcore.lab.judgements import sets
    from simcore.lab.learning import finetuning
    from tests.lab.conftest import CONV, register

    register()
    votes = {"cnn": [0.2, 0.8, 1.0, 0.0] * 6, "color": [0.0, 1.0] * 6}
    sets.add("bapps", bapps_tree(votes), name="votes")
    chosen = finetuning.preset(CONV, "triplet", epochs=1, batch=4, rate=1e-3)
    yield finetuning.tune("votes", CONV, chosen, save="taught")
    registry.forget(CONV)


def test_learning_from_judgements_is_started_and_shown(app, taught, monkeypatch):
    begun = []
    monkeypatch.setattr(jobs, "start", lambda args: begun.append(args) or _job(args))
    at = opened(app, **{"from": "judged", "j": "votes", "look": "taught"})
    assert not at.exception
    assert not at.error
    table = at.dataframe[1].value  # the first is Table A.1
    assert list(table["backbone"]) == ["learned:taught"]
    told = taught.to_dict()
    assert table["after %"][0] == pytest.approx(100 * told["after"]["agreement"]["value"], abs=0.06)
    shown = [m.value for m in at.metric]
    assert f"{100 * told['before']['agreement']['value']:.1f} %" in shown
    trials = told["trials"]
    assert any(f"{trials['test']:,} trials" in c.value for c in at.caption)
    assert at.query_params["j"] == "votes"
    code = next(c.value for c in at.code if "learn finetune votes" in c.value)
    at.button(key="learn_go").click().run()
    assert code.split() == ["simcore", *begun[0]]


def test_from_pairs_to_judgements_and_back(app, twelve, taught):
    at = opened(app, c=twelve, way="paper")
    assert at.query_params["c"] == twelve
    at.segmented_control(key="teach_from").set_value("judged").run()
    assert not at.exception
    assert at.query_params["from"] == "judged"
    at.selectbox(key="teach_j").set_value("votes").run()
    assert at.query_params["j"] == "votes"
    at.segmented_control(key="teach_from").set_value("pairs").run()
    assert not at.exception
    assert at.query_params["c"] == twelve


def test_bad_addresses_of_judgements_are_named(app):
    at = opened(app, **{"from": "judged", "j": "nobody", "look": "../x"})
    assert not at.exception
    assert "nobody" in " ".join(w.value for w in at.warning)
    at = opened(app, **{"from": "dreams"})
    assert "dreams" in " ".join(w.value for w in at.warning)


def test_the_page_of_judgements_offers_the_unseen_trials(app, taught):
    at = app()
    at.switch_page("pages/judgements.py")
    at.query_params.clear()
    at.query_params["judgements"] = "votes"
    at.query_params["models"] = "tiny-conv,learned:taught"
    at.run()
    assert not at.exception
    assert any("unseen" in w.value for w in at.warning)
    at.selectbox(key="judgements_subset").set_value("unseen:taught").run()
    assert not at.exception
    assert not at.warning
    assert at.query_params["subset"] == "unseen:taught"
    assert any("--subset unseen:taught" in c.value for c in at.code)
