"""Fixtures of the tests about people: a collection of twelve pairs."""

import shutil

import pytest

from simcore.lab.library import collections, extraction
from tests.conftest import draw_pairs


@pytest.fixture(scope="session")
def crowd_cache(tmp_path_factory):
    """A cache with the collection "crowd", prepared once per session."""
    folder = tmp_path_factory.mktemp("crowd")
    draw_pairs(folder / "pairs", 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(folder / "cache"))
        collections.add("pairs", folder / "pairs", name="crowd")
        extraction.extract("crowd", ["color", "layout"])
    return folder / "cache"


@pytest.fixture
def crowd(crowd_cache, cache):
    """Twelve pairs with features of color and layout, in this test's own cache."""
    shutil.copytree(crowd_cache, cache, dirs_exist_ok=True)
    return "crowd"
