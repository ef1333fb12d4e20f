"""The sets of margaritescu2024: seeded, balanced, and what each row is made of."""

import numpy as np
import pytest

from simcore.data.judgements import judgement_catalog, triplet_sets
from simcore.errors import BadDataError
from tests.data.judgements.conftest import step


@pytest.fixture
def birds(psiz_folder, bird_images, ranked):
    """30 trials of 8rank2 and five of 2rank1, with the other images of their trials."""
    small = [step([k, k + 1, k + 2], [k + 2], kind="rank:2rank1") for k in (1, 5, 9, 13, 17)]
    root = psiz_folder([(100, [*ranked(30), *small])])
    return judgement_catalog.add(
        "birds-16", root, name="birds", images=bird_images, keep_alternatives=True
    )


def test_the_eleven_sets_are_independent(birds, bapps_tree):
    names = {"traditional", "cnn", "color", "deblur", "frameinterp", "superres"}
    bapps = judgement_catalog.add(
        "bapps", bapps_tree({n: [0.2, 0.8, 1.0] for n in names}), name="bapps"
    )
    every = triplet_sets.evaluation({"bapps": bapps, "birds-16": birds}, size=4, seed=1)
    assert len(every) == 9
    assert list(triplet_sets.evaluation({"birds-16": birds}, size=4, seed=1)) == [
        "birds-16 similar",
        "birds-16 dissimilar",
        "birds-16 2rank1",
    ]
    for name, (judged, rows) in triplet_sets.evaluation(
        {"birds-16": birds}, size=4, seed=1
    ).items():
        np.testing.assert_array_equal(rows, every[name][1])
        assert {judged.triplets.group[r] for r in rows} == {triplet_sets.SETS[name][1]}
        assert len(set(rows.tolist())) == 4
    with pytest.raises(BadDataError, match="no 'traditional' triplets in 'birds'"):
        triplet_sets.evaluation({"bapps": birds})


def test_a_part_shows_only_its_images(birds):
    rows = np.array([0, 3, 31])
    part = triplet_sets.part(birds, rows)
    whole, some = birds.triplets, part.triplets
    assert len(part.trials.images) < len(whole.images)
    for column in ("ref", "left", "right"):
        assert [some.images.keys[i] for i in getattr(some, column)] == [
            whole.images.keys[i] for i in getattr(whole, column)[rows]
        ]
    assert part.digest not in (birds.digest, triplet_sets.part(birds, rows[:2]).digest)


def test_balanced_triplets_represent_every_group(birds):
    rows = triplet_sets.balanced(birds.triplets, size=15, seed=0)
    groups = [birds.triplets.group[r] for r in rows]
    assert sorted(groups.count(g) for g in triplet_sets.GROUPS) == [5, 5, 5]
    assert len(triplet_sets.balanced(birds.triplets, size=10_000)) == len(birds.triplets)


def test_quadruplets_add_an_image_that_was_not_chosen(birds):
    four = triplet_sets.quadruplets(birds, size=30, seed=0)
    rows = triplet_sets.balanced(birds.triplets, size=30, seed=0)
    near = triplet_sets.nearer_first(birds.triplets)
    for row, quad in zip(rows, four, strict=True):
        np.testing.assert_array_equal(quad[:3], near[row])
        if birds.triplets.group[row].startswith("8rank2"):
            assert quad[3] in birds.alternatives[row]
            assert quad[3] not in quad[:3]
        else:  # of another 2rank1 trial
            assert any(quad[3] in other for other in near[60:] if other[0] != quad[0])
    np.testing.assert_array_equal(four, triplet_sets.quadruplets(birds, size=30, seed=0))


def test_single_images_are_drawn_once(birds):
    every = triplet_sets.single_images(birds.triplets, size=10_000)
    assert len(every) == len(set(every.tolist())) <= len(birds.triplets.images)
    assert set(triplet_sets.single_images(birds.triplets, size=7, seed=3).tolist()) < set(
        every.tolist()
    )


def test_nearer_is_the_side_that_most_people_chose(bapps_tree):
    some = judgement_catalog.add("bapps", bapps_tree({"cnn": [0.2, 0.8]}), name="two").triplets
    near = triplet_sets.nearer_first(some)
    assert near[0].tolist() == [some.ref[0], some.left[0], some.right[0]]
    assert near[1].tolist() == [some.ref[1], some.right[1], some.left[1]]


def test_bapps_with_its_training_part_has_all_panels(bapps_tree):
    """The groups are then "val/cnn" and "train/cnn"; the sets are those of the validation part."""
    votes = {n: [0.2, 0.8, 1.0] for n in ("traditional", "cnn", "color", "deblur", "frameinterp")}
    bapps_tree(votes | {"superres": [0.4, 0.0]})
    root = bapps_tree({"cnn": [0.5, 1.0], "traditional": [0.0]}, "train")
    bapps = judgement_catalog.add("bapps", root, name="both")
    sets = triplet_sets.evaluation({"bapps": bapps}, size=9)
    assert list(sets) == [name for name in triplet_sets.SETS if name.startswith("bapps")]
    for name, (_, rows) in sets.items():
        group = f"val/{name.removeprefix('bapps ')}"
        assert {bapps.triplets.group[row] for row in rows} == {group}
        assert len(rows) == (2 if "superres" in name else 3)
