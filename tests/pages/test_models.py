"""The Models page: the list, its groups, and what a download would cost."""

from simcore.lab.library import models
from simcore.ui import job_progress
from simcore.ui.models import weight_downloads

PAGE = "pages/models.py"


def texts(at):
    kinds = (at.markdown, at.caption, at.warning, at.error)
    return " ".join(element.value for kind in kinds for element in kind)


def test_the_list_and_its_groups(app):
    at = app(PAGE)
    frame = at.dataframe[0].value
    assert set(frame["backbone"]) == set(models.all_names())
    states = list(frame["state"])
    assert states == sorted(states, key="missing".__eq__), "ready ones first"
    assert all(frame["get"].eq("Fetch") == frame["state"].eq("missing"))
    ready = sum(backbone.ready for backbone in models.listing())
    assert f"**{ready} of {len(frame)}** are ready" in texts(at)

    at.button_group(key="model_group").set_value("ready").run()
    assert not at.exception
    assert set(at.dataframe[0].value["state"]) == {"ready"}
    at.button_group(key="model_group").set_value("@rosenfeld2019").run()
    assert len(at.dataframe[0].value) == 11


def test_choosing_missing_backbones_shows_size_license_and_source(app):
    at = app(PAGE)
    at.multiselect(key="models.fetch").select("pl18").run()
    assert "Download size: about **45.5 MB**" in texts(at)
    assert not at.warning
    assert at.button(key="models.start_fetch").disabled, "its file has no published checksum"
    at.checkbox(key="models.trust").check().run()
    assert not at.button(key="models.start_fetch").disabled
    at.multiselect(key="models.fetch").select("pose").run()
    assert "forbid commercial use" in texts(at)
    assert "body" in texts(at)
    assert not at.exception


def test_fetch_starts_a_download_or_asks_first(monkeypatch):
    commands, state = [], {}
    monkeypatch.setattr(job_progress, "start", commands.append)
    monkeypatch.setattr(weight_downloads.st, "session_state", state)
    for name in ("hog", "mobilenetv2", "deits8"):
        weight_downloads.start_or_ask(name)
    assert commands == [["models", "fetch", "mobilenetv2"], ["models", "fetch", "deits8"]]
    assert not state
    for name in ("pl18", "resnet18", "pose"):  # no checksum, eight digits of one, a license to read
        weight_downloads.start_or_ask(name)
        assert state["models.fetch"] == [name]
    assert len(commands) == 2


def test_a_model_of_a_library_is_looked_up_by_name(app):
    at = app(PAGE)
    at.text_input(key="models.name").input("timm:resnet18[layer2+layer3]").run()
    assert "384 dimensions, metric cosine" in texts(at)
    at.text_input(key="models.name").input("timm:resnet19").run()
    assert "Did you mean" in " ".join(error.value for error in at.error).replace("\\", "")
