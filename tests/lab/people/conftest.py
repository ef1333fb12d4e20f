"""Fixtures of the tests about people: a collection of twelve pairs."""

import shutil

import pytest

from tests.conftest import extracted_pairs


@pytest.fixture(scope="session")
def crowd_cache(tmp_path_factory):
    """A cache with the collection "crowd", prepared once per session."""
    return extracted_pairs(tmp_path_factory.mktemp("crowd"), "crowd", 12, ["color", "layout"])


@pytest.fixture
def crowd(crowd_cache, cache):
    """Twelve pairs with features of color and layout, in this test's own cache."""
    shutil.copytree(crowd_cache, cache, dirs_exist_ok=True)
    return "crowd"
