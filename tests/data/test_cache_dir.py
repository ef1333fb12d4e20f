"""The cache folder, disk errors as sentences, and files written in one step."""

import errno
from pathlib import Path

import pytest

from simcore.data import cache_dir
from simcore.errors import SimError


def test_the_environment_sets_the_cache_folder(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_dir.root() == cache
    assert cache_dir.subfolder("thumbs") == cache / "thumbs"
    assert (cache / "thumbs").is_dir()
    monkeypatch.setenv("SIMCORE_CACHE", "~/some-cache")
    monkeypatch.setenv("HOME", str(cache))
    assert cache_dir.root() == cache / "some-cache"
    monkeypatch.delenv("SIMCORE_CACHE")
    assert cache_dir.root() == Path(cache_dir.__file__).parents[2] / "cache"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "x"), r"No space left on the disk of /a\. .* is kept"),
        (OSError(errno.EDQUOT, "x"), "No space left"),
        (RuntimeError("lance: IO error: No space left on device (os error 28)"), "No space left"),
        (PermissionError(errno.EACCES, "x"), r"/a is not writable\. Change"),
        (OSError(errno.EROFS, "x"), "is not writable"),
        (NotADirectoryError(errno.ENOTDIR, "x"), "/a should be a folder, but a file has that name"),
    ],
)
def test_disk_errors_become_sentences(error: Exception, message: str) -> None:
    with pytest.raises(SimError, match=message):
        raise SimError(cache_dir.disk_error_message(error, Path("/a")))
    if isinstance(error, OSError):
        with pytest.raises(SimError, match=message), cache_dir.disk_errors(Path("/a")):
            raise error


def test_other_errors_pass(tmp_path: Path) -> None:
    for error in (OSError(errno.EIO, "x"), ValueError("y")):
        with pytest.raises(type(error)) as caught, cache_dir.disk_errors(tmp_path):
            raise error
        assert caught.value is error


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.bin"
    cache_dir.write_atomic(target, b"old")
    with pytest.raises(TypeError):
        cache_dir.write_atomic(target, "text")
    assert target.read_bytes() == b"old"

    def write_half(draft: Path) -> None:
        draft.write_bytes(b"half")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"), cache_dir.atomic_path(target) as draft:
        write_half(draft)
    assert target.read_bytes() == b"old"
    assert [p.name for p in target.parent.iterdir()] == ["a.bin"]
