"""Cells of Figure 5.3: what is learned from, what is scored, and what stays apart."""

import numpy as np
import pytest

from simcore.data.judgements import bapps
from simcore.errors import BadDataError, Stopped, UnknownNameError
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning_grid
from simcore.lab.learning.finetuning_grid import BEFORE, Grid
from simcore.lab.library import collections
from simcore.models import lineage, registry
from simcore.models.extract import extraction
from simcore.types import Monitor
from tests.data.judgements.conftest import (
    bird_images,  # noqa: F401  a fixture
    psiz_folder,  # noqa: F401  a fixture
    ranked,  # noqa: F401  a fixture
)

VOTES = {name: [0.2, 0.8, 1.0, 0.0, 0.4, 0.6, 0.5, 0.9] for name in bapps.DISTORTIONS}


@pytest.fixture
def patches(bapps_tree):
    """48 triplets, of which no two share an image."""
    return sets.add("bapps", bapps_tree(VOTES), name="patches")


@pytest.fixture
def birds(psiz_folder, bird_images, ranked):  # noqa: F811
    """Triplets over 60 pictures, which nearly all share images."""
    root = psiz_folder([(100, ranked(80))])
    return sets.add("hsj", root, images=bird_images, name="birds", keep_alternatives=True)


def pictures(judged, columns):
    """Content keys of the images in some columns of trials."""
    keys = judged.triplets.images.keys
    return {keys[row] for column in columns for row in column}


def shown(judged, rows):
    triplets = judged.triplets
    return pictures(judged, [triplets.ref[rows], triplets.left[rows], triplets.right[rows]])


def test_protocol_paper_learns_from_the_triplets_that_are_scored(patches, conv):
    part = finetuning_grid.split_source(patches, Grid((conv,)))
    assert set(part.split.train) <= set(part.split.test)
    assert sorted(part.split.test) == list(range(48))
    for name, positions in part.sets.items():
        rows = part.split.test[positions]
        assert {patches.triplets.group[row] for row in rows} == {name.removeprefix("bapps ")}


@pytest.mark.parametrize(("split", "columns"), [("images", "all"), ("references", "ref")])
def test_held_out_triplets_are_as_far_apart_as_the_split_says(
    bapps_tree, birds, conv, split, columns
):
    judged = birds
    if split == "images":
        votes = {name: values * 3 for name, values in VOTES.items()}
        judged = sets.add("bapps", bapps_tree(votes), name="more")
    grid = Grid((conv,), protocol="held-out", split=split)
    part = finetuning_grid.split_source(judged, grid)
    learned = np.concatenate([part.split.train, part.split.validation])
    tested = part.split.test
    apart = shown(judged, tested)
    if columns == "ref":
        apart = pictures(judged, [judged.triplets.ref[tested]])
    assert learned.size
    assert not shown(judged, learned) & apart
    # The images of self-supervised paradigms and second negatives stay apart, too.
    for label in ("simclr", "quadruplet"):
        data = finetuning_grid.training_data(part, label)
        rows = np.unique(np.concatenate([a.ravel() for a in (*data.train.arrays[:3],)]))
        if label == "simclr":
            rows = data.train.singles
        assert not pictures(judged, [rows]) & apart


def test_a_cell_is_scored_by_the_majority_and_stored(patches, conv):
    grid = Grid((conv,), ("triplet",), epochs=1)
    assert finetuning_grid.count_stored([patches], grid) == (0, 2)
    before = finetuning_grid.compute(patches, conv, BEFORE, grid)
    after = finetuning_grid.compute(patches, conv, "triplet", grid)
    assert finetuning_grid.count_stored([patches], grid) == (2, 2)
    assert finetuning_grid.compute(patches, conv, "triplet", grid) == after
    assert set(before.credits) == {f"bapps {name}" for name in VOTES}
    for cell in (before, after):
        for values in cell.credits.values():
            assert len(values) == 8
            assert values[6] == 0.5  # people tie
            assert set(values) <= {0.0, 0.5, 1.0}
    assert sum(before.seen.values()) == 0
    # Five undecided triplets are not learned from, but every image of the others was seen.
    assert after.examples == 42
    assert sum(after.seen.values()) == 42
    assert not lineage.unfinished()


def test_a_stopped_cell_continues_and_other_settings_are_another_cell(patches, conv):
    grid = Grid((conv,), ("moco",), epochs=2)
    whole = finetuning_grid.compute(patches, conv, "moco", Grid((conv,), ("moco",), epochs=2))
    for path in (finetuning_grid.cache_dir.root() / "finetuning").glob("*.json"):
        path.unlink()
    with pytest.raises(Stopped, match="same command"):
        finetuning_grid.compute(patches, conv, "moco", grid, monitor=Monitor(stop=lambda: True))
    assert len(lineage.unfinished()) == 1
    assert finetuning_grid.compute(patches, conv, "moco", grid) == whole
    assert not lineage.unfinished()
    longer = Grid((conv,), ("moco",), epochs=3)
    assert finetuning_grid.count_stored([patches], longer) == (0, 2)


def test_names_and_numbers_are_checked(conv):
    assert finetuning_grid.make([conv], [], epochs=3).paradigms == finetuning_grid.PARADIGMS
    held_out = {"protocol": "held-out", "split": "all"}
    for wrong in ({"protocol": "honest"}, held_out, {"labels": ["tuplet"]}):
        with pytest.raises(UnknownNameError):
            finetuning_grid.make([conv], **wrong)
    with pytest.raises(BadDataError, match="epochs must be 1"):
        finetuning_grid.make([conv], epochs=0)
    with pytest.raises(BadDataError, match="there is no split"):
        finetuning_grid.make([conv], split="references")
    assert finetuning_grid.make([conv], protocol="held-out").split == "images"


def test_cells_are_computed_in_the_precision_of_their_key(conv):
    """Their files are named by the fp32 features: no paradigm may train in another precision."""
    grid = finetuning_grid.make([conv], [])
    assert not any(grid.settings(conv, name).bf16 for name in finetuning_grid.PARADIGMS)
    assert extraction.feature_key(registry.get(conv), "fp32").precision == "fp32"


def test_a_set_without_test_triplets_is_named(patches, conv):
    with pytest.raises(BadDataError, match="leaves no test triplets of bapps deblur"):
        finetuning_grid.split_source(patches, Grid((conv,), protocol="held-out"))


def test_self_supervised_paradigms_learn_from_a_named_singleton_set(patches, conv):
    sets.save_sample("patches", "singles", "some", size=40)
    grid = finetuning_grid.make([conv], ["moco"], epochs=1, singles=["some"])
    assert "--singles some --epochs 1" in " ".join(grid.to_args())
    part = finetuning_grid.split_source(patches, grid)
    data = finetuning_grid.training_data(part, "moco")
    ids = patches.triplets.images.ids
    drawn = set(collections.open_("some").left.ids)
    assert {ids[row] for row in data.train.singles} == drawn
    cell = finetuning_grid.compute(patches, conv, "moco", grid)
    assert cell.examples == 40
    # Another file than without the set; supervised paradigms do not depend on it.
    plain = Grid((conv,), ("moco", "triplet"), epochs=1)
    named = Grid((conv,), ("moco", "triplet"), epochs=1, singles=("some",))
    assert finetuning_grid.count_stored([patches], plain) == (0, 3)
    assert finetuning_grid.count_stored([patches], named) == (1, 3)
    cells = [finetuning_grid.inputs([patches], g)["cells"] for g in (plain, named)]
    assert [a == b for a, b in zip(*cells, strict=True)] == [True, False, True]


def test_named_singleton_sets_stay_apart_from_held_out_triplets(birds, conv):
    sets.save_sample("birds", "singles", "all-birds")
    grid = Grid((conv,), ("moco",), protocol="held-out", split="references", singles=("all-birds",))
    part = finetuning_grid.split_source(birds, grid)
    data = finetuning_grid.training_data(part, "moco")
    assert not pictures(birds, [data.train.singles]) & shown(birds, part.split.test)


def test_singleton_sets_of_no_source_are_named(patches, conv):
    sets.save_sample("patches", "singles", "some", size=40)
    with pytest.raises(UnknownNameError, match="singleton set"):
        finetuning_grid.make([conv], singles=["sume"])
    other = sets.save_sample("patches", "triplets", "other", size=30)
    with pytest.raises(BadDataError, match="'some' was drawn from none of other"):
        finetuning_grid.inputs([other], Grid((conv,), singles=("some",)))
