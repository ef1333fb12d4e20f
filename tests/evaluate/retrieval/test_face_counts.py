"""Faces per image and agreement within pairs, by hand."""

import numpy as np
import pytest

from simcore.evaluate.retrieval import face_counts
from simcore.types import Features


def face_rows(counts):
    index = np.repeat(np.arange(len(counts)), counts)
    return Features("face", index, np.zeros((len(index), 2)), len(counts))


def test_face_counts():
    found = face_counts.count(face_rows([0, 1, 2, 5]), face_rows([0, 1, 0, 3]))
    expected = np.zeros((5, 5), int)
    expected[[0, 1, 2, 4], [0, 1, 0, 3]] = 1  # five faces are "4 or more"; three have their own bin
    assert found.table.tolist() == expected.tolist()
    assert found.histogram.tolist() == [3 / 8, 2 / 8, 1 / 8, 1 / 8, 1 / 8]
    assert len(face_counts.LABELS) == 5
    assert found.agreement == pytest.approx(2 / 3)
    assert found.objects.tolist() == [True, False, False, False]
    assert found.faces.tolist() == [False, True, False, True]


def test_no_pair_has_faces_where_there_are_none():
    """0 faces are no face: `both` and `neither` are not decided by >= 0."""
    found = face_counts.count(face_rows([0, 0, 1, 2]), face_rows([0, 1, 0, 1]))
    assert found.faces.tolist() == [False, False, False, True]
    assert found.objects.tolist() == [True, False, False, False]
    assert found.agreement == 0.5, "of two left images with a face, one right image has one"
    nothing = face_counts.count(face_rows([0, 0]), face_rows([1, 0]))
    assert not nothing.faces.any()
    assert np.isnan(nothing.agreement)
