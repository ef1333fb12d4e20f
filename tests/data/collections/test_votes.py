"""Votes are matched to pairs by id or by number, and in order only where there are no ids."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.data.collections import collection_catalog, votes
from simcore.errors import BadDataError
from simcore.types import Collection
from tests.data.collections.conftest import reasons, table

Draw = Callable[..., Image.Image]


def voted(pairs: Path, *lines: str) -> Collection:
    name = f"v{len(collection_catalog.names())}"
    lines_file = table(pairs.parent / f"{name}.csv", *lines)
    found = collection_catalog.add("tll", pairs, name=name, votes=lines_file)
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


def test_votes_go_by_order_only_without_ids(pairs_folder: Path) -> None:
    found = voted(pairs_folder, "wins,fails", *(f"{i},0" for i in range(6)))
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(BadDataError, match=r"no column id and 5 lines for 6 pairs"):
        voted(pairs_folder, "wins,fails", *("1,1" for _ in range(5)))
    with pytest.raises(BadDataError, match=r"has 6 votes for 6 pairs, and no id in common"):
        voted(pairs_folder, "id,wins,fails", *(f"{i},1,1" for i in range(6)))


def test_official_votes_stay_with_their_number(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official form: 00000.jpg is the first of the votes sorted by id, even if one is gone."""
    monkeypatch.setattr(votes, "OFFICIAL_LINES", 3)
    (pages / "Images" / "00001.png").unlink()
    found = voted(pages, "id,wins,fails", "9,30,0", "5,10,0", "7,20,0")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [10, 30]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["0", "1", "3", "4", "5", "6"], [10, 11, 0, 12, 13, 14]),  # a spreadsheet dropped zeros
        (["00000.png", "00001.PNG", "00003.jpg"], [10, 11, 0, 12, 0, 0]),
        (["00000", "1", "2.0", "00003.png"], [10, 11, 12, 13, 0, 0]),
        (["5", "3", "0"], [12, 0, 0, 11, 0, 10]),
    ],
)
def test_numbered_votes_are_matched_by_value_never_by_position(
    tmp_path: Path, draw: Draw, ids: list[str], expected: list[int]
) -> None:
    for side in ("left", "right"):
        (tmp_path / "p" / side).mkdir(parents=True)
        for number in range(6):
            draw(number, 20, 20).save(tmp_path / "p" / side / f"{number:05}.png")
    lines = [f"{name},{10 + k}.0,0" for k, name in enumerate(ids)]
    found = voted(tmp_path / "p", "id,wins,fails", *lines)
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == expected
    unmatched = {name for name in reasons(found) if name.startswith("votes of")}
    assert len(unmatched) == expected.count(0)


def test_ambiguous_votes_are_refused_and_huge_ones_left_out(pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match=r"a\.jpg and a\.png in .* may belong to a\. Use"):
        voted(pairs_folder, "id,wins,fails", "a.png,1,0", "a.jpg,2,0", "b,3,0")
    found = voted(pairs_folder, "id,wins,fails", f"a,{10**30},0", "b,1.5,0", "c,1,inf", "d,4,0")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [0, 0, 0, 4, 0, 0]
    assert sum("two whole numbers" in reason for reason in reasons(found).values()) == 3


def test_votes_keep_their_pairs_when_an_image_is_bad(pairs_folder: Path) -> None:
    (pairs_folder / "left" / "b.png").write_bytes(b"")
    found = voted(
        pairs_folder, "id,wins,fails", *(f"{name},{i},0" for i, name in enumerate("abcdef"))
    )
    assert found.left.ids == tuple("acdef")
    assert found.votes is not None
    assert found.votes[:, 0].tolist() == [0, 2, 3, 4, 5]


def test_votes_without_a_column(pairs_folder: Path) -> None:
    with pytest.raises(BadDataError, match=r"has no column fails; its columns are id, wins"):
        voted(pairs_folder, "id,wins", "a,1")
    with pytest.raises(BadDataError, match=r"absent\.csv cannot be read"):
        collection_catalog.add("tll", pairs_folder, name="v", votes=pairs_folder / "absent.csv")
