"""A name is given the file that it means, or none."""

import unicodedata
from pathlib import Path

import pytest

from simcore.data import image_names
from simcore.data.image_names import ImageIndex, PathResolver
from simcore.errors import BadDataError


def index(*names: str) -> ImageIndex:
    root = Path("/d")
    return ImageIndex(root, [root / name for name in names])


def found(files: ImageIndex, *names: str) -> list[str]:
    matches = files.find_all(names)
    return [
        "" if matches[name].problem else str(matches[name].path.relative_to("/d")) for name in names
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cats/001.png", "cats/001.png"),
        ("/cats/001.png", "cats/001.png"),
        ("set/cats/001.png", "cats/001.png"),
        ("cats\\001.png", "cats/001.png"),
        ("C:\\data\\cats\\001.png", "cats/001.png"),
        ("002.png", "dogs/002.png"),
        ("002", "dogs/002.png"),
        ("DOGS/002.PNG", "dogs/002.png"),
        ("dogs/002.jpg", "dogs/002.png"),
        ("dogs/001.png", ""),  # cats/001.png is another picture
        ("001.png", ""),  # cats or birds
        ("a.1", "a.1.png"),
        ("a", "a.png"),
        ("a.2", ""),  # not a.png: ".2" is no ending
        ("foo.png", "foo.png.jpg"),
        ("absent.png", ""),
    ],
)
def test_nothing_contradicts_what_is_found(name: str, expected: str) -> None:
    files = index(
        "cats/001.png", "birds/001.png", "dogs/002.png", "a.png", "a.1.png", "foo.png.jpg"
    )
    assert found(files, name) == [expected]


def test_two_names_never_share_a_file() -> None:
    files = index("001.png", "x.webp")
    assert found(files, "dogs/001.png", "cats/001.png") == ["", ""]
    assert found(files, "dogs/001.png", "001.png") == ["001.png", "001.png"]
    assert found(files, "x.png", "x.jpg") == ["", ""]
    assert found(files, "/set/001.png", "set/001.png") == ["001.png", "001.png"]
    problem = files.find_all(["dogs/001.png", "cats/001.png"])["cats/001.png"].problem
    assert problem == "'cats/001.png' and 'dogs/001.png' cannot both be 001.png. Write whole paths."


def test_names_are_compared_in_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "café.png")
    assert found(index(decomposed), "café.png") == [decomposed]
    assert found(index("café.png"), decomposed) == ["café.png"]
    assert found(index("café.png", decomposed), decomposed) == [decomposed]
    assert found(index(f"x/{decomposed}", "x/café.png"), "café") == [""]


def test_paths_that_lead_outside() -> None:
    for name in ("../a.png", "x/../../a.png", "..\\a.png", "a\0.png"):
        with pytest.raises(BadDataError, match="leads outside"):
            index("a.png").find(name)


def test_paths_are_resolved_in_any_unicode_form(tmp_path: Path) -> None:
    folder = tmp_path / unicodedata.normalize("NFD", "bücher")
    folder.mkdir()
    (folder / unicodedata.normalize("NFD", "é.png")).write_bytes(b"1")
    path = PathResolver(tmp_path).find("bücher\\é.png")
    assert path.read_bytes() == b"1"
    assert PathResolver(tmp_path).find("bücher/../bücher/é.png").read_bytes() == b"1"
    assert not PathResolver(tmp_path).find("bücher/e.png").exists()
    (tmp_path / "a\\b.png").write_bytes(b"2")
    assert PathResolver(tmp_path).find("a\\b.png").read_bytes() == b"2"
    for hostile in ("x" * 300, "a/" * 3000, "a\0b", "bücher/\0", "..", ""):
        assert not image_names.is_file(PathResolver(tmp_path).find(hostile))
