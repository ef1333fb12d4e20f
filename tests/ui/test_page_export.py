"""Any page's view as one file: what is on it, pictures inside, nothing else."""

import re

import pytest

from simcore.lab.library import collections
from simcore.ui import page_export, thumbnails
from tests.pages.test_analysis_pages import at_address

PAGES = {
    "explore": {"query": "b"},
    "combine": {},
    "exclusive": {},
    "duplicates": {"within": "0.4", "across": "0.4"},
    "map": {"map": "hog"},
    "compare": {"first": "left:b", "second": "right:b"},
}


def taken(at, title="Title"):
    return page_export.page(
        title, {"collection": "tiny"}, at.session_state[page_export.PARTS]
    ).decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_with_anything_to_show_can_be_taken_away(app, tiny, page):
    at = at_address(app, page, collection=tiny, models="hog,layout,color", **PAGES[page])
    assert not at.exception
    shown = set(at.session_state[page_export.PARTS]) - (
        {"explore_gallery"} if page != "explore" else set()
    )
    assert shown
    html = taken(at)
    assert "Title: tiny" in html
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", html)
    assert "/thumb/" not in html
    assert "class='component'" in html or "class='chart'" in html


def test_pictures_are_inside(app, tiny, monkeypatch):
    monkeypatch.setattr(thumbnails, "served", True)
    at = at_address(app, "explore", collection=tiny, models="hog", query="b")
    key = collections.open_(tiny).left.keys[1]
    html = taken(at)
    assert thumbnails.inline(key) in html
    assert thumbnails.source(key) not in html


def test_the_button_stands_where_there_is_a_view_and_only_there(app, tiny):
    label = "Download this view as one HTML file"
    at = app(collection=tiny, models="hog")
    assert label in [b.label for b in at.get("download_button")]
    at = at_address(app, "evaluate", collection=tiny)  # it has a file of its own
    assert at.session_state[page_export.PARTS] == {}


def test_nothing_to_show_is_no_view(app):
    at = app()
    assert not at.get("download_button")
