"""Results on disk: read by another process, never an old or a damaged one, limited in bytes."""

import os
import shutil

import numpy as np
import pytest

from simcore.data import result_cache
from simcore.errors import BadDataError


def never():
    raise AssertionError("computed again")


def test_a_result_is_computed_once(cache):
    values = {"ranks": np.arange(3)}
    assert result_cache.get("ranks", ("a", 1), lambda: values) is values
    again = result_cache.get("ranks", ("a", 1), never)
    assert again["ranks"].tolist() == [0, 1, 2]
    assert set(again) == {"ranks"}
    assert not again["ranks"].flags.writeable
    assert result_cache.read("ranks", ("a", 2)) is None
    assert result_cache.read("curves", ("a", 1)) is None


def test_an_error_is_passed_on_and_nothing_is_stored(cache):
    def fail():
        raise BadDataError("no")

    with pytest.raises(BadDataError):
        result_cache.get("ranks", "key", fail)
    assert result_cache.read("ranks", "key") is None


def test_other_code_has_other_results(cache, monkeypatch):
    result_cache.write("ranks", "key", {"ranks": np.arange(3)})
    monkeypatch.setattr(result_cache, "_code_digest", lambda: "another")
    assert result_cache.read("ranks", "key") is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"not a zip"])
def test_a_damaged_file_is_computed_again(cache, damage):
    result_cache.write("ranks", "key", {"ranks": np.arange(3)})
    (file,) = (cache / "results").glob("ranks-*.npz")
    file.write_bytes(damage)
    assert result_cache.get("ranks", "key", lambda: {"ranks": np.ones(2)})["ranks"].sum() == 2
    assert result_cache.get("ranks", "key", never)["ranks"].sum() == 2


def test_a_file_in_the_place_of_another_is_not_read(cache):
    for key in ("a", "b"):
        result_cache.write("ranks", key, {"ranks": np.array([ord(key)])})
    first, second = sorted((cache / "results").glob("ranks-*.npz"))
    shutil.copy(first, second)
    values = [result_cache.read("ranks", key) for key in ("a", "b")]
    assert [v is None for v in values].count(True) == 1


def test_a_read_only_cache_is_no_error(cache, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(result_cache.state_files.cache_dir, "flush", refuse)
    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    assert result_cache.get("ranks", "key", lambda: {"ranks": np.ones(2)})["ranks"].sum() == 2
    assert result_cache.read("ranks", "key") is None


def test_the_least_recently_used_go_first(cache):
    for number in range(4):
        result_cache.write("ranks", number, {"ranks": np.arange(9)})
    files = sorted((cache / "results").iterdir())
    for age, file in enumerate(files):
        os.utime(file, (1_000_000 - age, 1_000_000 - age))
    assert result_cache.prune(2 * files[0].stat().st_size + 9) == 2
    assert sorted((cache / "results").iterdir()) == files[:2]
    assert result_cache.prune() == 0


def test_copies_are_read_instead_of_the_original_and_survive_damage(cache):
    original = {"values": np.arange(12, dtype=np.float32).reshape(3, 4)}
    reads = []

    def read():
        reads.append(1)
        return original

    for _ in range(2):
        arrays = result_cache.copy("features", ("key", 1), read)
        np.testing.assert_array_equal(arrays["values"], original["values"])
    assert len(reads) == 1
    (file,) = (cache / "copies").glob("*")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    arrays = result_cache.copy("features", ("key", 1), read)
    np.testing.assert_array_equal(arrays["values"], original["values"])
    assert len(reads) == 2
    file.write_bytes(file.read_bytes().replace(b'"F32"', b'"F16"'))  # no type that copies have
    arrays = result_cache.copy("features", ("key", 1), read)
    np.testing.assert_array_equal(arrays["values"], original["values"])
    assert len(reads) == 3
    result_cache.copy("features", ("key", 2), read)  # another state of the table
    assert len(reads) == 4


def test_copies_have_a_limit_of_their_own(cache, monkeypatch):
    monkeypatch.setattr(result_cache, "COPY_BYTES", 10_000)
    monkeypatch.setattr(result_cache, "COPY_SHARE", 0)
    for number in range(4):
        values = np.full(1_000, number, np.float32)
        result_cache.copy("features", number, lambda values=values: {"values": values})
    result_cache.write("ranks", "key", {"ranks": np.arange(3)})
    assert len(list((cache / "copies").glob("*"))) == 2
    assert result_cache.prune() == 0
    assert result_cache.read("ranks", "key") is not None


def test_copies_may_take_a_share_of_a_large_disk(cache, monkeypatch):
    """Five backbones of 100,000 pairs are more than 4 GiB: each visit copied them again."""
    copied = result_cache.copy("features", 1, lambda: {"values": np.zeros(1_000, np.float32)})
    (file,) = (cache / "copies").glob("*")
    usage = shutil.disk_usage(cache)
    for free, most in ((100 << 30, 25 << 30), (1 << 30, 4 << 30)):
        disk = usage._replace(free=free - file.stat().st_size)
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder, disk=disk: disk)
        assert result_cache.max_copy_bytes() == most
    assert copied["values"].size == 1_000
