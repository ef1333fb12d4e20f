"""The page Learn: starts what its command line says, and shows what was learned."""

import shutil

import pytest

from simcore.cli import main
from simcore.errors import Stopped
from simcore.lab import jobs, printed_annex
from simcore.lab.judgements import sets
from simcore.lab.learning import ablation, adaptation, finetuning, joint
from simcore.lab.learning.adaptation import AdaptationSettings
from simcore.lab.papers import risser_maroux2021_tables
from simcore.models import lineage, registry
from simcore.types import Monitor
from tests.conftest import extracted_pairs
from tests.lab.conftest import CONV, register
from tests.training.conftest import single_thread  # noqa: F401  a fixture of the module

QUICK = AdaptationSettings(epochs=4, dims=8, width=16)


@pytest.fixture(scope="module")
def dozen_cache(tmp_path_factory):
    """A cache with twelve drawn pairs and their features."""
    return extracted_pairs(tmp_path_factory.mktemp("dozen"), "dozen", 12, ["color", "layout"])


@pytest.fixture
def dozen(dozen_cache, cache):
    """Twelve drawn pairs, a collection of that name."""
    shutil.copytree(dozen_cache, cache, dirs_exist_ok=True)
    return "dozen"


@pytest.fixture
def started(monkeypatch):
    """The command lines of the jobs that the page starts; none runs."""
    commands = []

    def start(args):
        commands.append(args)
        return jobs.Job("x", tuple(args), "done", None, "", 0.0)

    monkeypatch.setattr(jobs, "start", start)
    return commands


def open_page(app, **address):
    at = app()
    at.switch_page("pages/learn.py")
    at.query_params.clear()
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


def test_without_a_collection_a_sentence_says_so(app):
    at = open_page(app)
    assert not at.exception
    assert "no collection of pairs" in at.info[0].value


def test_start_begins_the_job_that_the_page_shows(app, dozen, started):
    at = open_page(app, collection=dozen, method="paper")
    assert not at.exception
    command = next(c.value for c in at.code if "learn adaptation" in c.value)
    assert "--protocol held-out" in command
    at.button(key="learn_go").click().run()
    assert started
    assert command.split() == ["simcore", *started[0]]


def test_every_setting_of_the_function_is_an_option_of_run_and_ablation(app, dozen, monkeypatch):
    read = []
    monkeypatch.setattr(ablation, "stored_versions", lambda *args, **_: read.append(args[2]))
    at = open_page(app, collection=dozen, method="paper")
    changes = {"dims": 9, "width": 64, "learning_rate": 2e-3, "patience": 3}
    for field, value in changes.items():
        at.number_input(key=f"learn_{field}").set_value(value)
    at.selectbox(key="learn_pca").set_value("once")
    at.checkbox(key="learn_relu").uncheck().run()
    assert not at.exception
    options = "--dims 9 --width 64 --learning-rate 0.002 --patience 3 --pca once --no-relu"
    run, versions = (c.value for c in at.code if "learn adaptation" in c.value)
    assert f"--protocol held-out {options} --save" in run
    assert f"--protocol held-out {options} --ablation" in versions
    assert read[-1] == AdaptationSettings(**changes, relu=False, pca="once")


def test_fusion_is_compared_with_its_baseline(app, dozen):
    at = open_page(app, collection=dozen, method="fusion")
    assert not at.exception
    assert any("--method fusion" in c.value and "--baseline" in c.value for c in at.code)


def test_results_have_a_table_curves_and_pairs(app, dozen):
    result = adaptation.adapt(dozen, ["color", "layout"], QUICK, runs=2).with_baseline()
    adaptation.save_backbone(result, "mine")
    at = open_page(app, collection=dozen, method="fusion", backbone="mine")
    assert not at.exception
    assert not at.error
    table = at.dataframe[0].value
    assert list(table["backbone"]) == ["learned:mine"]
    recall = 100 * (result.runs[0].after == 1).mean()
    assert table["aR@1 %"][0] == pytest.approx(recall, abs=0.06)
    assert at.query_params["backbone"] == "mine"
    text = " ".join(m.value for m in at.markdown)
    assert "mean and two deviations of 2 runs" in text


def test_fine_tuning_needs_a_network(app, dozen):
    at = open_page(app, collection=dozen, method="finetune")
    assert not at.exception
    assert any("weights that can be trained" in i.value for i in at.info)


def test_printed_rows_of_the_annex_follow_computed_ones(app, dozen, started, monkeypatch):
    monkeypatch.setattr(adaptation, "RUNS", 2)
    row = risser_maroux2021_tables.compute_row(dozen, "color")
    at = open_page(app, collection=dozen, method="paper", models="color,layout")
    assert not at.exception
    computed, printed = (table.value for table in at.dataframe)
    assert list(computed["backbone"]) == ["color"]
    assert list(computed["numbers"]) == ["here"]
    recall = row.stages["sigma 15"]["aR"]["1"]["mean"]
    assert computed["sigma 15"][0] == pytest.approx(recall, abs=1e-4)
    assert computed["gallery"][0] == row.test
    assert len(printed) == len(printed_annex.ANNEX.rows)
    at.button(key="annex_go").click().run()
    command = ["reproduce", "risser-maroux2021", dozen, "--models", "layout", "--subset", "all"]
    assert started == [command]


def test_unfinished_runs_can_be_resumed_and_deleted(app, dozen, started, monkeypatch):
    monitor = Monitor(stop=iter([False, True]).__next__)
    with pytest.raises(Stopped):
        adaptation.adapt(dozen, ["color"], QUICK, runs=1, save="half", monitor=monitor)
    args = ("learn", "adaptation", dozen, "--rival", "--save", "half")  # of an older version
    monkeypatch.setattr(jobs, "jobs", lambda: [jobs.Job("x", args, "stopped", None, "", 0.0)])
    at = open_page(app, collection=dozen, method="paper")
    assert not at.exception
    at.button(key="learn_resume_half").click().run()
    assert started == [["learn", "adaptation", dozen, "--baseline", "--save", "half"]]
    at.button(key="learn_delete_half").click().run()
    assert lineage.unfinished() == []


def test_bad_addresses_are_named(app, dozen):
    at = open_page(app, collection=dozen, method="magic", subset="unseen:nobody", backbone="../x")
    assert not at.exception
    text = " ".join(w.value for w in at.warning).replace("\\", "")
    assert "magic" in text
    assert "unseen:nobody" in text


_TRAINED = []  # (cache with learned:taught, result): trained by the first test that needs it


@pytest.fixture
def taught(bapps_tree, cache, tmp_path_factory):
    """Triplets called "votes", and the result of fine-tuning a network on them, "taught"."""
    register()
    if not _TRAINED:
        votes = {"cnn": [0.2, 0.8, 1.0, 0.0] * 6, "color": [0.0, 1.0] * 6}
        sets.add("bapps", bapps_tree(votes), name="votes")
        settings = finetuning.make_settings(
            CONV, "triplet", epochs=1, batch_size=4, learning_rate=1e-3
        )
        result = finetuning.tune("votes", CONV, settings, save="taught")
        copy = tmp_path_factory.mktemp("taught") / "cache"
        shutil.copytree(cache, copy)
        _TRAINED.append((copy, result))
    copy, result = _TRAINED[0]
    shutil.copytree(copy, cache, dirs_exist_ok=True)
    yield result
    registry.forget(CONV)


def test_learning_from_judgements_is_started_and_shown(app, taught, started):
    at = open_page(app, source="judgements", judgements="votes", backbone="taught")
    assert not at.exception
    assert not at.error
    table = at.dataframe[1].value  # the first is Table A.1
    assert list(table["backbone"]) == ["learned:taught"]
    document = taught.to_dict()
    after = 100 * document["after"]["agreement"]["value"]
    assert table["after %"][0] == pytest.approx(after, abs=0.06)
    metrics = [m.value for m in at.metric]
    assert f"{100 * document['before']['agreement']['value']:.1f} %" in metrics
    trials = document["trials"]
    assert any(f"{trials['test']:,} test trials" in c.value for c in at.caption)
    assert at.query_params["judgements"] == "votes"
    command = next(c.value for c in at.code if "learn finetune votes" in c.value)
    at.button(key="learn_go").click().run()
    assert command.split() == ["simcore", *started[0]]


def test_from_pairs_to_judgements_and_back(app, dozen, taught):
    at = open_page(app, collection=dozen, method="paper")
    assert at.query_params["collection"] == dozen
    at.segmented_control(key="learn_source").set_value("judgements").run()
    assert not at.exception
    assert at.query_params["source"] == "judgements"
    at.selectbox(key="learn_judgements").set_value("votes").run()
    assert at.query_params["judgements"] == "votes"
    at.segmented_control(key="learn_source").set_value("pairs").run()
    assert not at.exception
    assert at.query_params["collection"] == dozen


def test_bad_addresses_of_judgements_are_named(app):
    at = open_page(app, source="judgements", judgements="nobody", backbone="../x")
    assert not at.exception
    assert "nobody" in " ".join(w.value for w in at.warning)
    at = open_page(app, source="dreams")
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


def test_both_together_are_started_and_shown(app, dozen, bapps_tree, started):
    sets.add("bapps", bapps_tree({"cnn": [0.2, 0.8, 1.0, 0.0] * 6}), name="votes")
    settings = joint.JointSettings(dims=8, epochs=22, folds=3)
    result = joint.learn(dozen, "votes", ["color", "layout"], settings)
    joint.save_backbone(result, "joined")
    at = open_page(app, source="both", collection=dozen, judgements="votes", models="color,layout")
    assert not at.exception
    assert not at.error
    table = at.dataframe[0].value
    assert list(table["map"])[-1] == "learned from both"
    recall = 100 * result.score("both").recall.value
    assert table["aR@1 %"].iloc[-1].startswith(f"{recall:.1f} [")
    assert at.query_params["backbone"] == "joined"
    assert any("Both beyond pairs alone" in caption.value for caption in at.caption)
    command = next(c.value for c in at.code if "learn joint" in c.value)
    assert f"learn joint {dozen} votes --models color,layout --term triplet" in command
    at.button(key="learn_go").click().run()
    assert command.split() == ["simcore", *started[0]]
    # It is also among those learned from the pairs, and among those learned from the judgements.
    for source in ("pairs", "judgements"):
        at = open_page(app, source=source, collection=dozen, judgements="votes", backbone="joined")
        assert not at.exception
        assert not at.error


def test_the_ablation_is_a_job_and_stored(app, dozen, started):
    at = open_page(app, collection=dozen, method="paper", models="color")
    at.number_input(key="learn_runs_paper").set_value(2).run()
    assert not at.exception
    at.button(key="ablation_go").click().run()
    (command,) = started
    assert command[-1] == "--ablation"
    assert main.run(command) == 0
    at.run()
    assert not at.exception
    table = next(frame.value for frame in at.dataframe if "adaptation" in frame.value)
    assert list(table["adaptation"])[:2] == ["whole function", "without adaptation"]
    assert len(table) == 7
    assert "ablation_go" not in [button.key for button in at.button]


def test_single_images_have_paradigms_of_their_own(app, taught, started):
    sets.save_sample("votes", "singles", "pictures", size=20)
    at = open_page(app, source="judgements", judgements="pictures")
    assert not at.exception
    assert not at.error
    options = at.selectbox(key="learn_paradigm").options
    assert [option.partition(" ")[0] for option in options] == [
        "Rotation",
        "Jigsaw",
        "SimCLR",
        "MoCo",
    ]
    at.button(key="learn_go").click().run()
    assert started[0][:3] == ["learn", "finetune", "pictures"]
