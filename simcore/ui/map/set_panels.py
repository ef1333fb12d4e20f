"""Networks side by side on the images of a judgement set (margaritescu2024, Figure 5.2)."""

from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.judgements import set_maps
from simcore.lab.judgements.set_maps import NetworkMap, SetMaps
from simcore.lab.search import maps
from simcore.recipe import Question
from simcore.ui import charts, commands, job_progress, kiosk, url_state
from simcore.ui.map.map_canvas import METHOD_NAMES
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

PAGE, COLUMNS, HEIGHT = "map", 3, 280
SYMBOLS = {"circle": "●", "square": "■", "diamond": "◆", "triangle-up": "▲", "x": "✕"}
MAX_LEGEND = 40  # folders
MAX_POINTS = 2000  # per panel; WebGL would draw more, but browsers allow few such charts per page


def show(question: Question) -> None:
    """Small maps of all backbones, if the collection holds the images of a judgement set."""
    judgements = set_maps.set_of(question.collection)
    if not judgements:
        return
    st.header(
        "Networks side by side",
        anchor=False,
        help="The images of the judgements by folder, one map per backbone. The silhouette (-1 to "
        "1) and the share of the 5 nearest images from the same folder are of the backbone's own "
        "similarities, not of the map.",
    )
    methods = {name: METHOD_NAMES[name] for name in ("umap", "pca", "tsne")}
    url_state.bind(PAGE, [Field("panels", list(methods), label="method of the small maps")])
    method = st.segmented_control(
        "Method of the small maps",
        list(methods),
        format_func=methods.__getitem__,
        key=f"{PAGE}_panels",
        required=True,
        label_visibility="collapsed",
    )
    settings = maps.projection_settings(method or "umap")
    models = question.backbones
    result = set_maps.load(judgements, question.collection, models, settings)
    if result.networks:
        _panels(result)
        st.dataframe(result.to_table().to_frame(), hide_index=True, key="map_separation")
    ready = {network.model for network in result.networks}
    missing = [model for model in models if model not in ready]
    args = ["map", judgements, "--models", ",".join(models), "--method", settings.method]
    if missing and not kiosk.enabled() and not job_progress.show(*args):
        st.button(
            f"Compute {len(missing)} {'map' if len(missing) == 1 else 'maps'}",
            icon=":material/play_arrow:",
            key="map_panels_go",
            on_click=job_progress.start,
            args=(args,),
            help=f"Of {', '.join(map(escape_markdown, missing))}.",
        )
    commands.show(args)


def _panels(result: SetMaps) -> None:
    folders = list(dict.fromkeys(sorted(result.labels)))
    _legend(folders)
    if len(result.labels) > MAX_POINTS:
        step = -(-len(result.labels) // MAX_POINTS)
        st.caption(f"One point per {step} images; the scores are of all.")
    for start in range(0, len(result.networks), COLUMNS):
        row = result.networks[start : start + COLUMNS]
        for column, network in zip(st.columns(COLUMNS), row, strict=False):
            with column.container(border=True):
                charts.show(
                    _figure(network, result.labels, folders),
                    f"map_panel_{network.model}",
                    title=escape_markdown(network.model),
                    height=HEIGHT,
                )
                if text := _scores(network):
                    st.caption(text)


def _scores(network: NetworkMap) -> str:
    """The separation of a network, "" where folders cannot be compared."""
    if network.separation is None:
        return ""
    scores = network.separation
    return f"silhouette {scores.silhouette:.2f}, purity {100 * scores.purity:.0f} %"


def _style(number: int) -> tuple[str, str]:
    """Color and symbol of a folder; a folder beyond the colors gets another symbol."""
    palette, symbols = html_document.COLORS, list(SYMBOLS)
    return palette[number % len(palette)], symbols[number // len(palette) % len(symbols)]


def _legend(folders: list[str]) -> None:
    parts = []
    for number, folder in enumerate(folders[:MAX_LEGEND]):
        color, symbol = _style(number)
        mark = f'<span style="color:{color}" aria-hidden="true">{SYMBOLS[symbol]}</span>'
        parts.append(f'<span style="white-space:nowrap">{mark} {escape(folder)}</span>')
    if len(folders) > MAX_LEGEND:
        parts.append(f"and {len(folders) - MAX_LEGEND:,} more")
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:0.2rem 0.9rem">{"".join(parts)}</div>')


def _figure(network: NetworkMap, labels: tuple[str, ...], folders: list[str]) -> go.Figure:
    figure, folder_of = go.Figure(), np.array(labels)
    names, xy = np.array(network.map.ids, dtype=object), network.map.xy
    step = -(-len(xy) // MAX_POINTS)
    for number, folder in enumerate(folders):
        rows = np.flatnonzero((folder_of == folder) & ~np.isnan(xy[:, 0]))[::step]
        color, symbol = _style(number)
        figure.add_scatter(
            x=xy[rows, 0],
            y=xy[rows, 1],
            mode="markers",
            name=folder,
            showlegend=False,
            text=names[rows],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": 5, "color": color, "symbol": symbol, "opacity": 0.8},
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure
