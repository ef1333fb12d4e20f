"""Archives are extracted inside one folder within limits, or refused as a whole."""

import stat
import struct
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.data.fetch import archives
from simcore.errors import BadDataError


def pack(path: Path, entries: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, body in entries.items():
            file.writestr(name, body)
    return path


def outside(tmp_path: Path) -> set[str]:
    return {p.name for p in tmp_path.iterdir()}


def test_only_images_and_tables_are_extracted(tmp_path: Path) -> None:
    source = pack(
        tmp_path / "a.zip",
        {
            "left/a.PNG": b"1",
            "train.csv": b"2",
            "run.sh": b"3",
            ".hidden/b.png": b"4",
            "__MACOSX/left/a.png": b"5",
            "deep/er/c.jpeg": b"6",
        },
    )
    folder = tmp_path / "out"
    assert archives.extract(source, folder).count == 3
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert files == {"left/a.PNG": b"1", "train.csv": b"2", "deep/er/c.jpeg": b"6"}


@pytest.mark.parametrize(
    "name", ["../a.png", "left/../../a.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "C:/a.png"]
)
def test_a_path_that_leads_outside_refuses_the_zip(tmp_path: Path, name: str) -> None:
    source = pack(tmp_path / "a.zip", {"left/good.png": b"1", name: b"2"})
    with pytest.raises(BadDataError, match=r"The path .* in a\.zip leads out of the archive"):
        archives.extract(source, tmp_path / "out")
    assert outside(tmp_path) == {"a.zip"}


def test_a_link_refuses_the_zip(tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    entry = zipfile.ZipInfo("left/a.png")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(source, "w") as file:
        file.writestr(entry, "/etc/passwd")
    with pytest.raises(BadDataError, match=r"'left/a\.png' in a\.zip is a link"):
        archives.extract(source, tmp_path / "out")
    assert outside(tmp_path) == {"a.zip"}


def test_a_zip_bomb_is_stopped_early(tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("good.png", b"1")
        with file.open("zeros.png", "w", force_zip64=True) as sink:
            for _ in range(49):
                sink.write(bytes(1_000_000))
    with pytest.raises(BadDataError, match=r"zeros\.png in a\.zip grows more than 200 times"):
        archives.extract(source, tmp_path / "out")
    assert outside(tmp_path) == {"a.zip"}


def test_declared_sizes_above_the_limit_are_refused_at_once(tmp_path: Path) -> None:
    source = pack(tmp_path / "a.zip", {f"{i}.png": b"x" for i in range(30)}, zipfile.ZIP_STORED)
    data = bytearray(source.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = struct.pack("<I", 4_000_000_000)
        at = data.find(b"PK\x01\x02", at + 4)
    source.write_bytes(data)
    start = time.monotonic()
    with pytest.raises(BadDataError, match=r"a\.zip has more than 20,000,000,000 bytes"):
        archives.extract(source, tmp_path / "out")
    assert time.monotonic() - start < 1
    assert outside(tmp_path) == {"a.zip"}


def test_a_declared_size_that_is_too_small_is_not_trusted(tmp_path: Path) -> None:
    source = pack(tmp_path / "a.zip", {"zeros.png": bytes(60_000_000)})
    data = bytearray(source.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    source.write_bytes(data)
    with pytest.raises(BadDataError, match="not a complete archive"):
        archives.extract(source, tmp_path / "out")
    assert outside(tmp_path) == {"a.zip"}


def test_the_total_is_limited(tmp_path: Path) -> None:
    source = pack(tmp_path / "a.zip", {f"{i}.png": bytes(1000) for i in range(10)})
    exact = replace(archives.UPLOAD, total=10_000)
    assert archives.extract(source, tmp_path / "fits", limits=exact).count == 10
    with pytest.raises(BadDataError, match="more than 9,999 bytes"):
        archives.extract(source, tmp_path / "out", limits=replace(exact, total=9_999))
    assert outside(tmp_path) == {"a.zip", "fits"}


def test_too_many_entries(tmp_path: Path) -> None:
    source = pack(tmp_path / "a.zip", {f"{i}.png": b"" for i in range(5)})
    with pytest.raises(BadDataError, match="more than 4 entries"):
        archives.extract(source, tmp_path / "out", limits=replace(archives.UPLOAD, entries=4))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as file:
        file.writestr("a.png", b"1")
        file.writestr("a.png", b"2")
    with pytest.raises(BadDataError, match=r"a\.png occurs twice"):
        archives.extract(source, tmp_path / "out")


def test_a_zip_without_images_and_a_file_that_is_no_zip(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"a\.zip has no file that can be used"):
        archives.extract(pack(tmp_path / "a.zip", {"readme.txt": b"1"}), tmp_path / "out")
    (tmp_path / "b.zip").write_bytes(b"PK not really")
    with pytest.raises(BadDataError, match=r"b\.zip is not a complete archive"):
        archives.extract(tmp_path / "b.zip", tmp_path / "out")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_zip_is_extracted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    source = pack(folder / "a.zip", {"left/a.png": b"abc" * 300, "right/a.png": bytes(500)})
    data = bytearray(source.read_bytes())
    at %= len(data)
    data[at : at + len(noise)] = noise
    source.write_bytes(data)
    try:
        archives.extract(source, folder / "out")
    except BadDataError:
        assert outside(folder) == {"a.zip"}
    else:
        assert {p.resolve().parts[: len(folder.parts)] for p in folder.rglob("*")} == {folder.parts}
