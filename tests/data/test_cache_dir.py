"""TODO tests.data.test_cache_dir."""

import errno
from pathlib import Path

import pytest

from simcore.data import cache_dir
from simcore.errors import SimError


def test_the_cache_is_where_it_is_told_to_be(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir.root() == cache
    assert cache_dir.subfolder("thumbs") == cache / "thumbs"
    assert (cache / "thumbs").is_dir()
    monkeypatch.setenv("SIMCORE_CACHE", "~/some-cache")
    monkeypatch.setenv("HOME", str(cache))
    assert cache_dir.root() == cache / "some-cache"
    monkeypatch.delenv("SIMCORE_CACHE")
    assert cache_dir.root() == Path(cache_dir.__file__).parents[2] / "cache"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "x"), "no room left on the disk of /a; .* is kept"),
        (OSError(errno.EDQUOT, "x"), "no room left"),
        (RuntimeError("lance: IO error: No space left on device (os error 28)"), "no room left"),
        (PermissionError(errno.EACCES, "x"), "found /a closed to writing; expected"),
        (OSError(errno.EROFS, "x"), "closed to writing"),
        (NotADirectoryError(errno.ENOTDIR, "x"), "a file where the folder /a should be"),
    ],
)
def test_a_disk_that_will_not_take_it_is_a_sentence(error: Exception, says: str) -> None:
    with pytest.raises(SimError, match=says):
        raise SimError(cache_dir.disk_error_message(error, Path("/a")))
    if isinstance(error, OSError):
        with pytest.raises(SimError, match=says), cache_dir.disk_errors(Path("/a")):
            raise error


def test_other_errors_pass(tmp_path: Path) -> None:
    for error in (OSError(errno.EIO, "x"), ValueError("y")):
        with pytest.raises(type(error)) as caught, cache_dir.disk_errors(tmp_path):
            raise error
        assert caught.value is error


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.bin"
    cache_dir.write_atomic(target, b"old")
    with pytest.raises(TypeError):
        cache_dir.write_atomic(target, "text")
    assert target.read_bytes() == b"old"
    assert [p.name for p in target.parent.iterdir()] == ["a.bin"]
