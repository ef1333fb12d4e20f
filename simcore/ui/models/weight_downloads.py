"""Models: downloading weights, with consent where a license or a missing checksum asks for it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from simcore.lab.library import models
from simcore.lab.library.models import BackboneInfo
from simcore.results import format_bytes
from simcore.ui import job_progress, remedies, widgets

CHOSEN = remedies.WANTED_MODELS
TRUST = "models.trust"  # session state: whether files without a checksum are accepted


def start_or_ask(name: str) -> None:
    """Start a download, or put it into the form if there is something to agree to."""
    (backbone,) = models.listing([name])
    if backbone.ready:
        return
    if backbone.non_commercial or unverified_files([backbone]):
        st.session_state[CHOSEN] = [name]
        st.session_state[TRUST] = False
    else:
        job_progress.start(["models", "fetch", name])


def unverified_files(backbones: Sequence[BackboneInfo]) -> list[str]:
    """Their files that cannot be verified, each once."""
    files = (file for backbone in backbones for file in backbone.files if not file.verified)
    return list(dict.fromkeys(Path(file.file).name for file in files))


def form(missing: Sequence[BackboneInfo]) -> None:
    """Choose backbones, see what their download means, and start it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = st.multiselect(
            "Fetch weights",
            [backbone.name for backbone in missing],
            key=CHOSEN,
            placeholder="Choose backbones, or click Fetch in the table",
        )
        chosen = [backbone for backbone in missing if backbone.name in names]
        unverified = unverified_files(chosen)
        trusted = bool(unverified) and st.session_state.get(TRUST, False)
        st.button(
            "Fetch",
            type="primary",
            icon=":material/download:",
            disabled=not names or (bool(unverified) and not trusted),
            key="models.start_fetch",
            on_click=job_progress.start,
            args=(["models", "fetch", ",".join(names), *(["--trust"] if trusted else [])],),
        )
    if not chosen:
        return
    total = sum(backbone.bytes for backbone in chosen)
    st.markdown(f"Download size: about **{format_bytes(total)}**.")
    if any(backbone.non_commercial for backbone in chosen):
        st.warning("Some licenses forbid commercial use; see the table.")
    if unverified:
        st.checkbox(
            f"Accept {len(unverified)} file{'s' if len(unverified) > 1 else ''} without a "
            "published checksum",
            key=TRUST,
            help=f"No one publishes a full SHA-256 of {', '.join(unverified[:5])}, so what the "
            "server sends cannot be verified. Its digest is recorded; later changes are refused.",
        )
    for backbone in chosen:
        st.caption(widgets.escape_markdown(_sources(backbone)))


def _sources(backbone: BackboneInfo) -> str:
    """Where a backbone's files come from, what is known about them, and its license."""
    sources = dict.fromkeys(
        f"{Path(file.file).name} from {file.source or 'an unknown source'}"
        + (f" ({file.note})" if file.note else "")
        for file in backbone.files
    )
    return f"{backbone.name}: {'; '.join(sources)}. License: {backbone.license or 'unknown'}."
