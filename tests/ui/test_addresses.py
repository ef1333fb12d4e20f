"""Addresses of pages: deep links, unknown addresses, and what is no page."""

import re
from functools import partial

import pytest

from simcore.ui.addresses import PageAddresses
from tests.ui import asgi


def answer(path, query="", accept="text/html,*/*", method="GET"):
    return asgi.answer(
        partial(PageAddresses, pages=["explore", "map", "evaluate"]),
        method=method,
        path=path,
        query_string=query.encode(),
        headers=[(b"accept", accept.encode())],
    )


@pytest.mark.parametrize("path", ["/", "/map", "/evaluate/"])
def test_a_page_knows_where_its_server_is(path):
    status, headers, body = answer(path, "k=3")
    assert (status, headers["cache-control"]) == (200, "no-cache")
    assert b'const pages = ["evaluate", "map"]' in body
    assert b"BACKEND_BASE_URL" in body
    assert b'<h1 id="outline">' in body, "something to see before Streamlit has loaded"
    assert b'["evaluate", "map"].includes(last) ? last : "explore"' in body
    assert re.findall(rb"\b[A-Z]{4,}\b", body.partition(b'id="root"')[2]) == [], "unfilled names"
    assert body.index(b"BACKEND_BASE_URL") < body.index(b'type="module"')


@pytest.mark.parametrize(
    ("path", "query", "home"),
    [
        ("/maps", "", "./"),
        ("/a/b/c", "x=1", "../../"),
        ("/explore", "query=a%26b", "./?query=a%26b"),
        ("//evil.example/x", "", "../"),
        ("/maps/", "", "../"),
        ("/a/b/", "", "../../"),
        ("/explore/", "query=a", "../?query=a"),
    ],
)
def test_an_unknown_address_leads_home(path, query, home):
    status, headers, _ = answer(path, query)
    assert (status, headers["location"]) == (302, home)


@pytest.mark.parametrize(
    "path", ["/health", "/_stcore/health", "/static/js/x.js", "/thumb/abc", "/favicon.png"]
)
def test_what_is_no_page_is_passed_on(path):
    assert answer(path)[0] == 0
    assert answer("/maps", accept="*/*")[0] == 0
    assert answer("/maps", method="POST")[0] == 0
