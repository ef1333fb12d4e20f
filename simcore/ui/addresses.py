"""Addresses of pages: a page is found at once, and an unknown address leads home.

Streamlit's page looks for its server below its own address first: below /map it asks for
/map/_stcore/health, which does not exist, before /_stcore/health. Told where its server is, it asks
once. For an address without a page, Streamlit would show a dialog above the first page.

The HTML also shows the page's title and gray shapes in place of what will come, until Streamlit's
script has loaded and replaces them.
"""

import json
from collections.abc import Collection
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

# The prefix of a proxy belongs to the server's address, the name of the page does not.
SCRIPT = """<script>
(() => {{
  const pages = {pages};
  const parts = location.pathname.replace(/\\/+$/, "").split("/");
  if (pages.includes(parts.at(-1))) parts.pop();
  window.__streamlit = {{ BACKEND_BASE_URL: location.origin + parts.join("/") }};
}})();
</script>"""

OUTLINE = """<style>
.outline { color-scheme: light dark; position: fixed; inset: 0; padding: 64px 72px 0 335px;
  background: light-dark(#fff, #101418); color: light-dark(#14191f, #e8ecf0);
  font: 14px system-ui, sans-serif; }
.outline::before { content: ""; position: absolute; inset: 0 auto 0 0; width: 263px;
  background: light-dark(#f7f8fa, #151a20); border-right: 1px solid light-dark(#d9dee4, #313a44); }
.outline h1 { font-size: 26px; font-weight: 650; margin: 8px 0 24px; }
.outline i { display: block; height: 120px; margin: 0 0 20px; border-radius: 8px;
  background: light-dark(#f3f5f7, #1a2027); }
.outline i:first-of-type { height: 36px; width: 60%; }
@media (max-width: 767px) { .outline { padding: 64px 16px 0; } .outline::before { display: none; } }
</style>
<div class="outline" role="status"><h1 id="outline">simcore</h1><i></i><i></i><i></i><i></i></div>
<script>
(() => {
  const name = location.pathname.replace(/\\/+$/, "").split("/").at(-1);
  const title = PAGES.includes(name) ? name : "FIRST";
  document.getElementById("outline").textContent = title[0].toUpperCase() + title.slice(1);
})();
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
        outline = OUTLINE.replace("PAGES", json.dumps(sorted(self.pages))).replace("FIRST", first)
        root = '<div id="root">'
        self.html = title.replace("<head>", f"<head>{script}", 1).replace(root, root + outline, 1)

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
        home = "../" * name.count("/") or "./"
        # The first page may be called by its name, with the view that the address holds.
        query = scope["query_string"].decode("latin-1") if name == self.first else ""
        return RedirectResponse(f"{home}?{query}" if query else home, 302)
