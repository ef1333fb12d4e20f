"""Associative recall, votes, McNemar, CKA, RSA, faces: against independent computations."""

import numpy as np
import pytest
from scipy import stats

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.combinations import complementarity
from simcore.evaluate.retrieval import associative_recall, face_counts, near_duplicates
from simcore.evaluate.statistics import correlation, significance
from simcore.types import Features


@pytest.mark.parametrize("m", [1, 2, 3, 5, 10, 40])
def test_associative_recall_against_drawing_images(m):
    """The simulation draws hypergeometric counts; here images are really drawn and compared."""
    random = np.random.default_rng(m)
    gallery, queries = 40, 300
    scores = random.integers(0, 12, (queries, gallery))
    mate = scores[:, 0]
    ranks = (scores >= mate[:, None]).sum(1)
    right = 0
    for row in scores:
        drawn = random.choice(np.arange(1, gallery), m - 1, replace=False)
        right += all(row[j] < row[0] for j in drawn)
    expected = associative_recall.exact_recall(ranks, gallery, m)
    error = max(np.sqrt((expected * (1 - expected)).sum()) / queries, 1e-9)
    assert right / queries == pytest.approx(expected.mean(), abs=4.5 * error)
    simulated = associative_recall.simulated_recall(ranks, gallery, m, repetitions=200, seed=1)
    assert simulated.mean() == pytest.approx(expected.mean(), abs=4.5 * error / np.sqrt(200))


def test_associative_recall_of_a_constant_is_nothing_but_for_one_image():
    ranks = np.full(50, 30)  # every image ties with the mate
    assert associative_recall.exact_recall(ranks, 30, 1).mean() == 1
    for m in (2, 10, 30):
        assert associative_recall.exact_recall(ranks, 30, m).mean() == 0
        assert associative_recall.simulated_recall(ranks, 30, m).mean() == 0
    with pytest.raises(BadDataError, match="m = 31"):
        associative_recall.exact_recall(ranks, 30, 31)


def test_votes_against_scipy():
    random = np.random.default_rng(0)
    count = random.integers(0, 500, 300)
    alike = count / 500 + random.normal(size=300)
    alike[:20] = np.nan
    pearson, spearman = correlation.correlations(count, alike)
    reference = stats.pearsonr(count[20:], alike[20:])
    assert pearson.value == pytest.approx(reference.statistic)
    assert pearson.p == pytest.approx(reference.pvalue, rel=1e-6)
    assert spearman.value == pytest.approx(stats.spearmanr(count[20:], alike[20:]).statistic)
    low, high = reference.confidence_interval()
    assert pearson.low == pytest.approx(low, abs=0.04)
    assert pearson.high == pytest.approx(high, abs=0.04)
    assert spearman.low < spearman.value < spearman.high


def test_votes_for_a_constant_say_nothing():
    pearson, spearman = correlation.correlations(np.arange(30), np.ones(30))
    assert np.isnan(pearson.value)
    assert np.isnan(spearman.value)
    with pytest.raises(ShapeError, match="at least 3"):
        correlation.correlations(np.arange(4), np.array([1.0, np.nan, np.nan, 2]))


def test_mcnemar_and_holm():
    random = np.random.default_rng(2)
    a, b = random.random(200) < 0.5, random.random(200) < 0.4
    only_a, only_b, p = significance.mcnemar(a, b)
    assert (only_a, only_b) == ((a & ~b).sum(), (b & ~a).sum())
    fewer = min(only_a, only_b)
    assert p == pytest.approx(min(1, 2 * stats.binom.cdf(fewer, only_a + only_b, 0.5)))
    assert significance.mcnemar(a, a) == (0, 0, 1.0)
    rows = significance.compare({"a": a, "b": b, "c": a})
    assert [(r.a, r.b) for r in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(row.p_corrected >= row.p for row in rows)
    assert [(r.a, r.b) for r in significance.compare({"a": a, "b": b}, against="b")] == [("b", "a")]


def test_cka_laws():
    random = np.random.default_rng(3)
    x = random.normal(size=(80, 12)).astype(np.float32)
    turn, _ = np.linalg.qr(random.normal(size=(12, 12)))
    assert complementarity.cka(x, 3 * x @ turn + 5) == pytest.approx(1, abs=1e-6)
    wide = random.normal(size=(80, 300))
    small = complementarity.cka(x, wide)
    assert small == pytest.approx(complementarity.cka(wide, x))
    a, b = x - x.mean(0), wide - wide.mean(0)
    expected = np.linalg.norm(b.T @ a) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert small == pytest.approx(expected, rel=1e-6)
    assert complementarity.cka(x, np.ones((80, 3))) == 0


def test_rsa_against_scipy_and_order():
    random = np.random.default_rng(4)
    base = random.normal(size=(30, 30))
    near, far = base + 0.1 * random.normal(size=(30, 30)), random.normal(size=(30, 30))
    found = complementarity.rsa([base, far, near])
    upper = np.triu_indices(30, 1)
    assert found[0, 2] == pytest.approx(stats.spearmanr(base[upper], near[upper]).statistic)
    assert found[0, 2] > 0.9
    order = complementarity.order(found)
    assert abs(order.index(0) - order.index(2)) == 1
    gaps = base.copy()
    gaps[random.random((30, 30)) < 0.5] = np.nan
    assert complementarity.rsa([gaps, base])[0, 1] == pytest.approx(1)


def face_rows(counts):
    index = np.repeat(np.arange(len(counts)), counts)
    return Features("face", index, np.zeros((len(index), 2)), len(counts))


def test_face_counts():
    found = face_counts.count(face_rows([0, 1, 2, 5]), face_rows([0, 1, 0, 3]))
    assert found.table.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert found.histogram.tolist() == [3 / 8, 2 / 8, 1 / 8, 2 / 8]
    assert found.agreement == pytest.approx(2 / 3)
    assert found.objects.tolist() == [True, False, False, False]
    assert found.faces.tolist() == [False, True, False, True]


def unit(*angles):
    values = np.array([[np.cos(a), np.sin(a)] for a in angles])
    return Features("x", np.arange(len(angles)), values, len(angles))


def test_near_duplicates_by_hand():
    """Angles whose cosine distance is 1 - cos: 0.05 apart is 0.00125, far below any threshold."""
    left, right = unit(0.0, 0.05, 1.5, 3.0), unit(0.8, 2.2, 1.52, 0.01)
    found = near_duplicates.find(left, right, within=0.01, across=0.01)
    assert {(t.side, t.row, t.other_side, t.other) for t in found} == {
        ("left", 0, "left", 1),
        ("left", 0, "right", 3),
        ("left", 1, "right", 3),
    }
    assert near_duplicates.clean_pairs(found, 4).tolist() == [False, False, True, False]
    group = near_duplicates.groups(found, 4)
    assert group[0] == group[1] == group[3] != group[2]
    refused = frozenset((t.side, t.row, t.other_side, t.other) for t in found)
    assert near_duplicates.clean_pairs(found, 4, refused=refused).all()
    assert len(set(near_duplicates.groups(found, 4, refused=refused))) == 4


def test_the_papers_protocol_keeps_its_quirks():
    left, right = unit(0.0, 1.5, 3.0, 4.6), unit(0.75, 2.25, 3.8, 5.4)
    nobody = face_rows([0, 0, 0, 0])
    kept = near_duplicates.tllobj_paper(
        left, right, face_rows([0, 1, 2, 0]), face_rows([0, 0, 0, 1])
    )
    assert kept.tolist() == [True, False, True, False], "two faces stay in, one face goes"
    assert near_duplicates.tlld_paper(left, right, nobody, nobody).all()
    # The position of the nearest face counts, not its distance: only who is nearest to the first.
    far = Features("face", [1, 2, 3], np.array([[0.0, 0], [9, 0], [50, 0]]), 4)
    first = Features("face", [0, 1, 2], np.array([[0.0, 0], [30, 0], [31, 0]]), 4)
    assert near_duplicates._first_face(far).tolist() == [False, False, False, False]
    assert near_duplicates._first_face(first).tolist() == [False, False, False, False]
    near = Features("face", [0, 1, 2], np.array([[0.0, 0], [30, 0], [90, 0]]), 4)
    assert near_duplicates._first_face(near).tolist() == [False, True, False, False]


def test_faces_are_doubles_by_their_own_distance():
    one = Features("face", [0, 1], np.array([[0.0, 0.0], [0.3, 0.0]]), 3)
    other = Features("face", [2], np.array([[0.0, 0.6]]), 3)
    found = near_duplicates.find(one, other, within=0.5, across=0.5, metric="l2")
    assert [(t.side, t.row, t.other_side, t.other) for t in found] == [("left", 0, "left", 1)]
    assert found[0].distance == pytest.approx(0.3)
