"""Votes are matched to pairs by id, by number, or in order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.data.collections import collection_catalog
from simcore.errors import BadDataError
from simcore.types import Collection
from tests.data.collections.conftest import reasons, table

Draw = Callable[..., Image.Image]


def voted(pairs: Path, *lines: str) -> Collection:
    name = f"v{len(collection_catalog.names())}"
    votes = table(pairs.parent / f"{name}.csv", *lines)
    found = collection_catalog.add("tll", pairs, name=name, votes=votes)
    reopened = collection_catalog.open(name)
    assert found.votes is not None
    assert np.array_equal(found.votes, reopened.votes)
    return found


def test_votes_by_id(pairs_folder: Path) -> None:
    lines = ["f,1,2", "a,3,4", "c,5,6", "zz,7,8", "a,9,9", "d,x,1", "e,1,-1"]
    found = voted(pairs_folder, "id,wins,fails", *lines)
    assert found.votes is not None
    assert found.votes.tolist() == [[3, 4], [0, 0], [5, 6], [0, 0], [0, 0], [1, 2]]
    skipped = reasons(found)
    assert skipped["votes of b"].startswith("v0.csv has no line for it")
    assert any(
        name.endswith("zz") and "no pair of that id" in reason for name, reason in skipped.items()
    )
    assert any(
        name.endswith(": a") and "occurs twice" in reason for name, reason in skipped.items()
    )
    assert any("'x' wins" in reason for reason in skipped.values())


def test_votes_in_order(pairs_folder: Path) -> None:
    found = voted(pairs_folder, "wins,id,fails", *(f"{i},{100 - i},0" for i in range(6)))
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [5, 4, 3, 2, 1, 0]
    with pytest.raises(BadDataError, match=r"has 5 votes for 6 pairs, and no id in common"):
        voted(pairs_folder, "id,wins,fails", *(f"{i},1,1" for i in range(5)))


def test_votes_for_numbered_pairs_stay_with_their_number(pages: Path) -> None:
    """The official form: 00000.jpg is the first of the votes sorted by id, even if one is gone."""
    (pages / "Images" / "00001.png").unlink()
    found = voted(pages, "id,wins,fails", "9,30,0", "5,10,0", "7,20,0")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [10, 30]


def test_votes_keep_their_pairs_when_an_image_is_bad(pairs_folder: Path) -> None:
    (pairs_folder / "left" / "b.png").write_bytes(b"")
    found = voted(pairs_folder, "id,wins,fails", *(f"{i},{i},0" for i in range(6)))
    assert found.left.ids == tuple("acdef")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [0, 2, 3, 4, 5]


def test_votes_without_a_column(pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match=r"has no column fails; its columns are id, wins"):
        voted(pairs_folder, "id,wins", "a,1")
    with pytest.raises(BadDataError, match=r"absent\.csv cannot be read"):
        collection_catalog.add("tll", pairs_folder, name="v", votes=pairs_folder / "absent.csv")
