"""Small maps of the images of a judgement set on the page Map."""

from simcore.lab import jobs
from simcore.lab.judgements import set_maps, sets
from simcore.lab.library import extraction
from simcore.lab.search import maps
from tests.pages.test_analysis_pages import at_address


def test_small_maps_of_the_images_of_judgements(app, bapps_tree, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda args: started.append(list(args)))
    sets.add("bapps", bapps_tree({"cnn": [0.2, 0.8, 1.0], "color": [0.0, 1.0]}), name="mine")
    set_maps.make("mine", ["color"], maps.projection_settings("pca"))
    extraction.extract("mine", ["layout"])
    at = at_address(
        app, "map", method="pca", collection="mine", panels="pca", models="color,layout"
    )
    assert not at.exception
    assert not at.error
    assert "Networks side by side" in [header.value for header in at.header]
    assert "**color**" in [text.value for text in at.markdown]
    assert len([text for text in at.caption if text.value.startswith("silhouette ")]) == 1
    assert at.query_params["panels"] == "pca"
    at.button(key="map_panels_go").click().run()
    command = ["map", "mine", "--models", "color,layout", "--method", "pca"]
    assert started == [command]
