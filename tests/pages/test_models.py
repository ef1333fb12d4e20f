"""The Models page: the list, its groups, and what a download would cost."""

from simcore.lab.library import models

PAGE = "pages/models.py"


def texts(at):
    kinds = (at.markdown, at.caption, at.warning, at.error)
    return " ".join(element.value for kind in kinds for element in kind)


def test_the_list_and_its_groups(app):
    at = app(PAGE)
    frame = at.dataframe[0].value
    assert list(frame["backbone"]) == models.all_names()
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
    at.multiselect(key="models.fetch").select("pose").run()
    assert "forbid commercial use" in texts(at)
    assert "body" in texts(at)
    assert not at.exception


def test_a_model_of_a_library_is_looked_up_by_name(app):
    at = app(PAGE)
    at.text_input(key="models.name").input("timm:resnet18[layer2+layer3]").run()
    assert "384 dimensions, metric cosine" in texts(at)
    at.text_input(key="models.name").input("timm:resnet19").run()
    assert "Did you mean" in " ".join(error.value for error in at.error).replace("\\", "")
