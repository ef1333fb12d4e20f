"""The page Reproduce: a paper as a job, its finished sections, downloads, the address."""

import json

import pytest

from simcore.lab import jobs
from simcore.lab.papers import reproduce
from simcore.types import Monitor
from tests.lab.conftest import conv
from tests.pages.test_analysis_pages import at_address

__all__ = ["conv"]

MODELS = "color,hog,layout"


@pytest.fixture
def started(monkeypatch):
    """The command lines of the jobs that were started."""
    lines = []
    monkeypatch.setattr(
        jobs,
        "start",
        lambda args: lines.append(args) or jobs.Job("x", tuple(args), "running", None, "", 0.0),
    )
    return lines


def address(name, paper="rosenfeld2019"):
    return {"paper": paper, "collection": name, "models": MODELS}


def test_a_report_is_made_by_a_job(app, tiny, started):
    at = at_address(app, "reproduce", **address(tiny))
    assert not at.exception
    assert at.selectbox(key="reproduce_paper").value == "rosenfeld2019"
    assert not at.header
    assert "Make the report (7 sections)" in at.button(key="reproduce_go").label
    at.button(key="reproduce_go").click().run()
    args = ["reproduce", "rosenfeld2019", tiny, "--models", MODELS, "--subset", "all"]
    assert [list(line) for line in started] == [args]
    assert " ".join(args) in at.code[0].value


def test_finished_sections_are_shown_and_the_whole_report_downloads(app, tiny, started):
    stop = []
    plan = reproduce.plan("rosenfeld2019", tiny, MODELS.split(","))
    with pytest.raises(Exception, match="Stopped before Figure 3b"):
        plan.make(Monitor(stop.append, lambda: len(stop) > 0))
    at = at_address(app, "reproduce", **address(tiny))
    assert [header.value for header in at.header] == ["Figure 3a: each representation alone"]
    assert at.button(key="reproduce_go").label == "Make the other 6 sections"
    assert not at.get("download_button")

    report = plan.make(Monitor())
    at = at_address(app, "reproduce", **address(tiny))
    assert not at.exception
    assert [header.value for header in at.header] == [s.title for s in report.sections]
    assert "reproduce_go" not in {button.key for button in at.button}
    labels = [button.label for button in at.get("download_button")]
    assert labels == ["Download HTML", "Download Markdown", "Download LaTeX"]
    assert any("2\\.25" in table.value.to_csv() for table in at.table)
    assert any("arXiv" in caption.value for caption in at.caption)


def test_papers_about_judgements_ask_for_a_set(app, tiny):
    at = at_address(app, "reproduce", paper="margaritescu2024")
    assert not at.exception
    assert "no set of judgements" in at.info[0].value


def test_papers_about_judgements_take_one_set_per_kind(app, bapps_tree, started):
    from simcore.lab.judgements import sets

    for name in ("first", "second"):
        sets.add("bapps", bapps_tree({name: [0.0, 1.0]}), name=name)
    at = at_address(app, "reproduce", paper="bapps", similarities="color,pixel-l2")
    assert not at.exception
    assert at.multiselect(key="reproduce_judgements").value == ["first"]
    at.button(key="reproduce_go").click().run()
    assert [*started[0]] == ["reproduce", "bapps", "first", "--models", "color,pixel-l2"]


def test_a_wrong_link_is_named(app, tiny):
    at = at_address(app, "reproduce", paper="rosenfeld2017", collection=tiny)
    assert not at.exception
    assert "No paper named" in at.warning[0].value


def test_workshop_mode_makes_nothing(app, tiny, monkeypatch):
    monkeypatch.setenv("SIMCORE_KIOSK", "60")
    at = at_address(app, "reproduce", **address(tiny))
    assert not at.exception
    assert "reproduce_go" not in {button.key for button in at.button}
    assert "7 of 7 sections are not made yet" in at.info[0].value


@pytest.fixture
def patches(bapps_tree):
    """A set of patches in all six distortions."""
    from simcore.data.judgements import bapps
    from simcore.lab.judgements import sets

    return sets.add("bapps", bapps_tree({n: [0.0, 1.0] for n in bapps.DISTORTIONS}), name="patches")


def test_figure_5_1_has_a_chart_per_panel_and_figure_5_3_is_a_job(app, patches, conv, started):
    similarities = ["color", "layout"]
    reproduce.run("margaritescu2024", "patches", similarities)
    link = {"paper": "margaritescu2024", "judgements": "patches", "similarities": "color,layout"}
    at = at_address(app, "reproduce", **link)
    assert not at.exception
    titles = [header.value for header in at.header]
    panels = [title for title in titles if title.startswith("Figure 5.1")]
    charts = at.get("plotly_chart")
    assert len(panels) == len(charts) == 3  # those of BAPPS
    margin = json.loads(charts[0].proto.spec)["layout"]["margin"]
    assert margin["r"] > margin["l"]  # "chance" is beside its line
    assert "Sections 5.2.1 to 5.2.6: networks as they are" in titles

    fine_tuning = {"finetune": "paper", "bases": conv, "paradigms": "triplet,moco", "epochs": "2"}
    at = at_address(app, "reproduce", **link, **fine_tuning)
    assert not at.exception
    assert any("0 of 3 networks are trained" in caption.value for caption in at.caption)
    at.button(key="reproduce_go").click().run()
    args = ["reproduce", "margaritescu2024", "patches", "--models", "color,layout", "--finetune"]
    args += ["--bases", conv, "--paradigms", "triplet,moco", "--epochs", "2"]
    assert [list(line) for line in started] == [args]
