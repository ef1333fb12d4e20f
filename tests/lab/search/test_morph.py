"""Morphing maps: aligned, in order, resumable; and where an image from outside lands on them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import procrustes

from simcore.__main__ import run
from simcore.errors import BadDataError, Stopped
from simcore.lab.evaluate import recall
from simcore.lab.library import collections
from simcore.lab.search import map_placement, maps, morph
from simcore.models import weights
from simcore.recipe import Question
from simcore.sim import projection
from simcore.sim.projection import ProjectionSettings
from simcore.types import Monitor

PCA = maps.projection_settings("pca")
MODELS = ("hog", "color", "layout")


@pytest.fixture
def question(tiny):
    """Two backbones and their z-sum on six pairs."""
    return Question(tiny, morph.stops(["hog", "color"]))


def distances(xy):
    return np.linalg.norm(xy[:, None] - xy[None], axis=2)


def test_stops_are_the_maps_themselves_turned(question):
    result = morph.make(question, PCA)
    assert [stop.map.recipe.label for stop in result.stops] == ["hog", "color", "zsum(hog + color)"]
    assert result.stops[0].disparity is None
    before = None
    for stop, recipe in zip(result.stops, question.recipes, strict=True):
        own = maps.make(question.with_recipes(recipe), PCA)
        apart, own_apart = distances(stop.map.xy), distances(own.xy)
        np.testing.assert_allclose(apart / apart.max(), own_apart / own_apart.max(), atol=1e-5)
        if before is not None:
            *_, disparity = procrustes(before.xy, own.xy)
            assert stop.disparity == pytest.approx(disparity, abs=1e-6)
            size = [np.linalg.norm(map_.xy - map_.xy.mean(0)) for map_ in (before, stop.map)]
            assert size[0] == pytest.approx(size[1], rel=1e-5)
        before = stop.map


def test_counts_and_distances_of_mates_by_numpy(question):
    stop = morph.make(question, PCA).stops[-1]
    hits = sum(
        int((recall.ranks(question.collection, question.recipes[-1], d) == 1).sum())
        for d in ("lr", "rl")
    )
    assert stop.at_rank_1 == hits
    xy = stop.map.xy.astype(float)
    mates = np.median([np.linalg.norm(xy[i] - xy[i + 6]) for i in range(6)])
    # Of all ordered pairs of points, a point with itself included.
    rms = np.sqrt(np.mean(distances(xy) ** 2))
    assert stop.mate_distance == pytest.approx(mates / rms)


def test_a_stopped_morph_keeps_what_is_finished(question):
    calls = []

    def stop():
        calls.append(morph.missing(question, settings))
        return len(calls[-1]) < 3

    settings = maps.projection_settings("tsne")
    with pytest.raises(Stopped):
        morph.make(question, settings, monitor=Monitor(stop=stop))
    assert len(morph.missing(question, settings)) == 2
    assert morph.load(question, settings) is None
    first = maps.load(question.with_recipes(question.recipes[0]), settings)
    done = morph.make(question, settings)
    np.testing.assert_array_equal(done.stops[0].map.xy, first.xy)
    assert morph.missing(question, settings) == []
    np.testing.assert_array_equal(
        morph.load(question, settings).stops[-1].map.xy, done.stops[-1].map.xy
    )


def test_progress_counts_all_maps(question):
    shares = []
    morph.make(
        question, ProjectionSettings("tsne"), monitor=Monitor(lambda p: shares.append(p.share))
    )
    assert shares == sorted(shares)
    assert shares[0] < 0.34 < shares[-1]


def test_a_morph_needs_two_backbones(question):
    with pytest.raises(BadDataError, match="at least 2 backbones, got 1"):
        morph.stops(["hog"])
    with pytest.raises(BadDataError, match="at least 2 backbones, got 1"):
        morph.load(question.with_recipes(question.recipes[0]), PCA)


def test_the_command(tiny, tmp_path, capsys):
    file = tmp_path / "points.csv"
    args = ["map", tiny, "--models", "hog,color", "--morph", "--method", "pca"]
    capsys.readouterr()
    assert run([*args, "--json", "--csv", str(file)]) == 0
    stops = json.loads(capsys.readouterr().out)["result"]["stops"]
    assert [stop["recipe"] for stop in stops] == ["hog", "color", "zsum(hog + color)"]
    assert [len(stop["points"]) for stop in stops] == [12] * 3
    assert len(file.read_text().splitlines()) == 1 + 3 * 12
    assert run(args) == 0
    assert "disparity" in capsys.readouterr().out
    assert run([*args, "--combine", "sum"]) == 1
    assert "Leave --combine" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")
def test_weights_of_neighbors_are_umaps():
    from umap.umap_ import smooth_knn_dist

    scores = np.array([0.9, 0.7, 0.65, 0.5, 0.1])
    gaps = scores[0] - scores
    # umap counts the point itself as its first neighbor and takes the nearest other one as rho.
    sigma, _ = smooth_knn_dist(
        np.r_[0, gaps + 1e-9][None].astype(np.float32), 5.0, local_connectivity=1.0
    )
    own = np.exp(-gaps / float(sigma[0]))
    np.testing.assert_allclose(
        projection.neighbor_weights(scores[None])[0], own / own.sum(), atol=2e-3
    )
    assert projection.neighbor_weights(np.array([[0.3]])).tolist() == [[1.0]]


def test_a_file_of_the_collection_lands_on_its_image(question):
    views = morph.make(question, PCA).maps
    left = collections.open_(question.collection).left
    placement = map_placement.place(question, views, left.path(2).read_bytes())
    assert placement.same_file == 2
    np.testing.assert_array_equal(placement.xy, [view.xy[2] for view in views])
    assert placement.left_out == ("", "", "")
    assert [rows[0] for rows in placement.nearest] == [2, 2, 2]


def test_another_image_lands_among_its_neighbors(question, encode, draw):
    views = morph.make(question, PCA).maps
    placement = map_placement.place(question, views, encode(draw(77)))
    assert placement.same_file is None
    for view, xy, nearest in zip(views, placement.xy, placement.nearest, strict=True):
        assert len(set(nearest)) == map_placement.N_NEIGHBORS
        members = view.xy[list(nearest)]
        assert (members.min(axis=0) <= xy).all()
        assert (xy <= members.max(axis=0)).all()


def test_a_backbone_without_weights_leaves_the_image_out(question, encode, draw, monkeypatch):
    views = morph.make(question, PCA).maps
    monkeypatch.setattr(weights, "status", lambda spec: (spec.name != "hog", ""))
    placement = map_placement.place(question, views, encode(draw(78)))
    hog, color, combined = placement.left_out
    assert "weights of hog" in hog
    assert "weights of hog" in combined
    assert color == ""
    assert np.isnan(placement.xy[:, 0]).tolist() == [True, False, True]


def test_a_map_of_few_images_does_not_turn_the_ones_after_it(question, monkeypatch):
    plain = morph.make(question, PCA)
    views = {stop.map.recipe: stop.map for stop in plain.stops}

    def few(asked, _settings):
        """The second map has the first two images only."""
        view = views[asked.recipes[0]]
        xy = view.xy.copy()
        if asked.recipes[0] == question.recipes[1]:
            xy[2:] = np.nan
        return replace(view, xy=xy)

    monkeypatch.setattr(maps, "load", few)
    result = morph.load(question, PCA)
    target = plain.stops[0].map.xy.copy()
    target[:2] = result.stops[1].map.xy[:2]
    *_, disparity = procrustes(target, plain.stops[2].map.xy)
    assert result.stops[2].disparity == pytest.approx(disparity, abs=1e-6)
