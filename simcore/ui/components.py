"""The custom components of the pages, each declared once from its sources in components/."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent / "components"


@dataclass(frozen=True)
class Component:
    """One custom component.

    Attributes:
        mount: draws it on the page.
        html, css, js: its sources, which the HTML export of a page contains as well.
    """

    mount: Callable[..., Any] = field(repr=False)
    html: str
    css: str
    js: str

    @property
    def sources(self) -> tuple[str, str, str]:
        """HTML, CSS and JavaScript."""
        return self.html, self.css, self.js


def _declare(name: str, *files: str, html: str, css: str = "") -> Component:
    """A component from JavaScript files that share one scope; dom.js comes before them.

    Streamlit takes one script per component, without imports.
    """
    css = css or (_FOLDER / f"{files[-1]}.css").read_text("utf-8")
    js = "\n".join((_FOLDER / f"{file}.js").read_text("utf-8") for file in ("dom", *files))
    return Component(st.components.v2.component(name, html=html, css=css, js=js), html, css, js)


GALLERY = _declare("simcore_gallery", "lightbox", "gallery", html='<div class="g">\n</div>')
MAP = _declare(
    "simcore_map", "map_drawing", "map_panel", "map_morph", "map", html='<div class="m">\n</div>'
)
REGIONS = _declare("simcore_regions", "regions", html='<div class="p">\n</div>')
CROP = _declare("simcore_crop", "crop", html='<div class="x">\n</div>')
FORCED_CHOICE = _declare("simcore_choice", "trial", "forced_choice", html='<div class="c">\n</div>')
SAME_DIFFERENT = _declare(
    "simcore_same",
    "trial",
    "same_different",
    html='<div class="c">\n</div>',
    css=(_FOLDER / "forced_choice.css").read_text("utf-8"),
)
KIOSK_IDLE = _declare(
    "simcore_idle",
    "kiosk_idle",
    html='<div class="idle" role="alert" hidden>\n</div>',
    css="""
    .idle { position: fixed; left: 50%; bottom: 24px; transform: translateX(-50%); z-index: 1000;
      padding: 14px 22px; border-radius: 12px; background: var(--st-primary-color); color: #fff;
      font: 600 16px/1.4 var(--st-font); box-shadow: 0 8px 30px rgba(0, 0, 0, .35); }
    """,
)
