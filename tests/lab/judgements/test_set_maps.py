"""Maps of a judgement set, one per network, with the separation of its folders."""

import json

import numpy as np
import pytest

from simcore.cli.main import run
from simcore.lab.judgements import set_maps, sets
from simcore.lab.library import features
from simcore.lab.search import maps


@pytest.fixture
def judged(bapps_tree):
    sets.add("bapps", bapps_tree({"cnn": [0.2, 0.8, 1.0], "color": [0.0, 1.0]}), name="mine")
    return "mine"


def test_a_map_per_network_and_the_separation_of_folders(judged):
    result = set_maps.make(judged, ["color", "layout"], maps.projection_settings("pca"))
    collection = sets.collection(judged)
    assert [each.model for each in result.networks] == ["color", "layout"]
    assert [len(each.map.xy) for each in result.networks] == [15, 15]
    assert set(result.labels) == {
        f"2afc/val/{kind}/{role}" for kind in ("cnn", "color") for role in ("ref", "p0", "p1")
    }
    rows = features.for_side(collection, collection.left, "color").values
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    purities = []
    for row, similarity in enumerate(rows @ rows.T):
        nearest = [other for other in np.argsort(-similarity) if other != row][:5]
        purities.append(np.mean([result.labels[n] == result.labels[row] for n in nearest]))
    assert result.networks[0].separation.purity == pytest.approx(np.mean(purities))
    assert set_maps.is_set(judged)  # also now that the collection exists


def test_maps_are_loaded_once_they_are_made(judged):
    settings = maps.projection_settings("pca")
    made = set_maps.make(judged, ["color"], settings)
    loaded = set_maps.load(judged, made.collection, ["color"], settings)
    (network,) = loaded.networks
    assert network.separation == made.networks[0].separation
    np.testing.assert_array_equal(network.map.xy, made.networks[0].map.xy)
    assert loaded.labels == made.labels
    other = set_maps.load(judged, made.collection, ["color"], maps.projection_settings("umap"))
    assert other.networks == ()  # that was not made
    assert set_maps.set_of(made.collection) == judged


def test_the_command(judged, capsys):
    assert run(["map", judged, "--models", "color", "--method", "pca", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert document["judgements"] == "mine"
    assert document["networks"][0]["separation"].keys() == {"silhouette", "purity", "chance"}
    assert run(["map", judged, "--models", "color", "--post", "center"]) == 1
    assert "mapped once per backbone" in capsys.readouterr().err
