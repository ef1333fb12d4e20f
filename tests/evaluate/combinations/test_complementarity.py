"""CKA and RSA against independent computations."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from simcore.evaluate.combinations import complementarity


def test_cka_laws():
    random = np.random.default_rng(3)
    x = random.normal(size=(80, 12)).astype(np.float32)
    turn, _ = np.linalg.qr(random.normal(size=(12, 12)))
    wide = random.normal(size=(80, 300))
    matrix = complementarity.cka_matrix([x, 3 * x @ turn + 5, wide, np.ones((80, 3))])
    assert matrix[0, 1] == pytest.approx(1, abs=1e-6)
    small = matrix[0, 2]
    assert small == pytest.approx(matrix[2, 0])
    a, b = x - x.mean(0), wide - wide.mean(0)
    expected = np.linalg.norm(b.T @ a) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert small == pytest.approx(expected, rel=1e-6)
    assert matrix[0, 3] == 0


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


def test_the_order_is_that_of_a_clustered_heatmap():
    """Average linkage by scipy on one minus the similarity of both directions; a gap is 0."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    random = np.random.default_rng(9)
    for count in (3, 6, 12):
        for _ in range(8):
            similarity = random.uniform(-1, 1, (count, count))
            similarity[random.random((count, count)) < 0.1] = np.nan
            flat = []
            for i in range(count):
                for j in range(i + 1, count):
                    both = (similarity[i, j] + similarity[j, i]) / 2
                    flat.append(1 - (0.0 if np.isnan(both) else both))
            tree = linkage(flat, "average")
            expected = leaves_list(optimal_leaf_ordering(tree, np.array(flat))).tolist()
            assert complementarity.order(similarity) == expected
    assert complementarity.order(np.ones((2, 2))) == [0, 1]


def test_the_matrix_is_that_of_all_pairs_in_either_form():
    random = np.random.default_rng(3)
    sets = [random.normal(size=(30, width)).astype(np.float32) for width in (2, 20, 90, 200)]
    matrix = complementarity.cka_matrix([*sets, None])

    def reference(left, right):
        """Kornblith et al. 2019, Eq. 3, with the centering matrix written out."""
        center = np.eye(30) - 1 / 30
        k, m = (center @ (x.astype(float) @ x.astype(float).T) @ center for x in (left, right))
        return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))

    expected = [[reference(left, right) for right in sets] for left in sets]
    np.testing.assert_allclose(matrix[:4, :4], expected, rtol=1e-9)
    assert np.isnan(matrix[4]).all()
    assert np.isnan(matrix[:, 4]).all()
    constant = complementarity.cka_matrix([sets[0], np.ones((30, 3))])
    assert constant[0, 1] == 0


def test_features_of_many_images_are_not_copied(monkeypatch):
    random = np.random.default_rng(5)
    sets = [random.normal(size=(6000, 16)).astype(np.float32) for _ in range(3)]
    whole = complementarity.cka_matrix(sets)
    monkeypatch.setattr(complementarity, "BLOCK_ROWS", 100)
    tracemalloc.start()
    np.testing.assert_allclose(complementarity.cka_matrix(sets), whole, rtol=1e-9)
    assert tracemalloc.get_traced_memory()[1] < sets[0].nbytes / 2
    tracemalloc.stop()
