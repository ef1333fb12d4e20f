"""What a page shows until Streamlit has loaded: its title, and gray shapes of what will come.

The outline lies over the page, which is laid out below it unseen, and goes when the page has its
first content; what moves until then moves for nobody.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import streamlit as st

ROOT = '<div id="root">'  # of Streamlit's page
SLOWEST = 20_000  # ms until the page shows whatever it has
PATIENCE = 800  # ms that the first content waits for the scripts of its elements
# Pages with rows of images, and with one large drawing; the others have a chart and a table.
ROWS = ("explore", "compare", "exclusive", "review", "duplicates", "invariance")
CANVAS = ("map",)
# Pages without controls in the sidebar.
WIDE = ("experiments", "duel", "collections", "models")

# Streamlit loads the script of an element when it is first drawn, and draws a gray line until then.
# Loaded while the server answers, the element has its height from the beginning.
SCRIPTS = (
    *("Html", "Selectbox", "ButtonGroup", "Button", "MenuButton", "WidgetLabelHelpIcon"),
    *("WidgetLabelHelpIconInline", "TextInput", "Slider", "BidiComponent", "PageLink"),
    "DownloadButton",
)
TABLES, CHARTS = ("DataFrame",), ("PlotlyChart",)
# Pages without a table, and pages without a chart, in what they show first. Running the library of
# charts takes up to a second, in which nothing else is drawn.
WITHOUT_TABLES = ("explore", "map", "review", "duel", "collections", "reproduce")
WITHOUT_CHARTS = (
    *(set(WITHOUT_TABLES) - {"exclusive"}),
    "compare",
    "duplicates",
    "models",
    "learn",
    "evaluate",
    "claims",
    "leaderboard",
)

STYLE = """<style>
.outline { color-scheme: light dark; position: fixed; inset: 0; z-index: 1000000; overflow: hidden;
  --fill: light-dark(#f3f5f7, #1a2027);
  background: light-dark(#fff, #101418); color: light-dark(#14191f, #e8ecf0);
  font: 14px system-ui, sans-serif; padding: 64px 72px 0 335px; }
.outline.wide { padding-left: 72px; }
.outline h1 { font-size: 26px; font-weight: 650; line-height: 1.2; margin: 8px 0 24px;
  min-height: 31px; }
.outline i { display: block; margin: 0 0 20px; border-radius: 8px; background: var(--fill); }
.outline .line { height: 36px; width: 60%; }
.outline .chart { height: 380px; }
.outline .table { height: 220px; }
.outline .canvas { height: clamp(320px, 60vh, 760px); }
.outline .tiles { height: 104px; background:
  repeating-linear-gradient(90deg, var(--fill) 0 100px, transparent 100px 110px); }
.outline .pair { height: 172px; width: 354px; background:
  linear-gradient(90deg, var(--fill) 172px, transparent 172px 186px, var(--fill) 186px); }
.outline .side { position: absolute; inset: 0 auto 0 0; width: 263px; padding: 84px 28px 0;
  box-sizing: border-box;
  background: light-dark(#f7f8fa, #151a20); border-right: 1px solid light-dark(#d9dee4, #313a44); }
.outline .side i { height: 34px; margin-bottom: 38px; background: light-dark(#fff, #1f262e); }
.outline.wide .side { display: none; }
@media (max-width: 767px) {
  .outline, .outline.wide { padding: 64px 16px 0; }
  .outline .side { display: none; }
  .outline .line { width: 100%; }
}
.outline + #root { visibility: hidden; }
</style>
<noscript><style>.outline { display: none; }</style></noscript>"""

BODY = """<div class="outline" role="status">
<div class="side"><i></i><i></i><i></i><i></i></div><h1 id="outline">simcore</h1></div>"""

SCRIPT = """<script>
(() => {
  const outline = document.querySelector(".outline"), title = document.getElementById("outline");
  const query = new URLSearchParams(location.search);
  const last = location.pathname.replace(/\\/+$/, "").split("/").at(-1);
  const name = PAGES.includes(last) ? last : FIRST;
  // Participants and the wall of a duel see no other page's controls.
  const alone = query.has("participant") || query.get("view") === "wall";
  title.textContent = alone ? "" : name[0].toUpperCase() + name.slice(1);
  outline.classList.toggle("wide", alone || WIDE.includes(name));
  const shapes = ROWS.includes(name) ? ["line", "pair", "tiles", "tiles", "tiles", "tiles"]
    : CANVAS.includes(name) ? ["line", "canvas", "line"] : ["line", "chart", "table"];
  for (const shape of alone ? ["line", "chart"] : shapes) {
    outline.append(Object.assign(document.createElement("i"), { className: shape }));
  }
  const first = '[data-testid="stMain"] [data-testid="stElementContainer"]';
  // Neither style sheets nor what is drawn into the header.
  const fills = (node) => node.offsetHeight > 8 &&
    !node.closest(".st-key-jobs_chip, .st-key-kiosk_idle, [hidden]");
  const add = (scripts) => Promise.allSettled(scripts.map(
    (script) => import(window.__streamlit.BACKEND_BASE_URL + "/static/js/" + script)));
  let loading = false, loaded = false, filled = false;
  const load = async () => {
    loading = true;
    const common = add(LOADED);
    if (!alone && !NOTABLES.includes(name)) add(TABLED);
    if (!alone && !NOCHARTS.includes(name)) add(CHARTED);
    await common;
    loaded = true;
    look();
  };
  const leave = () => { watch.disconnect(); outline.remove(); };
  const look = () => {
    if (!loading && document.querySelector('[data-testid="stApp"]')) load();
    if (document.querySelector('[role="dialog"]')) return leave();  // Streamlit cannot connect
    if (!filled && [...document.querySelectorAll(first)].some(fills)) {
      filled = true;
      setTimeout(leave, PATIENCE);
    }
    // Gray lines stand for elements whose scripts are loading.
    if (filled && loaded && !document.querySelector('[data-testid="stSkeleton"]')) leave();
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { childList: true, subtree: true });
  setTimeout(leave, SLOWEST);
})();
</script>"""


def insert(html: str, *, pages: Collection[str], first: str) -> str:
    """Streamlit's HTML with the outline before the page.

    Args:
        pages: the last part of the pages' addresses, without the first page.
        first: name of the first page.
    """
    values: Mapping[str, object] = {
        "PAGES": sorted(pages),
        "FIRST": first,
        "SLOWEST": SLOWEST,
        "PATIENCE": PATIENCE,
        "WIDE": WIDE,
        "ROWS": ROWS,
        "CANVAS": CANVAS,
        "NOTABLES": WITHOUT_TABLES,
        "NOCHARTS": WITHOUT_CHARTS,
        "LOADED": files(SCRIPTS),
        "TABLED": files(TABLES),
        "CHARTED": files(CHARTS),
    }
    words = rf"\b({'|'.join(values)})\b"
    script = re.sub(words, lambda match: json.dumps(values[match[0]]), SCRIPT)
    # The script comes after the page, whose first content it waits for.
    body = html.replace(ROOT, STYLE + BODY + ROOT, 1)
    return body.replace("</body>", script + "</body>", 1)


def files(names: Sequence[str]) -> list[str]:
    """The files of Streamlit's scripts, whose names end with a hash; unknown ones are left out."""
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    return [file.name for name in names for file in folder.glob(f"{name}.*.js")]
