"""Totally-Looks-Like in each of its forms, and its download."""

import csv
import shutil
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.data import images
from simcore.data.collections import collection_catalog, tll
from simcore.errors import BadDataError, SimError
from tests.data.collections.conftest import reasons, table, zipped

Draw = Callable[..., Image.Image]


@pytest.fixture
def kaggle(tmp_path: Path, pairs_folder: Path) -> Path:
    """The Kaggle form: mates have other names."""
    root = tmp_path / "kaggle"
    (root / "train").mkdir(parents=True)
    shutil.copytree(pairs_folder / "left", root / "train" / "left")
    (root / "train" / "right").mkdir()
    for path in (pairs_folder / "right").iterdir():
        shutil.copy(path, root / "train" / "right" / f"x{path.name}")
    table(root / "train.csv", "left,right", *(f"{n},x{n}" for n in "abcdef"))
    return root


def test_tll_with_equal_names(pairs_folder: Path) -> None:
    found = collection_catalog.add("tll", pairs_folder, name="t")
    assert found.left.ids == tuple("abcdef")
    assert "Rosenfeld" in found.credits[0]


@pytest.mark.parametrize("whole", [False, True])
def test_tll_as_the_two_official_zips(whole: bool, pairs_folder: Path, tmp_path: Path) -> None:
    for side in ("left", "right"):
        below = "left/" if side == "left" else ""
        zipped(pairs_folder / side, pairs_folder / f"{side}.zip", below)
        shutil.rmtree(pairs_folder / side)
    source = zipped(pairs_folder, tmp_path / "both.zip") if whole else pairs_folder
    found = collection_catalog.add("tll", source, name="t")
    assert found.left.ids == tuple("abcdef")
    assert found.right is not None
    assert images.load(found.right.paths[5]).shape == (245, 200, 3)


def test_tll_pages_are_split_and_their_captions_cut_off(pages: Path, cache: Path) -> None:
    before = sorted((p, p.read_bytes()) for p in pages.rglob("*.png"))
    Image.new("RGB", (300, 200)).save(pages / "Images" / "odd.png")
    data = (pages / "Images" / "00001.png").read_bytes()
    (pages / "Images" / "00001.png").write_bytes(data[: len(data) // 2])
    found = collection_catalog.add("tll", pages, name="t")
    assert found.left.ids == ("00000", "00002")
    assert found.right is not None
    for i, number in enumerate((0, 2)):
        whole = images.load(before[number][1])
        assert np.array_equal(images.load(found.left.paths[i]), whole[:245, :200])
        assert np.array_equal(images.load(found.right.paths[i]), whole[:245, 200:400])
    assert all(p.is_relative_to(cache / "collections" / "t") for p in found.left.paths)
    assert "damaged or truncated" in reasons(found)["00001, 00001"]
    assert reasons(found)["odd"].startswith("odd.png is not a page of 401 x 271 pixels")


def test_tll_in_the_kaggle_form(kaggle: Path) -> None:
    with (kaggle / "train.csv").open("a") as file:
        file.write("zz,xa\nb,yy\nc,xa\na,xa\n")
    found = collection_catalog.add("tll", kaggle, name="t")
    assert found.right is not None
    assert found.left.ids == tuple("abcdef")
    assert found.right.ids == tuple(f"x{n}" for n in "abcdef")
    skipped = reasons(found)
    assert skipped["line 8: zz, xa"].startswith("In train/left: There is no file 'zz'")
    assert skipped["line 9: b, yy"].startswith("In train/right: There is no file 'yy'")
    assert skipped["c, xa"].startswith("The left image c is already in an earlier row")
    assert set(skipped) == {"line 8: zz, xa", "line 9: b, yy", "c, xa", "a, xa"}


def test_a_folder_without_tll_is_described_and_refused(tmp_path: Path, draw: Draw) -> None:
    root = tmp_path / "odd"
    (root / "sub").mkdir(parents=True)
    draw(0).save(root / "a.png")
    with pytest.raises(BadDataError, match=r"contains a\.png, sub/ \(1 images, none .*401 x 271"):
        collection_catalog.add("tll", root, name="t")
    (root / "left").mkdir()
    with pytest.raises(BadDataError, match=r"has left without right\. The dataset consists of"):
        collection_catalog.add("tll", root, name="t")
    shutil.rmtree(root)
    (root / "train").mkdir(parents=True)
    table(root / "train.csv", "a,b", "1,2")
    with pytest.raises(BadDataError, match=r"train\.csv has no column left, right"):
        collection_catalog.add("tll", root, name="t")


def test_both_zips_are_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(address: str, output: str, quiet: bool) -> str:
        asked.append(address)
        with zipfile.ZipFile(output, "w") as archive:
            archive.writestr("00000.jpg", b"picture")
        return output

    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=fetch))
    for _ in range(2):
        assert tll.download(tmp_path / "to") == tmp_path / "to"
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["left.zip", "right.zip"]
    assert [address.rpartition("=")[2] for address in asked] == list(tll.DRIVE.values())


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(
        SimError, match=r"left\.zip and right\.zip in a browser from https://sites.* into"
    ):
        tll.download(tmp_path / "to")

    for content in (b"<html>quota</html>", b"PK\x03\x04 cut off"):

        def fetch(address: str, output: str, quiet: bool, content: bytes = content) -> str:
            Path(output).write_bytes(content)
            return output

        monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=fetch))
        with pytest.raises(SimError, match="the download is not a complete zip file"):
            tll.download(tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_the_real_pairs(real_pairs: Path) -> None:
    found = collection_catalog.add("tll", real_pairs, name="tll-sample")
    assert found.right is not None
    with (real_pairs / "train.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert found.left.ids == tuple(line["left"] for line in lines)
    assert found.right.ids == tuple(line["right"] for line in lines)
    assert (len(found.left), found.skipped) == (1000, ())
    assert len(set(found.left.keys) | set(found.right.keys)) == 2000


def test_pages_of_equal_names_keep_their_own_halves(tmp_path: Path, draw: Draw) -> None:
    for seed, name in enumerate(("a/b.png", "a-b.png", "b.png")):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(seed, 401, 271).save(tmp_path / "p" / name)
    found = collection_catalog.add("tll", tmp_path / "p", name="p")
    assert len(set(found.left.keys)) == len(found.left) == 3
