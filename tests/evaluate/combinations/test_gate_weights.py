"""Gated weights: the likelihood is that of plain loops, cues that matter are found, others not."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.combinations import gate_weights, sum_weights
from simcore.evaluate.retrieval import recall
from simcore.recipe import Gate, Part, Recipe
from simcore.sim import combine, gating, recipe_blocks
from simcore.types import Features, ImageSet, Pairs

COUNT = 60


def rivals_of(matrices):
    blocks = [(0, [matrix.astype(np.float32) for matrix in matrices])]
    terms = [combine.PLAIN] * len(matrices)
    return sum_weights.near_rivals(blocks, np.arange(len(matrices[0])), terms)


def two_kinds(seed=0):
    """Two backbones: the first finds the mates of queries with the cue, the second the others."""
    random = np.random.default_rng(seed)
    cue = (np.arange(COUNT) % 2).astype(float)
    matrices = []
    for strength in (cue, 1 - cue):
        noise = random.normal(0, 1, (COUNT, COUNT))
        matrices.append(noise + 4 * strength[:, None] * np.eye(COUNT))
    return matrices, cue[:, None]


@pytest.fixture
def free(monkeypatch):
    """No pull between the two vectors of a cue."""
    monkeypatch.setattr(gate_weights, "PULL", 1e-5)


def hits(matrices, weights):
    total = sum(weights[:, [m]] * matrix for m, matrix in enumerate(matrices))
    return ((total >= np.diag(total)[:, None]).sum(1) == 1).sum()


def test_the_weights_follow_a_cue_that_matters_also_on_other_queries(free):
    matrices, cues = two_kinds()
    rivals = rivals_of(matrices)
    learned = gate_weights.fit(rivals, cues, np.arange(COUNT))
    without, with_cue = learned.of(np.array([[0.0], [1.0]]))
    assert with_cue[0] > 1.3 * with_cue[1]
    assert without[1] > 1.3 * without[0]
    gated = hits(matrices, gate_weights.held_out(rivals, cues, seed=1))
    fixed = hits(matrices, sum_weights.held_out(rivals, seed=1))
    assert gated > fixed + 5


def test_a_cue_without_meaning_and_no_cue_change_little():
    matrices, _ = two_kinds()
    rivals = rivals_of(matrices)
    same = np.full((COUNT, 1), 0.5)  # the same for every query
    learned = gate_weights.fit(rivals, same, np.arange(COUNT))
    fixed = sum_weights.fit(rivals, np.arange(COUNT))
    weights = learned.of(same)[0]
    assert (learned.of(same) == weights).all()
    np.testing.assert_allclose(weights / weights.sum(), fixed, atol=0.1)
    nothing = gate_weights.fit(rivals, np.zeros((COUNT, 0)), np.arange(COUNT))
    assert nothing.of(np.zeros((3, 0))).tolist() == np.ones((3, 2)).tolist()


def test_weights_are_never_negative_and_a_constant_backbone_gets_no_hits():
    matrices, cues = two_kinds(3)
    matrices.append(np.ones((COUNT, COUNT)))
    rivals = rivals_of(matrices)
    learned = gate_weights.fit(rivals, cues, np.arange(COUNT))
    assert (learned.of(np.linspace(0, 1, 11)[:, None]) >= 0).all()
    constant = rivals_of([np.ones((COUNT, COUNT))])
    weights = gate_weights.held_out(constant, cues)
    assert hits([np.ones((COUNT, COUNT))], weights) == 0


def test_the_maximum_is_the_maximum_of_the_likelihood_by_plain_loops(free):
    matrices, cues = two_kinds(4)
    rivals = rivals_of(matrices)
    learned = gate_weights.fit(rivals, cues, np.arange(COUNT))

    def likelihood(base, changes):
        total = 0.0
        for query in range(COUNT):
            weights = base + cues[query, 0] * changes
            score = sum(w * matrix[query] for w, matrix in zip(weights, matrices, strict=True))
            total += score[query] - np.log(np.exp(score).sum())
        return total / COUNT

    # The scale is not kept, so the best scale of the learned direction is looked for first.
    scale = max(
        np.geomspace(0.1, 10, 40),
        key=lambda s: likelihood(s * learned.base, s * learned.changes[0]),
    )
    base, changes = scale * learned.base, scale * learned.changes[0]
    reached = likelihood(base, changes)
    random = np.random.default_rng(0)
    for _ in range(30):
        step = random.normal(0, 0.5, (2, 2))
        assert likelihood(base + step[0], changes + step[1]) < reached + 0.05


def test_one_query_cannot_be_cross_fitted():
    rivals = rivals_of([np.eye(1)])
    with pytest.raises(BadDataError, match="at least 2 pairs"):
        gate_weights.held_out(rivals, np.zeros((1, 1)))


def sides_with_faces():
    random = np.random.default_rng(5)
    sides = []
    for _ in range(2):
        faces = np.array([0, 2, 3, 5])
        sides.append(
            {
                "face": Features("face", faces, random.normal(size=(4, 3)), 6),
                "hog": Features("hog", np.arange(6), random.normal(size=(6, 5)), 6),
                "cues": Features("cues", np.arange(6), random.uniform(size=(6, 3)), 6),
            }
        )
    return sides


def test_a_gated_recipe_is_the_weighted_sum_of_each_query():
    queries, gallery = sides_with_faces()
    parts = (Part("hog", "cosine", 0.5), Part("face", "l2", 1.0))
    gates = (Gate("face", (0.0, 2.0)), Gate("background", (1.0, -0.5)))
    recipe = Recipe(parts, "gated", gates=gates)
    ((_, scores),) = recipe_blocks.blocks(recipe, queries, gallery)
    for query in range(6):
        has_face = float(query in queries["face"].index)
        background = queries["cues"].values[query, 1]
        weights = [0.5 + background, 1.0 + 2 * has_face - 0.5 * background]
        plain = tuple(
            Part(part.backbone, part.metric, float(weight))
            for part, weight in zip(parts, weights, strict=True)
        )
        ((_, expected),) = recipe_blocks.blocks(Recipe(plain, "zsum"), queries, gallery)
        np.testing.assert_allclose(scores[query], expected[query], atol=1e-9)


def test_missing_evidence_is_neutral_and_a_weight_of_zero_is_no_evidence():
    queries, gallery = sides_with_faces()
    parts = (Part("face", "l2", 1.0), Part("hog", "cosine", 0.0))
    recipe = Recipe(parts, "gated", gates=(Gate("face", (0.0, 0.0)),))
    ((_, scores),) = recipe_blocks.blocks(recipe, queries, gallery)
    assert np.isnan(scores[1]).all()  # no face, and nothing else counts
    assert np.isnan(scores[0, [1, 4]]).all()
    parts = (Part("face", "l2", 1.0), Part("hog", "cosine", 1.0))
    recipe = Recipe(parts, "gated", gates=(Gate("face", (0.5, 0.0)),))
    ((_, scores),) = recipe_blocks.blocks(recipe, queries, gallery)
    ((_, hog),) = recipe_blocks.blocks(
        Recipe((Part("hog", "cosine"), Part("hog", "cosine", 0.0)), "zsum"), queries, gallery
    )
    np.testing.assert_allclose(scores[1], hog[1], atol=1e-9)  # faces say nothing about query 1
    np.testing.assert_allclose(scores[0, [1, 4]], hog[0, [1, 4]], atol=1e-9)


def test_constant_similarities_are_a_tie_and_equal_images_tie_wherever_they_are():
    """Also where the gate changes from query to query."""
    parts = (Part("hog", "cosine", 0.5), Part("face", "l2", 1.0))
    recipe = Recipe(parts, "gated", gates=(Gate("face", (0.3, 2.0)), Gate("drawing", (1.0, 0.0))))
    queries, gallery = sides_with_faces()
    values = gallery["hog"].values.copy()
    values[5] = values[3]
    faces = gallery["face"].values.copy()
    faces[3] = faces[2]  # of the images 5 and 3
    gallery["hog"] = Features("hog", np.arange(6), values, 6)
    gallery["face"] = Features("face", gallery["face"].index, faces, 6)
    ((_, scores),) = recipe_blocks.blocks(recipe, queries, gallery)
    assert (scores[:, 5] == scores[:, 3]).all()
    for side in (queries, gallery):
        side["hog"] = Features("hog", np.arange(6), np.ones((6, 5)), 6)
        side["face"] = Features("face", np.arange(6), np.ones((6, 3)), 6)
    ids = tuple(map(str, range(6)))
    images = ImageSet(ids, ids, ids)
    ranks = recall.ranks_of(Pairs(images, images, np.arange(6)), recipe, queries, gallery)
    assert (ranks == 6).all()  # every image ties, and a tie is no hit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"combine": "gated"}, "needs gates"),
        ({"combine": "zsum", "gates": (Gate("bars", (1.0, 1.0)),)}, "has no gates"),
        ({"combine": "gated", "gates": (Gate("bars", (1.0,)),)}, "1 changes for 2 backbones"),
        ({"combine": "gated", "gates": (Gate("face", (1.0, 1.0)),)}, "needs the backbone face"),
        (
            {"combine": "gated", "gates": (Gate("bars", (1.0, 1.0)),), "missing": "worst"},
            "counts as the mean",
        ),
        ({"combine": "zsum", "pair_function": "shift"}, "Choose rerank"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(options, message):
    with pytest.raises(BadDataError, match=message):
        Recipe((Part("hog"), Part("color")), **options)


def test_gates_are_refused_for_unknown_cues_and_numbers_that_are_not_finite():
    with pytest.raises(BadDataError, match="not 'smile'"):
        Gate("smile", (1.0,))
    with pytest.raises(BadDataError, match="finite"):
        Gate("bars", (float("nan"),))


def test_cues_are_read_where_they_are():
    queries, _ = sides_with_faces()
    assert gating.cue_values("face", queries).tolist() == [1, 0, 1, 1, 0, 1]
    expected = queries["cues"].values
    for column, cue in enumerate(("drawing", "background", "bars")):
        np.testing.assert_allclose(gating.cue_values(cue, queries), expected[:, column])
