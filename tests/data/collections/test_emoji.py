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
from simcore.types import Monitor


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


def test_both_houses_draw_the_same_emoji(fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCORE_CACHE", str(fetched))
    stages = set()
    found = collection_catalog.add(
        "emoji", None, name="emoji", monitor=Monitor(lambda p: stages.add(p.stage))
    )
    assert found.right is not None
    assert found.left.ids == found.right.ids
    assert 1_350 <= len(found.left) <= 1_430
    assert {"grinning-face", "dog-face", "slice-of-pizza"} <= set(found.left.ids)
    assert len(set(found.left.keys)) == len(set(found.right.keys)) == len(found.left)
    assert "CC-BY 4.0" in found.credits[0]
    assert "Open Font License" in found.credits[1]
    assert {"drawing emoji", "reading images"} <= stages
    row = found.left.row_of["dog-face"]
    color, outline = (images.load(side.paths[row]) for side in (found.left, found.right))
    assert color.shape == (72, 72, 3)
    assert outline.shape == (144, 144, 3)
    assert np.ptp(color.astype(int), axis=2).max() > 40
    assert not np.ptp(outline.astype(int), axis=2).any()
    dark = np.argwhere(outline[..., 0] < 128)
    assert np.abs((dark.min(0) + dark.max(0)) / 2 - 71.5).max() < 6
    assert (np.ptp(dark, axis=0) > 100).any()
    assert outline[0].min() == outline[:, 0].min() == 255


def test_the_drawing_is_the_same_every_time(fetched: Path, tmp_path: Path, cache: Path) -> None:
    cache_dir.subfolder("downloads").rmdir()
    (cache / "downloads").symlink_to(fetched / "downloads")
    drafts = [emoji.read(tmp_path / name) for name in ("one", "two")]
    for first, second in zip(*(draft.rows[::100] for draft in drafts), strict=True):
        assert first.id == second.id
        assert first.path.read_bytes() == second.path.read_bytes()
        assert first.mate is not None
        assert second.mate is not None
        with Image.open(first.mate) as a, Image.open(second.mate) as b:
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
