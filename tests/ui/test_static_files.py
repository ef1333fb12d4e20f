"""Streamlit's scripts from memory: which requests are answered, and which are passed on."""

import pytest

from simcore.ui import page_outline
from simcore.ui.static_files import FOLDER, StaticFiles
from tests.ui import asgi


def answer(path, method="GET", **headers):
    names = [(name.replace("_", "-").encode(), b"x") for name in headers]
    return asgi.answer(StaticFiles, method=method, path=path, headers=names)


@pytest.mark.parametrize("base", ["", "/lab"])
@pytest.mark.parametrize(
    ("pattern", "kind"), [("js/index.*.js", "text/javascript"), ("media/M*.woff2", "font/woff2")]
)
def test_a_hashed_file_comes_from_memory(base, pattern, kind):
    file = min((FOLDER / "static").glob(pattern))
    status, headers, body = answer(f"{base}/{file.relative_to(FOLDER)}")
    assert status == 200
    assert headers["content-type"].startswith(kind)
    assert "immutable" in headers["cache-control"]
    assert body == file.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/static/js/none.12345678.js",
        "/static/js/..%2f..%2fx.12345678.js",
        "/static/js/../../index.12345678.js",
        "/static/manifest.json",
        "/app/static/x.js",
        "/",
    ],
)
def test_other_files_are_passed_on(path):
    assert answer(path)[0] == 0


def test_conditional_requests_are_passed_on():
    file = min((FOLDER / "static" / "js").glob("index.*.js"))
    path = f"/static/js/{file.name}"
    assert answer(path)[0] == 200
    assert answer(path, method="HEAD")[0] == 0
    assert answer(path, range="")[0] == 0
    assert answer(path, if_none_match="")[0] == 0


def test_the_scripts_that_pages_load_early_exist():
    """Their names are Streamlit's; a new version may rename them."""
    for names in (page_outline.SCRIPTS, page_outline.TABLES, page_outline.CHARTS):
        assert len(page_outline.files(names)) == len(names)
