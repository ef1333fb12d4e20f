"""The style sheet of all pages: what the theme cannot say about contrast, focus and motion.

Streamlit uses the primary color both below white text and as text; no blue has enough contrast for
both in the dark theme. `light-dark()` follows the theme through the property `color-scheme`.
"""

import streamlit as st

INK = "light-dark(#005C90, #7CC4EE)"  # the theme's link color
SOFT = "light-dark(#5A6570, #9AA6B2)"  # the theme's gray
CSS = f"""<style>
html {{ color-scheme: SCHEME; }}
button[data-selected="true"], button[data-selected="true"] p,
[role="radio"][aria-checked="true"] p, [data-testid="stTab"][aria-selected="true"] p,
[data-testid="stSliderThumbValue"] p, [data-testid="stSliderThumbValue"] {{ color: {INK}; }}
[data-testid="stCaptionContainer"] {{ opacity: 1; color: {SOFT}; }}
[data-testid="stWidgetLabel"] p {{ opacity: 1; color: light-dark(#14191F, #E8ECF0); }}
[data-testid="stCode"] .token {{ color: inherit !important; }}
[data-testid="stCode"] .token.parameter {{ white-space: nowrap; }} /* options stay whole */
:is(button, a, input, textarea, select, summary, [tabindex="0"]):focus-visible {{
  outline: 3px solid {INK}; outline-offset: 2px;
}}
:has(> .st-key-reviewing_keys) {{ position: sticky; bottom: 0; z-index: 5; }}
.st-key-reviewing_keys {{ padding: 10px 0;
  background: light-dark(#FFFFFF, #101418); border-top: 1px solid light-dark(#D9DEE4, #313A44); }}
[data-testid="stMetric"] [data-testid="stMarkdownContainer"],
[data-testid="stMetric"] [data-testid="stMarkdownContainer"] p,
[data-testid="stMetricValue"] *, [data-testid="stCheckbox"] [data-testid="stMarkdownContainer"],
[data-testid="stCheckbox"] [data-testid="stMarkdownContainer"] p {{
  white-space: normal; overflow: visible; text-overflow: clip;
}}
@media (max-width: 767px) {{
  .st-key-reviewing_keys [data-testid="stHorizontalBlock"] {{
    flex-wrap: nowrap; overflow-x: auto; padding-bottom: 4px;
  }}
}}
@media (max-width: 640px) {{ /* numbers stand two in a line */
  [data-testid="stColumn"]:has(> [data-testid="stVerticalBlock"] >
    [data-testid="stElementContainer"]:only-child [data-testid="stMetric"]) {{
    min-width: calc(50% - 1rem) !important; flex: 1 1 calc(50% - 1rem) !important;
  }}
}}
/* Components load after the page: the place of those that fill it is kept. */
[class*="st-key-map_canvas"] {{ min-height: calc(clamp(320px, 60vh, 760px) + 90px); }}
@media (max-width: 1100px) {{
  [class*="st-key-map_canvas"] {{ min-height: calc(clamp(300px, 56vh, 560px) + 90px); }}
}}
.st-key-explore_gallery {{ min-height: 80vh; }}
.st-key-reviewing_gallery {{ min-height: 510px; }}
.st-key-reviewing_keys {{ min-height: 107px; }}
.st-key-reviewing_keys:has([data-testid="stSkeleton"]) {{ visibility: hidden; }}
.st-key-compare_match, .st-key-compare_crop_frame {{ min-height: min(400px, 60vh, 80vw); }}
.placeholder i {{ display: block; margin: 0 0 16px; border-radius: 8px;
  background: light-dark(#F3F5F7, #1A2027);
  animation: placeholder .9s ease-in-out infinite alternate; }}
.placeholder p {{ color: {SOFT}; }}
@keyframes placeholder {{ to {{ opacity: .5; }} }}
@media (prefers-reduced-motion: reduce) {{
  *, *::before, *::after {{
    animation-duration: .01ms !important; animation-iteration-count: 1 !important;
    transition-duration: .01ms !important; scroll-behavior: auto !important;
  }}
}}
</style>"""


def draw() -> None:
    """Add the style sheet to the page."""
    theme = st.context.theme.type  # popovers are outside of the element that has the theme
    st.html(CSS.replace("SCHEME", theme or "light dark"))
