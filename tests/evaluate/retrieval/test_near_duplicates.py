"""Near-duplicates and the subsets of rosenfeld2018, by hand."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.retrieval import near_duplicates
from simcore.types import Features


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
    no_faces = face_rows([0, 0, 0, 0])
    keep = near_duplicates.tllobj_paper(
        left, right, face_rows([0, 1, 2, 0]), face_rows([0, 0, 0, 1])
    )
    assert keep.tolist() == [True, False, True, False], "two faces stay in, one face goes"
    assert near_duplicates.tlld_paper(left, right, no_faces, no_faces).all()
    # The position of the nearest face counts, not its distance: only who is nearest to the first.
    far = Features("face", [1, 2, 3], np.array([[0.0, 0], [9, 0], [50, 0]]), 4)
    first = Features("face", [0, 1, 2], np.array([[0.0, 0], [30, 0], [31, 0]]), 4)
    for faces in (far, first):
        assert near_duplicates.tlld_paper(left, right, faces, no_faces).all()
        assert near_duplicates.tlld_paper(left, right, no_faces, faces).all()
    near = Features("face", [0, 1, 2], np.array([[0.0, 0], [30, 0], [90, 0]]), 4)
    keep = near_duplicates.tlld_paper(left, right, near, no_faces)
    assert keep.tolist() == [True, False, True, True]
    keep = near_duplicates.tlld_paper(left, right, no_faces, near)
    assert keep.tolist() == [True, False, True, True]


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
