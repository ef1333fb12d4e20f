"""Why a mate is missed: ranks of crops against a search with the cropped file."""

import io

import numpy as np
import pytest
from PIL import Image

from simcore.errors import BadDataError
from simcore.lab import recipes
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
    assert (reason.rank, reason.crop) == (1, None)


def test_a_crop_that_keeps_too_little_is_refused():
    with pytest.raises(BadDataError, match="Draw a larger one"):
        Crop(top=0.5, bottom=0.6)
    with pytest.raises(BadDataError, match="inside of the picture"):
        Crop(left=-0.1)
