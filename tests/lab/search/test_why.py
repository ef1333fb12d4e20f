"""Why a mate is missed: ranks of crops against a search with the cropped file."""

import io

import numpy as np
import pytest
from PIL import Image

from simcore.errors import BadDataError
from simcore.lab import recipes
from simcore.lab.library import collections, extraction
from simcore.lab.search import pair, search, why
from simcore.lab.search.search import Query
from simcore.lab.search.why import Crop
from simcore.recipe import Question


def question(tiny):
    return Question(tiny, tuple(recipes.parse(["layout", "hog"])))


@pytest.mark.parametrize("crop", [Crop(), Crop(top=0.3), Crop(0.1, 0.2, 0.9, 0.7)])
def test_the_rank_of_a_crop_is_that_of_the_cropped_file(tiny, crop):
    query, mate = pair.open_picture(tiny, "left", "c"), pair.open_picture(tiny, "right", "c")
    result = why.crop_rank(question(tiny), query, mate, "layout", crop)
    pixels = np.asarray(Image.open(io.BytesIO(query.data)).convert("RGB"))
    rows, columns = pixels.shape[:2]
    part = pixels[
        int(crop.top * rows) : round(crop.bottom * rows),
        int(crop.left * columns) : round(crop.right * columns),
    ]
    file = io.BytesIO()
    Image.fromarray(part).save(file, "PNG")
    asked = Question(tiny, tuple(recipes.parse(["layout"])))
    (hits,) = search.search(asked, Query(image=file.getvalue()), k=6)
    scores = dict(zip(hits.ids, hits.scores, strict=True))
    assert result.similarity == pytest.approx(float(scores["c"]), abs=1e-5)
    assert result.rank == 1 + sum(score > scores["c"] for score in hits.scores)


def test_the_best_crop_is_the_best_of_all_that_are_tried(tiny):
    query, mate = pair.open_picture(tiny, "left", "b"), pair.open_picture(tiny, "right", "e")
    ranks = {
        crop: why.crop_rank(question(tiny), query, mate, "layout", crop).rank
        for crop in why.candidates()
    }
    assert len(set(ranks)) == len(why.candidates()) == 21
    with pytest.raises(BadDataError, match="not the known mate"):
        why.explain(question(tiny), query, mate, "layout")
    mate = pair.open_picture(tiny, "right", "b")
    reason = why.explain(question(tiny), query, mate, "layout")
    assert (reason.rank, reason.crop, reason.misleading) == (1, None, None)


@pytest.fixture
def stuck(tmp_path, cache, draw):
    """Pairs with a white sticker at the bottom right of some images.

    It misleads the query "a", since the right image of "b" is "a" with its sticker, and helps the
    query "c", since the right image of "d" is "c" without it.
    """

    def stick(image):
        copy = image.copy()
        copy.paste(Image.new("RGB", (40, 49), "white"), (160, 196))
        return copy

    a, c = draw(0), draw(2)
    images = {
        "left": [stick(a), draw(1), stick(c), draw(3)],
        "right": [a, stick(a).rotate(1), stick(c.rotate(1)), c],
    }
    for side, pictures in images.items():
        (tmp_path / "pairs" / side).mkdir(parents=True)
        for name, picture in zip("abcd", pictures, strict=True):
            picture.save(tmp_path / "pairs" / side / f"{name}.png")
    collections.add("pairs", tmp_path / "pairs", name="stuck")
    extraction.extract("stuck", ["layout"])
    return "stuck"


def ranks_without_parts(name, id):
    """(5, 5) the mate's rank under layout, by a search with each part painted over."""
    query = pair.open_picture(name, "left", id)
    pixels = np.asarray(Image.open(io.BytesIO(query.data)).convert("RGB"))
    mean = np.rint(pixels.reshape(-1, 3).mean(axis=0))
    asked = Question(name, tuple(recipes.parse(["layout"])))
    height, width = pixels.shape[0] // 5, pixels.shape[1] // 5
    ranks = np.zeros((5, 5), int)
    for row, column in np.ndindex(5, 5):
        hidden, file = pixels.copy(), io.BytesIO()
        top, left = row * height, column * width
        hidden[top : top + height, left : left + width] = mean
        Image.fromarray(hidden).save(file, "PNG")
        (hits,) = search.search(asked, Query(image=file.getvalue()), k=4)
        scores = dict(zip(hits.ids, hits.scores, strict=True))
        ranks[row, column] = 1 + sum(score > scores[id] for score in hits.scores)
    return ranks


def test_the_misleading_part_is_the_one_without_which_the_rank_is_best(stuck):
    query, mate = (pair.open_picture(stuck, side, "a") for side in ("left", "right"))
    asked = Question(stuck, tuple(recipes.parse(["layout"])))
    parts = why.occluded_parts(asked, query, mate, "layout")
    ranks = ranks_without_parts(stuck, "a")
    assert [part.rank for part in parts] == ranks.ravel().tolist()
    reason = why.explain(asked, query, mate, "layout")
    assert reason.rank > 1
    assert reason.misleading is not None
    assert reason.misleading.part == Crop(0.8, 0.8, 1, 1), "the sticker"
    assert reason.misleading.rank == ranks[4, 4] == ranks.min() == 1
    assert reason.misleading.center == pytest.approx((0.9, 0.9))


def test_the_needed_part_is_the_one_without_which_the_rank_is_worst(stuck):
    query, mate = (pair.open_picture(stuck, side, "c") for side in ("left", "right"))
    asked = Question(stuck, tuple(recipes.parse(["layout"])))
    reason = why.explain(asked, query, mate, "layout")
    ranks = ranks_without_parts(stuck, "c")
    assert reason.rank == 1
    assert reason.needed is not None
    assert reason.needed.part == Crop(0.8, 0.8, 1, 1), "the sticker"
    assert reason.needed.rank == ranks[4, 4] == ranks.max() == 2


def test_a_crop_that_keeps_too_little_is_refused():
    with pytest.raises(BadDataError, match="Draw a larger one"):
        Crop(top=0.5, bottom=0.6)
    with pytest.raises(BadDataError, match="inside of the picture"):
        Crop(left=-0.1)
