"""The emoji collection: its pictures, its drawing, and what happens without a network."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.data import cache_dir, images
from simcore.data.collections import collection_catalog, emoji
from simcore.data.fetch import pip_archives
from simcore.errors import BadDataError, SimError
from simcore.types import Collection, Monitor


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the two projects' files in it; skips where pip cannot bring them."""
    folder = tmp_path_factory.mktemp("emoji")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(folder))
        try:
            for project in (emoji.ART, emoji.FONT):
                pip_archives.download_archive(project)
        except SimError as error:
            pytest.skip(str(error))
    return folder


@pytest.fixture(scope="module")
def added(fetched: Path) -> tuple[Collection, set[str]]:
    """The collection, drawn once, and the stages that were reported."""
    stages: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(fetched))
        collection = collection_catalog.add(
            "emoji", None, name="emoji", monitor=Monitor(lambda p: stages.add(p.stage))
        )
    return collection, stages


def test_both_houses_draw_the_same_emoji(added: tuple[Collection, set[str]]) -> None:
    collection, stages = added
    assert collection.right is not None
    assert collection.left.ids == collection.right.ids
    assert 1_350 <= len(collection.left) <= 1_430
    assert {"grinning-face", "dog-face", "slice-of-pizza"} <= set(collection.left.ids)
    for side in (collection.left, collection.right):
        assert len(set(side.keys)) == len(collection.left)
    assert "CC-BY 4.0" in collection.credits[0]
    assert "Open Font License" in collection.credits[1]
    assert {"drawing emoji", "reading images"} <= stages
    row = collection.left.row_of["dog-face"]
    color, outline = (images.load(side.paths[row]) for side in (collection.left, collection.right))
    assert color.shape == (72, 72, 3)
    assert outline.shape == (144, 144, 3)
    assert np.ptp(color.astype(int), axis=2).max() > 40
    assert not np.ptp(outline.astype(int), axis=2).any()
    dark = np.argwhere(outline[..., 0] < 128)
    assert np.abs((dark.min(0) + dark.max(0)) / 2 - 71.5).max() < 6
    assert (np.ptp(dark, axis=0) > 100).any()
    assert outline[0].min() == outline[:, 0].min() == 255


def test_the_drawing_is_the_same_every_time(
    fetched: Path, added: tuple[Collection, set[str]], tmp_path: Path, cache: Path
) -> None:
    cache_dir.subfolder("downloads").rmdir()
    (cache / "downloads").symlink_to(fetched / "downloads")
    left, right = added[0].sides()
    again = emoji.read(tmp_path / "again").rows
    assert {row.id for row in again} == set(left.ids)
    for row in again[::100]:
        number = left.row_of[row.id]
        assert row.path.read_bytes() == left.paths[number].read_bytes()
        assert row.mate is not None
        with Image.open(row.mate) as a, Image.open(right.paths[number]) as b:
            assert a.tobytes() == b.tobytes()


def test_a_missing_network_is_reported(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", (cache / "nowhere").as_uri())
    with pytest.raises(SimError, match=r"pip cannot download manimgx-fonts.*Check the network"):
        collection_catalog.add("emoji", None, name="emoji")
    assert collection_catalog.names() == []


def test_other_pictures_than_expected_are_refused(cache: Path) -> None:
    wheel = cache_dir.subfolder("downloads") / emoji.ART / "art.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(emoji.ART_FOLDER + "1f600.png", b"another picture")
    with pytest.raises(
        BadDataError, match=rf"have sha256 .* instead of {emoji.ART_SHA256}\. Delete"
    ):
        emoji.read_pictures(wheel)
    wheel.write_bytes(b"PK half")
    with pytest.raises(BadDataError, match=r"art\.whl is damaged"):
        emoji.read_pictures(wheel)
