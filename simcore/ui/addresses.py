"""Addresses of pages: a page is found at once, and an unknown address leads home.

Streamlit's page looks for its server below its own address first: below /map it asks for
/map/_stcore/health, which does not exist, before /_stcore/health. Told where its server is, it asks
once. For an address without a page, Streamlit would show a dialog above the first page.

The HTML also shows an outline of the page until Streamlit has loaded (simcore/ui/page_outline.py).
"""

import json
from collections.abc import Collection
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from simcore.ui import page_outline

# The prefix of a proxy belongs to the server's address, the name of the page does not.
SCRIPT = """<script>
(() => {{
  const pages = {pages};
  const parts = location.pathname.replace(/\\/+$/, "").split("/");
  if (pages.includes(parts.at(-1))) parts.pop();
  window.__streamlit = {{ BACKEND_BASE_URL: location.origin + parts.join("/") }};
}})();
</script>"""


class PageAddresses:
    """Serves the HTML of the pages, and redirects browsers from addresses without a page.

    Args:
        pages: the last part of their addresses, without the first page, which has none.
        first: another name of the first page.
    """

    def __init__(self, app: ASGIApp, *, pages: Collection[str], first: str = "explore") -> None:
        self.app, self.pages, self.first = app, frozenset(pages) - {first}, first
        script = SCRIPT.format(pages=json.dumps(sorted(self.pages)))
        index = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
        title = index.replace("<title>Streamlit</title>", "<title>simcore</title>", 1)
        page = title.replace("<head>", f"<head>{script}", 1)
        self.html = page_outline.insert(page, pages=self.pages, first=first)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for a page, or pass on."""
        response = self._answer(scope) if scope["type"] == "http" else None
        await (response or self.app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        is_page = "text/html" in Headers(scope=scope).get("accept", "")
        if scope["method"] not in {"GET", "HEAD"} or not is_page:
            return None
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        path = scope["path"].strip("/")
        if base and path != base and not path.startswith(f"{base}/"):
            return None
        name = path.removeprefix(base).strip("/")
        if not name or name in self.pages:
            return HTMLResponse(self.html, headers={"Cache-Control": "no-cache"})
        last = name.rpartition("/")[2]
        if name.startswith(("_stcore/", "static/", "media/", "thumb/", "picture/")) or "." in last:
            return None
        if name in {"health", "_stcore"}:
            return None
        # A slash at the end is a level, too: below /maps/, "./" would lead back to /maps/.
        depth = scope["path"].lstrip("/").removeprefix(base).lstrip("/").count("/")
        home = "../" * depth or "./"
        # The first page may be called by its name, with the view that the address holds.
        query = scope["query_string"].decode("latin-1") if name == self.first else ""
        return RedirectResponse(f"{home}?{query}" if query else home, 302)
