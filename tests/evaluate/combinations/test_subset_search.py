"""The subset search against the plainest code, with ties and missing evidence."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.combinations import subset_search
from simcore.sim.combine import Term

PENALTY = 4096.0  # more than all values below add up to


def plain(matrices, target, *, normalized, missing="mean"):
    """(Q, 2^M) hits in NumPy alone: each subset is summed and the mate compared with every image.

    Values are rounded to multiples of 2^-40, as documented, so that ties are comparable.
    """
    filled, gaps = [], []
    for matrix in matrices:
        values, gap = matrix.astype(np.float64), np.isnan(matrix)
        known = values[~gap]
        mean, std = (known.mean(), known.std()) if known.size else (0.0, 0.0)
        if normalized:
            values = (values - mean) * (1 / std if std > 0 else 0.0)
            mean = 0.0
        values[gap] = mean if missing == "mean" else -PENALTY
        filled.append(np.rint(values * 2.0**40) / 2.0**40)
        gaps.append(gap)
    hits = np.zeros((len(target), 1 << len(matrices)), bool)
    for mask in range(1, hits.shape[1]):
        members = [k for k in range(len(matrices)) if mask >> k & 1]
        total = sum(filled[k] for k in members)
        blind = np.all([gaps[k] for k in members], axis=0)
        for row, mate in enumerate(target):
            rivals = [j for j in range(total.shape[1]) if j != mate and not blind[row, j]]
            hits[row, mask] = not blind[row, mate] and all(
                total[row, j] < total[row, mate] for j in rivals
            )
    return hits


def terms_of(matrices, *, normalized, missing="mean"):
    """The terms that the search gets for these matrices."""
    terms = []
    for matrix in matrices:
        known = matrix[~np.isnan(matrix)].astype(float)
        mean, std = (known.mean(), known.std()) if known.size else (0.0, 0.0)
        shift, gain = (mean, 1 / std if std > 0 else 0.0) if normalized else (0.0, 1.0)
        fill = -PENALTY if missing == "worst" else 0.0 if normalized else mean
        terms.append(Term(shift, gain, fill))
    return terms


def found(matrices, target, terms=None, step=512):
    names = [f"m{k}" for k in range(len(matrices))]
    rows = range(0, len(target), step)
    blocks = ((s, [m[s : s + step] for m in matrices]) for s in rows)
    return subset_search.search(names, blocks, target, terms=terms)


# Both kinds of sum under both rules for missing evidence.
KINDS = [
    {"normalized": normalized, "missing": missing}
    for normalized in (False, True)
    for missing in ("mean", "worst")
]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_exactly_the_plain_result(data):
    """Small whole numbers make ties common; NaN takes evidence away from either side."""
    count = data.draw(st.integers(1, 5))
    queries = data.draw(st.integers(1, 8))
    gallery = queries + data.draw(st.integers(0, 4))
    seed = data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    coarse = data.draw(st.booleans())
    shape = (count, queries, gallery)
    matrices = random.integers(-2, 3, shape) / 2 if coarse else random.normal(size=shape)
    target = random.permutation(gallery)[:queries]
    matrices[:, np.arange(queries), target] += data.draw(st.integers(0, 3))
    matrices[random.random(shape) < data.draw(st.sampled_from([0, 0.2, 0.6]))] = np.nan
    matrices = list(matrices.astype(np.float32))
    for kind in KINDS:
        terms = terms_of(matrices, **kind)
        hits = found(matrices, target, terms, step=data.draw(st.integers(1, 8)))
        expected = plain(matrices, target, **kind)
        for mask in range(1 << count):
            np.testing.assert_array_equal(hits.hits_of(mask), expected[:, mask])
        np.testing.assert_array_equal(hits.counts, expected.sum(0))


@pytest.mark.slow
def test_enough_images_to_use_every_shortcut():
    random = np.random.default_rng(4)
    matrices = []
    for k in range(8):
        left = random.normal(size=(240, 60))
        share = (random.random(240) < 0.5)[:, None] * random.random((240, 1))
        right = left * share + random.normal(size=(240, 60)) * (1 - share)
        unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (left, right)]
        matrices.append((unit[0] @ unit[1].T).astype(np.float32) * (k + 1))
    matrices[3][random.random((240, 240)) < 0.3] = np.nan
    target = np.arange(240)
    for kind in KINDS[::3]:
        expected = plain(matrices, target, **kind).sum(0)
        counts = found(matrices, target, terms_of(matrices, **kind)).counts
        np.testing.assert_array_equal(counts, expected)
        assert expected.max() > expected[1 << np.arange(8)].max() > 0


@pytest.mark.parametrize("seed", range(8))
def test_the_tree_below_many_backbones(seed):
    """Seven and more backbones are decided one by one; here with ties, gaps, strong mates."""
    random = np.random.default_rng(seed)
    count, queries, gallery = 7 + seed % 3, 12, 15 + seed
    shape = (count, queries, gallery)
    matrices = random.integers(-3, 4, shape) / 4 if seed % 2 else random.normal(size=shape)
    target = random.permutation(gallery)[:queries]
    lead = random.choice([0, 0.5, 1, 2], size=(count, queries))
    matrices[:, np.arange(queries), target] += lead
    matrices[random.random(shape) < [0, 0.1, 0.4, 0.8][seed // 2]] = np.nan
    matrices = list(matrices.astype(np.float32))
    for kind in KINDS:
        hits = found(matrices, target, terms_of(matrices, **kind))
        expected = plain(matrices, target, **kind)
        for mask in range(1 << count):
            np.testing.assert_array_equal(hits.hits_of(mask), expected[:, mask])
        assert 0 < expected.sum() < expected.size or seed > 5


def test_a_constant_earns_nothing_and_adds_nothing():
    random = np.random.default_rng(0)
    flat = np.full((30, 30), 0.25, np.float32)
    good = random.normal(size=(30, 30)).astype(np.float32) + 3 * np.eye(30, dtype=np.float32)
    for kind in KINDS:
        counts = found([flat, good], np.arange(30), terms_of([flat, good], **kind)).counts
        assert counts[0b01] == 0
        assert counts[0b10] == counts[0b11] > 0


def test_a_copy_of_the_mate_is_a_tie_for_every_subset():
    random = np.random.default_rng(0)
    matrices = [random.normal(size=(5, 5)).astype(np.float32) for _ in range(4)]
    matrices = [np.c_[m, m[np.arange(5), np.arange(5)]] for m in matrices]
    for kind in KINDS:
        assert found(matrices, np.arange(5), terms_of(matrices, **kind)).counts.sum() == 0


def test_both_sums_in_one_pass_over_the_matrices():
    random = np.random.default_rng(2)
    matrices = [random.normal(size=(20, 20)).astype(np.float32) + k * np.eye(20) for k in range(4)]
    matrices = [m.astype(np.float32) for m in matrices]
    kinds = [terms_of(matrices, normalized=normalized) for normalized in (True, False)]
    once = iter([(0, [m[:9] for m in matrices]), (9, [m[9:] for m in matrices])])
    both = subset_search.search_each([*"abcd"], once, np.arange(20), terms_of_each=kinds)
    for hits, terms in zip(both, kinds, strict=True):
        np.testing.assert_array_equal(hits.packed, found(matrices, np.arange(20), terms).packed)
    assert (both[0].packed != both[1].packed).any()


def test_two_searches_at_once_do_not_end_the_process():
    """Under numba's simplest threading layer, which any machine may have, in a process apart."""
    code = (
        "import threading, numpy as np\n"
        "from simcore.evaluate.combinations import subset_search\n"
        "m = [np.eye(400, dtype=np.float32)] * 8\n"
        "found = []\n"
        "def run():\n"
        "    hits = subset_search.search([*'abcdefgh'], [(0, m)], np.arange(400))\n"
        "    found.append(int(hits.counts.min()) + int(hits.counts.max()))\n"
        "threads = [threading.Thread(target=run) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(found)\n"
    )
    env = os.environ | {"NUMBA_THREADING_LAYER": "workqueue"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert ran.stdout.strip() == "[400, 400, 400, 400]", ran.stderr[-500:]


def test_masks_names_and_parts_of_the_queries():
    random = np.random.default_rng(1)
    matrices = [random.normal(size=(40, 40)).astype(np.float32) for _ in range(3)]
    hits = found(matrices, np.arange(40))
    assert hits.names(0b101) == ("m0", "m2")
    assert hits.mask(["m2", "m0"]) == 0b101
    half = np.arange(0, 40, 2)
    for mask in range(8):
        assert hits.count(half)[mask] == hits.hits_of(mask)[half].sum()


def test_all_combinations_are_there():
    matrices = [np.eye(3, dtype=np.float32)] * 4
    hits = found(matrices, np.arange(3))
    masks = {
        hits.mask(names)
        for size in range(1, 5)
        for names in itertools.combinations(hits.models, size)
    }
    assert masks == set(range(1, 16))
    assert (hits.counts[1:] == 3).all()


def test_bad_input():
    square = np.eye(2, dtype=np.float32)
    with pytest.raises(BadDataError, match="takes 1 to 16 backbones, got 17"):
        found([square] * 17, np.arange(2))
    with pytest.raises(ShapeError, match="Got 1 terms for 2 backbones"):
        found([square] * 2, np.arange(2), [Term()])
    with pytest.raises(ShapeError, match="Pass 2 of the same shape"):
        found([square, np.eye(3, dtype=np.float32)], np.arange(2))


def test_streams_are_joined_by_their_first_rows():
    streams = [[(0, f"{name}0"), (7, f"{name}7")] for name in "ab"]
    joined = list(subset_search.zip_streams([iter(stream) for stream in streams]))
    assert joined == [(0, ["a0", "b0"]), (7, ["a7", "b7"])]


@pytest.mark.parametrize("missing", ["mean", "worst"])
def test_many_backbones_that_know_nothing_of_a_rival(missing):
    """More backbones than a leaf of the tree holds, half of them blind for each image."""
    random = np.random.default_rng(5)
    matrices = random.integers(-2, 3, (8, 6, 6)) / 2 + np.eye(6)
    matrices[random.random(matrices.shape) < 0.5] = np.nan
    target = np.arange(6)
    terms = terms_of(matrices, normalized=True, missing=missing)
    expected = plain(matrices, target, normalized=True, missing=missing)
    hits = found(list(matrices.astype(np.float32)), target, terms)
    table = np.unpackbits(hits.packed, axis=1, count=256, bitorder="little").astype(bool)
    assert (table == expected).all()


def test_a_backbone_that_knows_the_mate_alone_finds_it_and_helps_no_other():
    """All rivals are unknown to it: alone it has none; in a sum they are filled and far ahead."""
    count, gallery = 9, 12
    matrices = np.full((count, 1, gallery), -0.5, np.float32)  # of the others the mate is ahead
    matrices[:, 0, 3] = 0.0
    matrices[0] = np.nan
    matrices[0, 0, 3] = -5.0
    matrices[1:, 0, 0] = -10.0
    hits = found(list(matrices), np.array([3]), [Term()] * count)
    table = np.unpackbits(hits.packed, axis=1, count=1 << count, bitorder="little")[0]
    expected = [mask == 1 or (mask > 0 and mask % 2 == 0) for mask in range(1 << count)]
    assert table.astype(bool).tolist() == expected
