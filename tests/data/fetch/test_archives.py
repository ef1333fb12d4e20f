"""Archives are extracted inside one folder within limits, or refused as a whole."""

import gzip
import io
import stat
import struct
import tarfile
import time
import tracemalloc
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


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as tar:
        for info, body in members:
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (member("a.png", tarfile.CHRTYPE, devmajor=1, devminor=5), "is a link or device"),
        (member("a.png", tarfile.BLKTYPE, devmajor=8), "is a link or device"),
        (member("a.png", tarfile.FIFOTYPE), "is a link or device"),
        (member("a.png", tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link or device"),
        (member("a.png", tarfile.LNKTYPE, linkname="left/good.png"), "is a link or device"),
        (member("notes.txt", tarfile.SYMTYPE, linkname="good.png"), "is a link or device"),
        (member("a.png", tarfile.GNUTYPE_SPARSE), "link or device|not a complete archive"),
        (member("/etc/a.png"), "leads out of the archive"),
        (member("left/../../a.png"), "leads out of the archive"),
        (member("C:\\a.png"), "leads out of the archive"),
        (member("left/good.png"), "occurs twice"),
    ],
)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_members_of_a_tar_that_refuse_it(
    tmp_path: Path, info: tarfile.TarInfo, words: str, mode: str
) -> None:
    source = tarred(tmp_path / "a.tar", (member("left/good.png"), b"1"), (info, b""), mode=mode)
    with pytest.raises(BadDataError, match=words):
        archives.extract(source, tmp_path / "out", limits=archives.DATASET)
    assert outside(tmp_path) == {"a.tar"}


def test_a_tar_header_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    """A pax header of zeros shrinks to nothing in gzip, and tarfile would hold it in memory."""
    source = tmp_path / "a.tar.gz"
    header = member("././@PaxHeader", tarfile.XHDTYPE, size=10**9).tobuf(tarfile.GNU_FORMAT)
    with gzip.open(source, "wb") as file:
        file.write(header)
        for _ in range(200):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BadDataError, match="a header is too large"):
            archives.extract(source, tmp_path / "out", limits=archives.DATASET)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_member_that_claims_too_much_is_not_skipped_for_hours(tmp_path: Path) -> None:
    source = tmp_path / "a.tar.gz"
    with gzip.open(source, "wb") as file:
        file.write(member("notes.txt", size=10**12).tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(10_000))
    with pytest.raises(BadDataError, match=r"'notes\.txt' in a\.tar\.gz has more than"):
        archives.extract(source, tmp_path / "out", limits=archives.DATASET)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_content_decides_what_is_extracted_and_the_rest_is_named(tmp_path: Path, kind: str) -> None:
    jpeg = b"\xff\xd8\xff\xe0" + bytes(100_000)
    files = {
        "left/noext": jpeg,
        "b.jpg_large": jpeg,
        "run.sh": b"x",
        ".h/a.png": b"",
        "a.csv": b"1",
    }
    source = tmp_path / f"a.{kind}"
    if kind == "zip":
        pack(source, files)
    else:
        mode = "w:gz" if kind.endswith("gz") else "w"
        tarred(source, *((member(name), body) for name, body in files.items()), mode=mode)
    extracted = archives.extract(source, tmp_path / "out")
    assert extracted == archives.Extracted(3, ("run.sh", ".h/a.png"))
    assert (tmp_path / "out/left/noext").read_bytes() == jpeg


def test_a_zip_with_a_device(tmp_path: Path) -> None:
    for mode in (stat.S_IFCHR, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFSOCK):
        entry = zipfile.ZipInfo("left/a.png")
        entry.create_system, entry.external_attr = 3, (mode | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
            file.writestr(entry, "x")
        with pytest.raises(BadDataError, match="is a link or device"):
            archives.extract(tmp_path / "a.zip", tmp_path / "out")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 12_000), st.binary(min_size=1, max_size=8), st.sampled_from(["w", "w:gz"]))
def test_a_damaged_tar_is_extracted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes, mode: str
) -> None:
    folder = tmp_path_factory.mktemp("tar")
    members = ((member("left/a.png"), b"abc" * 300), (member("right/a.png"), bytes(500)))
    source = tarred(folder / "a.tar", *members, mode=mode)
    data = bytearray(source.read_bytes())
    at %= len(data)
    data[at : at + len(noise)] = noise
    source.write_bytes(data)
    try:
        archives.extract(source, folder / "out")
    except BadDataError:
        assert outside(folder) == {"a.tar"}
    else:
        assert {p.resolve().parts[: len(folder.parts)] for p in folder.rglob("*")} == {folder.parts}


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
