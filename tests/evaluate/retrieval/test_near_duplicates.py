"""Near-duplicates and the subsets of rosenfeld2018, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from simcore import memory
from simcore.errors import BadDataError, Stopped
from simcore.evaluate.retrieval import near_duplicates
from simcore.types import Features, Monitor


def face_rows(counts):
    index = np.repeat(np.arange(len(counts)), counts)
    return Features("face", index, np.zeros((len(index), 2)), len(counts))


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
    keep = near_duplicates.tllobj_paper(
        left, right, face_rows([0, 1, 2, 0]), face_rows([0, 0, 0, 1])
    )
    assert keep.tolist() == [True, False, True, False], "two faces stay in, one face goes"
    # Without a face the nearest "face" is in row 0, but for the image in row 0 itself.
    no_faces = face_rows([0, 0, 0, 0])
    keep = near_duplicates.tlld_paper(left, right, no_faces, no_faces)
    assert keep.tolist() == [True, False, False, False]


@pytest.mark.parametrize("compute", [near_duplicates.tlld_paper, near_duplicates.tllobj_paper])
def test_the_papers_protocol_reports_its_progress_and_stops(compute, monkeypatch):
    monkeypatch.setattr(near_duplicates.metrics, "block_rows", lambda _: 2)  # of six images
    sides = unit(*range(6)), unit(*range(6, 12)), *[face_rows([1] * 6)] * 2
    shares = []
    monitor = Monitor(lambda progress: shares.append(progress.share))
    keep = compute(*sides, monitor=monitor)
    assert len(shares) >= 6
    assert shares == sorted(set(shares)), "it only grows"
    assert keep.tolist() == compute(*sides).tolist()
    memory.clear()
    reports = len(shares) + 2
    with pytest.raises(Stopped):
        compute(*sides, monitor=replace(monitor, stop=lambda: len(shares) >= reports))
    assert len(shares) == reports


def notebook_tlld(left, right, faces_left, faces_right):
    """(N,) bool: the authors' notebook, cells 14 to 32, line by line.

    Args:
        left, right: (N, D) generic features. faces_left, faces_right: N lists of descriptors.
    """
    count = len(left)

    def face_distances(one, other):
        distances = 10**9 * np.ones((count, count), dtype=np.float32)
        for i in range(count):
            for j in range(count):
                if len(one[i]) and len(other[j]):
                    distances[i, j] = cdist(one[i], other[j]).ravel().min()
        return distances

    dists_left = (cdist(left, left, "cosine") + np.eye(count) * 100).min(1)
    dists_right = (cdist(right, right, "cosine") + np.eye(count) * 100).min(1)
    is_dup_left, is_dup_right = dists_left <= 0.1, dists_right <= 0.1
    cross_dists = (cdist(left, right, "cosine") + 100 * np.eye(count)).min(1)
    cross_face_dists = (face_distances(faces_left, faces_right) + 100 * np.eye(count)).min(1)
    mins_face_left = (face_distances(faces_left, faces_left) + np.eye(count) * 100).argmin(1)
    mins_face_right = (face_distances(faces_right, faces_right) + np.eye(count) * 100).argmin(1)
    face_dups = np.logical_or(mins_face_left <= 0.4, mins_face_right <= 0.4)
    return ~(
        is_dup_left | is_dup_right | (cross_dists <= 0.15) | (cross_face_dists <= 0.4) | face_dups
    )


@pytest.mark.parametrize("seed", range(12))
def test_tlld_as_the_notebook_computes_it(seed):
    random = np.random.default_rng(seed)
    count = 30
    generic = [random.normal(size=(count, 6)) for _ in range(2)]
    generic[1][3] = generic[0][7]  # a near-duplicate across the sides drops row 7 only
    faces = [
        [random.normal(size=(size, 4)) * 0.6 for size in random.choice(3, count, p=[0.2, 0.6, 0.2])]
        for _ in range(2)
    ]
    expected = notebook_tlld(*generic, *faces)
    sides = [Features("net", np.arange(count), values, count) for values in generic]
    for rows in faces:
        index = np.repeat(np.arange(count), [len(row) for row in rows])
        sides.append(Features("face", index, np.concatenate(rows), count))
    keep = near_duplicates.tlld_paper(*sides)
    np.testing.assert_array_equal(keep, expected)
    assert 0 < keep.sum() < count
    face_on_both = np.array([len(a) > 0 and len(b) > 0 for a, b in zip(*faces, strict=True)])
    assert face_on_both[1:][keep[1:]].all()


def test_faces_are_compared_by_euclidean_distance():
    one = Features("face", [0, 1], np.array([[0.0, 0.0], [0.3, 0.0]]), 3)
    other = Features("face", [2], np.array([[0.0, 0.6]]), 3)
    found = near_duplicates.find(one, other, within=0.5, across=0.5, metric="l2")
    assert [(t.side, t.row, t.other_side, t.other) for t in found] == [("left", 0, "left", 1)]
    assert found[0].distance == pytest.approx(0.3)


def test_more_near_duplicates_than_make_sense_are_an_error(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MAX_DUPLICATES", 2)
    same = unit(*[0.0] * 4)
    with pytest.raises(BadDataError, match="more than 2 near-duplicates among 4 images"):
        near_duplicates.find(same, same, within=0.01, across=0.01)
    # Of 50,000 equal images the objects alone would fill the memory.
    monkeypatch.setattr(near_duplicates, "NearDuplicate", None)
    with pytest.raises(BadDataError, match="more than 2 near-duplicates"):
        near_duplicates.find(same, same, within=0.01, across=0.01)


def quarters(*rows):
    """Vectors of length 4, so that cosines are exact multiples of 1/16."""
    return Features("x", np.arange(len(rows)), np.array(rows, float), len(rows))


def test_a_distance_equal_to_the_threshold_is_a_near_duplicate(monkeypatch):
    """Cosine distances of exactly 0.5, within the left side and across the sides."""
    left = quarters([2, 2, 2, 2], [0, 0, 0, 4], [-4, 0, 0, 0])
    right = quarters([-2, -2, 2, -2], [2, -2, -2, -2], [0, 0, -4, 0])
    assert near_duplicates.find(left, right, within=0.5, across=0.5)[0].distance == 0.5
    assert near_duplicates.find(left, right, within=0.4999, across=0.4999) == []
    faces = Features("face", np.arange(1, 3), np.eye(2) * 9, 3)
    no_rule = {"face_left": faces, "face_right": faces}
    monkeypatch.setattr(near_duplicates, "FACES_NOTEBOOK", -1.0)
    for within, across in ((0.5, -1.0), (-1.0, 0.5), (0.4999, 0.4999)):
        monkeypatch.setattr(near_duplicates, "WITHIN", within)
        monkeypatch.setattr(near_duplicates, "ACROSS", across)
        memory.clear()
        keep = near_duplicates.tlld_paper(left, right, **no_rule)
        generic = [1 - a @ b / 16 for a in left.values for b in left.values]
        sides = [np.array(generic).reshape(3, 3)]
        sides.append(1 - right.values @ right.values.T / 16)
        cross = 1 - left.values @ right.values.T / 16
        np.fill_diagonal(cross, 9)
        for side in sides:
            np.fill_diagonal(side, 9)
        dropped = (np.minimum(*sides).min(1) <= within) | (cross.min(1) <= across)
        assert keep.tolist() == (~dropped).tolist()
    assert keep.all()


def brute_force_groups(distance, certain, limit):
    """Complete linkage of single-linkage groups, over all partitions in plain loops.

    Args:
        distance: (N, N) symmetric, of pairs.
    """
    parts = [{row} for row in range(len(distance))]

    def merge(a, b):
        parts.remove(b)
        a |= b

    def close(a, b, choose):
        return choose(distance[i, j] for i in a for j in b)

    for choose, most in ((min, certain), (max, limit)):
        while True:
            near = [
                (close(a, b, choose), n, m)
                for n, a in enumerate(parts)
                for m, b in enumerate(parts)
                if n < m and close(a, b, choose) <= most
            ]
            if not near:
                break
            _, n, m = min(near)
            merge(parts[n], parts[m])
    return {frozenset(part) for part in parts}


@pytest.mark.parametrize("seed", range(12))
def test_split_groups_are_complete_linkage_above_the_copies(seed):
    rng = np.random.default_rng(seed)
    points = rng.random((14, 2))
    distance = cdist(points, points)
    found = [
        near_duplicates.NearDuplicate("left", i, "left", j, distance[i, j])
        for i in range(14)
        for j in range(i + 1, 14)
        if distance[i, j] <= 0.6
    ]
    labels = near_duplicates.split_groups(found, 14, certain=0.12, limit=0.4)
    ours = {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels}
    assert ours == brute_force_groups(distance, 0.12, 0.4)


def test_split_groups_without_copies_are_scipys():
    from scipy.cluster.hierarchy import fcluster, linkage

    points = np.random.default_rng(0).random((60, 3))
    distance = cdist(points, points)
    found = [
        near_duplicates.NearDuplicate("left", i, "right", j, distance[i, j])
        for i in range(60)
        for j in range(i + 1, 60)
    ]
    labels = near_duplicates.split_groups(found, 60, certain=0.0, limit=0.5)
    expected = fcluster(linkage(points, "complete"), 0.5, "distance")
    assert 4 < len(set(labels.tolist())) < 60
    np.testing.assert_array_equal(labels[:, None] == labels, expected[:, None] == expected)


def test_likeness_is_not_chained_to_one_group_but_copies_are():
    """Twenty pairs in a row, each near its neighbors only."""
    row = [near_duplicates.NearDuplicate("left", n, "left", n + 1, 0.08) for n in range(19)]
    assert len(set(near_duplicates.groups(row, 20))) == 1
    labels = near_duplicates.split_groups(row, 20, certain=0.05, limit=0.1)
    assert np.bincount(labels).max() == 2
    copies = [replace(each, distance=0.0) for each in row]
    assert not near_duplicates.split_groups(copies, 20, certain=0.05, limit=0.1).any()


def test_thresholds_find_planted_copies_and_hardly_anything_else():
    """300 unrelated pairs, and copies of 15 of them; the scale of the features does not matter."""
    random = np.random.default_rng(0)
    for spread in (0.3, 1.0):  # all images alike to some degree, as under real networks, or not
        left, right = (1 + spread * random.standard_normal((2, 300, 64))).astype(np.float32)
        left[285:] = left[:15] + 0.02 * spread * random.standard_normal((15, 64))
        sides = [Features("x", np.arange(300), values, 300) for values in (left, right)]
        limits = near_duplicates.thresholds(*sides)
        found = near_duplicates.find(*sides, within=limits.within, across=limits.across)
        planted = {("left", row, "left", row + 285) for row in range(15)}
        identities = set(map(near_duplicates.identity, found))
        assert planted <= identities
        assert len(identities - planted) <= 6
        distances = cdist(left, left, "cosine") + 9 * np.eye(300)
        others = cdist(right, right, "cosine") + 9 * np.eye(300)
        logs = np.log(np.concatenate([distances.min(1), others.min(1)]))
        deviation = 1.4826 * np.median(np.abs(logs - np.median(logs)))
        assert limits.within == pytest.approx(np.exp(np.median(logs) - 3 * deviation), rel=1e-2)


def test_too_few_images_have_no_thresholds():
    side = unit(0.0, 1.0, 2.0)
    assert near_duplicates.thresholds(side, side) == near_duplicates.Thresholds(0, 0)


def test_images_exactly_as_near_as_copies_are_are_copies():
    """Copies are chained: 0 and 2 share a group though nothing connects them directly."""
    chain = [near_duplicates.NearDuplicate("left", n, "left", n + 1, 0.05) for n in (0, 1)]
    groups = near_duplicates.split_groups(chain, 3, certain=0.05, limit=0.1)
    assert groups.tolist() == [0, 0, 0]


def test_what_several_subsets_share_cannot_be_written_to():
    left, right, faces = unit(0.0, 1.0), unit(2.0, 3.0), face_rows([1, 1])
    near_duplicates.tlld_paper(left, right, faces, faces)
    shared = memory.get(("near-duplicates within sides", left.digest, right.digest), pytest.fail)
    assert not shared.flags.writeable


def test_groups_are_the_connected_components():
    """Against scipy, on random graphs with chains and circles."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    random = np.random.default_rng(6)
    for count, links in ((1, 0), (30, 12), (200, 150), (200, 400)):
        ends = random.integers(0, count, (links, 2))
        found = [
            near_duplicates.NearDuplicate("left", int(a), "right", int(b), 0.1) for a, b in ends
        ]
        graph = coo_array((np.ones(links), (ends[:, 0], ends[:, 1])), shape=(count, count))
        expected = connected_components(graph, directed=False)[1]
        assert near_duplicates.groups(found, count).tolist() == expected.tolist()
