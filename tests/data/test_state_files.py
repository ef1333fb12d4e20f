"""Files of the program's own state: damaged in every way, read by one reader."""

import json
import os
import struct
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from simcore.data import cache_dir, state_files
from simcore.errors import DamagedFileError, SimError

ROOT = Path(__file__).parents[2]
DAMAGE = [
    b"",
    b"\0" * 100,
    b"{",
    b"[]",
    b"null",
    b'{"a": 1',
    b"[" * 100_000,
    b"\xff\xfe\x00",
    b'{"a": "text"}',
    b"1e999",
    b"9" * 5000,
    b"PK\x03\x04 no zip",
]


@pytest.mark.parametrize("content", DAMAGE)
def test_damage_is_refused_or_set_aside(tmp_path, content, caplog):
    path = tmp_path / "a.json"

    def parse(document):
        return int(document["a"])

    for read in (state_files.read_json, state_files.read_arrays):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"a\.json is damaged .*backup"):
            read(path, parse)
        assert path.read_bytes() == content, "people's answers are not touched"
        caplog.clear()
        assert read(path, parse, rebuild=True) is None
        assert "is made again" in caplog.text
        assert not path.exists()
        assert state_files.damaged_copies(tmp_path) == [tmp_path / "a.json.damaged"]
        assert read(path, parse, rebuild=True) is None, "absent"


def test_what_was_written_is_read(tmp_path):
    state_files.write_json(tmp_path / "a", {"x": [1, 2]})
    assert state_files.read_json(tmp_path / "a", lambda document: document["x"]) == [1, 2]
    state_files.write_arrays(tmp_path / "b", {"x": np.arange(3)})
    values = state_files.read_arrays(tmp_path / "b", lambda arrays: arrays["x"])
    assert values.tolist() == [0, 1, 2]


def test_a_cut_array_file_is_damaged_wherever_it_is_cut(tmp_path):
    path = tmp_path / "a.npz"
    state_files.write_arrays(path, {"x": np.arange(50.0), "y": np.ones((3, 4))})
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(DamagedFileError):
            state_files.read_arrays(path, lambda arrays: arrays["x"])


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFileError, match="no file"):
        state_files.read_json(tmp_path / "pipe", lambda document: document)


def test_a_file_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """A power failure keeps what was flushed; the name must not come before the content."""
    steps = []
    monkeypatch.setattr(
        cache_dir, "flush", lambda path: steps.append((path.name[:5], target.exists()))
    )
    target = tmp_path / "a.json"
    state_files.write_json(target, [1])
    assert steps == [(".new-", False), (tmp_path.name[:5], True)]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs two users")
def test_two_users_share_a_cache_whatever_their_umask(tmp_path, cache):
    """The folder's permissions decide: a group may use it, another umask changes nothing."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o055)
    cache.mkdir()
    os.chown(cache, 12345, 12300)
    cache.chmod(0o2770)
    path = cache / "maps" / "deep" / "a.json"
    for user, expected in ((12345, None), (12346, [12345]), (12345, [12346])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries of earlier tests warn of forks
            child = os.fork()  # a new interpreter may be out of another user's reach
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(12300)
                os.setuid(user)
                os.umask(0o077)
                assert cache_dir.subfolder("maps") == cache / "maps"
                assert state_files.read_json(path, list) == expected
                state_files.write_json(path, [user])
                os._exit(0)
            except BaseException as error:
                sys.stderr.write(f"{error!r}\n")
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_private_cache_stays_private_and_nothing_is_written_by_everybody(tmp_path, monkeypatch):
    for mode, expected in ((0o700, 0o600), (0o777, 0o664)):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        folder.chmod(mode)
        monkeypatch.setenv("SIMCORE_CACHE", str(folder))
        before = os.umask(0o077)
        try:
            state_files.write_json(folder / "a.json", 1)
        finally:
            os.umask(before)
        assert (folder / "a.json").stat().st_mode & 0o777 == expected


def test_killed_writers_never_leave_half_a_file(tmp_path):
    path = tmp_path / "a.json"
    code = (
        "import sys; from pathlib import Path; from simcore.data import state_files\n"
        "while True:\n"
        "    for n in range(9):\n"
        "        state_files.write_json(Path(sys.argv[1]), [n] * 20_000)"
    )
    for delay in (0.35, 0.4, 0.45):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT)
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(delay / 4)
        process.kill()
        process.wait()
        content = json.loads(path.read_text())
        assert len(content) == 20_000
        assert len(set(content)) == 1


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_dir, "flush", fail)
    (tmp_path / "a.json").write_text("[0]")
    with pytest.raises(SimError, match="No space left"):
        state_files.write_json(tmp_path / "a.json", [1])
    assert (tmp_path / "a.json").read_text() == "[0]"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_an_array_that_declares_more_than_it_has_is_damaged(tmp_path):
    """NumPy would reserve the memory that a header asks for."""
    path = tmp_path / "a.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(DamagedFileError, match="declares the shape"):
        state_files.read_arrays(path, dict)


def test_content_from_elsewhere_is_damaged_in_the_same_words():
    assert state_files.parse_json(b'{"a": 1}', dict, "s3://bucket/a.json") == {"a": 1}
    for content in DAMAGE[:3] + DAMAGE[4:8]:
        with pytest.raises(DamagedFileError, match=r"^s3://bucket/a\.json is damaged .*backup"):
            state_files.parse_json(content, dict, "s3://bucket/a.json")
