"""Image sets: paths on demand, rows by id, and a digest of their content."""

from pathlib import Path

import pytest

from simcore.errors import BadDataError, ShapeError
from simcore.types import ImageSet

IMAGES = ImageSet(
    ids=("a", "b", "c"),
    files=("left/a.png", Path("/elsewhere/b.png"), "/absolute/c.png"),
    keys=("k0", "k1", "k2"),
    root=Path("/images"),
)


def test_relative_files_are_below_the_root_and_others_stay() -> None:
    assert IMAGES.path(0) == Path("/images/left/a.png")
    assert IMAGES.paths == (
        Path("/images/left/a.png"),
        Path("/elsewhere/b.png"),
        Path("/absolute/c.png"),
    )
    assert IMAGES.take([2, 0]).paths == (IMAGES.path(2), IMAGES.path(0))


def test_rows_are_looked_up_by_id() -> None:
    assert [IMAGES.row_of[name] for name in IMAGES.ids] == [0, 1, 2]
    assert IMAGES.take([2, 0]).row_of == {"c": 0, "a": 1}
    assert "d" not in IMAGES.row_of


def test_the_digest_depends_on_keys_and_their_order_only() -> None:
    renamed = ImageSet(("x", "y", "z"), ("x.png", "y.png", "z.png"), IMAGES.keys)
    assert renamed.digest == IMAGES.digest
    assert IMAGES.take([1, 0, 2]).digest != IMAGES.digest
    assert IMAGES.take([0, 1]).digest != IMAGES.digest


def test_sets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="got 2 ids, 1 files and 2 keys"):
        ImageSet(("a", "b"), ("a.png",), ("k0", "k1"))
    with pytest.raises(BadDataError, match="'a' occurs twice"):
        ImageSet(("a", "a"), ("a.png", "b.png"), ("k0", "k1"))
    with pytest.raises(BadDataError, match="trim must be 0 px or more"):
        ImageSet(("a",), ("a.png",), ("k0",), trim=-1)
