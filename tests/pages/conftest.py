"""A small collection with features that need no weights, and the app opened on it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from simcore.lab.library import collections, extraction

ROOT = Path(__file__).parents[2]
MODELS = ["hog", "layout", "color"]


@pytest.fixture
def tiny(pairs_folder: Path) -> str:
    """Six pairs called "tiny" with the features of `MODELS`."""
    collections.add("pairs", pairs_folder, name="tiny")
    extraction.extract("tiny", MODELS)
    return "tiny"


@pytest.fixture
def app() -> Callable[..., AppTest]:
    """`app(q="a", k="3")` -> the app, opened at an address and run once."""

    def opened(page: str = "", **address: str) -> AppTest:
        st.cache_data.clear()
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in address.items():
            at.query_params[name] = value
        at.run()
        if page:
            at.switch_page(page).run()
        return at

    return opened
