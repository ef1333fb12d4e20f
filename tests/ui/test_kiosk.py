"""Workshop mode: nobody changes anything, no path is shown, and the page starts over."""

import pytest

from simcore.__main__ import run
from simcore.data.answers import database
from simcore.data.collections import collection_catalog
from simcore.errors import NotPermittedError
from simcore.lab import permissions
from simcore.lab.library import collections
from simcore.lab.people import duels, experiments, participation
from simcore.lab.people.experiments import Plan
from simcore.ui import kiosk
from tests.conftest import ROOT
from tests.pages.test_analysis_pages import at_address


@pytest.fixture
def workshop(monkeypatch):
    """Workshop mode in this process; what `restrict` replaces is put back after the test."""
    for _, module in permissions.modules():
        for name, operation in permissions.operations(module).items():
            monkeypatch.setattr(module, name, operation)
    monkeypatch.setenv(kiosk.VARIABLE, "60")
    kiosk.restrict.cache_clear()
    yield
    kiosk.restrict.cache_clear()


@pytest.fixture
def pilot(tiny):
    experiments.create("pilot", tiny, Plan(experiments.parse(["random"], 2), 3))
    return "pilot"


VISITOR_PAGES = sorted(
    path.stem
    for path in ROOT.glob("pages/*.py")
    if path.stem not in kiosk.HIDDEN_PAGES and path.read_text().endswith("\nshow()\n")
)


@pytest.fixture
def answered(pilot):
    """An experiment with an answer."""
    code = participation.join(pilot)
    screen = participation.screen(pilot, code)
    participation.answer(pilot, code, screen.number, place=0, seconds=1.0)


@pytest.mark.parametrize("page", VISITOR_PAGES)
def test_a_page_works_for_visitors_and_offers_nothing_that_is_refused(
    app, tiny, answered, workshop, page
):
    at = app() if page == "explore" else app(f"pages/{page}.py")
    assert not at.exception
    assert not at.error
    for key in [button.key for button in at.button if not button.disabled]:
        at.button(key=key).click().run()
        assert not at.exception, key
        assert not at.error, (key, at.error[0].value)
        at = app() if page == "explore" else app(f"pages/{page}.py")


def test_a_visitor_cannot_reach_what_is_hidden(app, answered, workshop):
    at = at_address(app, "experiments", experiment="pilot", view="results")
    assert not at.exception
    assert not {"Answers as CSV", "Triplets as CSV"} & {b.label for b in at.get("download_button")}
    assert "Positions and times" in {element.value for element in at.header}
    assert "Participants" not in {element.value for element in at.header}


def test_pages_start_with_the_collection_that_the_host_chose(
    app, tiny, hard_folder, workshop, monkeypatch
):
    monkeypatch.setenv(kiosk.COLLECTION, "tiny")
    collection_catalog.add("pairs", hard_folder, name="a-first-one")
    assert app().query_params["collection"] == "tiny"
    assert app("pages/duplicates.py").query_params["collection"] == "tiny"
    assert app(collection="a-first-one").query_params["collection"] == "a-first-one"


def labels(at):
    return {element.label for element in at.button}


def test_nothing_that_changes_collections_is_offered(app, pilot, workshop):
    at = at_address(app, "experiments", experiment=pilot, view="new")
    assert not at.exception
    assert "Build" not in labels(at)
    at = at_address(app, "experiments", experiment=pilot, view="invite")
    assert "Yes, forget it" not in labels(at)
    at = at_address(app, "duplicates", collection="tiny", within="0.4", across="0.4")
    assert not at.exception
    assert "Not a duplicate" not in labels(at)
    at = app(collection="tiny", models="hog,edges")
    assert "Extract now" not in labels(at)
    assert "No features of edges" in " ".join(i.value for i in at.info)


def test_no_page_says_a_path(app, pilot, workshop, cache):
    database.close()
    (cache / "answers.sqlite").write_bytes(b"no database" * 400)
    at = at_address(app, "experiments", experiment=pilot)
    (said,) = [error.value.replace("\\", "") for error in at.error]
    assert "(on the server)" in said
    assert str(cache) not in said
    assert not at.exception


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at /srv/data/x.db closed", "at (on the server) closed"),
        ("sqlite:////srv/me/x.db", "sqlite:///(on the server)"),
        ("found '/srv/my own/x' there", "found '(on the server)' there"),
        (r"C:\Users\me\x", "(on the server)"),
        ("left/a.png and 1/2 and and/or", "left/a.png and 1/2 and and/or"),
    ],
)
def test_paths_are_hidden_and_nothing_else(workshop, text, shown):
    assert kiosk.hide_paths(text) == shown


def test_limits_are_tighter(monkeypatch):
    assert kiosk.upload_limits() == (12, 20)
    monkeypatch.setenv(kiosk.VARIABLE, "60")
    assert kiosk.upload_limits() == (3, 5)


def test_what_cannot_be_is_a_sentence(capsys, pairs_folder):
    assert run(["app", "--kiosk"]) == 1
    assert "simcore demo --no-serve" in capsys.readouterr().err
    collections.add("pairs", pairs_folder, name="tiny")
    assert run(["app", "--kiosk", "--idle", "3"]) == 1
    assert "must be 15 s or more" in capsys.readouterr().err


def test_the_host_of_a_duel_leads_it_with_a_key(app, tiny, workshop):
    duels.create("party", tiny, duels.make_plan(questions=2, choices=3))
    key = duels.host_key("party")
    kiosk.restrict()
    with pytest.raises(NotPermittedError, match="Ask the host"):
        duels.host_key("party")
    guest = at_address(app, "duel", experiment="party", view="wall")
    assert [button.label for button in guest.button] == []
    host = at_address(app, "duel", experiment="party", view="wall", host=key)
    assert "host" not in host.query_params
    for label, state in (("Start", "running"), ("End", "ended"), ("Next group", "waiting")):
        (button,) = host.button
        assert button.label == label
        button.click().run()
        assert not host.error
        assert duels.current("party").state == state
