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
    assert found.table.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert found.histogram.tolist() == [3 / 8, 2 / 8, 1 / 8, 2 / 8]
    assert found.agreement == pytest.approx(2 / 3)
    assert found.objects.tolist() == [True, False, False, False]
    assert found.faces.tolist() == [False, True, False, True]
