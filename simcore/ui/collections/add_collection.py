"""The form that adds a collection: from a path, an uploaded zip, or the demo."""

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.ui import job_progress

ADDED = "_added"  # session state: the name of a collection that was just added
PATH, ZIP, DEMO = "Path on this computer", "Upload a zip", "Emoji demo"


def draw() -> None:
    """Draw the form, or the progress of a running one.

    Raises:
        SimError: the collection cannot be added.
    """
    if job_progress.show("collections", "add") or job_progress.show("demo"):
        return
    source = st.segmented_control(
        "Source",
        [PATH, ZIP, DEMO],
        default=PATH,
        required=True,
        key="collections_source",
        width="stretch",
    )
    if source == DEMO:
        _demo()
        return
    kinds = [kind for kind in collections.KINDS if kind != "emoji"]
    with st.form("collections_form", border=False, enter_to_submit=False):
        kind = st.radio(
            "Layout",
            kinds,
            captions=[collections.KINDS[kind] for kind in kinds],
            key="collections_kind",
        )
        name = st.text_input(
            "Name",
            max_chars=64,
            key="collections_name",
            placeholder="my-pairs",
            help="Lowercase letters, digits, dots, dashes and underscores.",
        )
        if source == ZIP:
            _zip_fields(kind, name)
        else:
            _path_fields(kind, name)


def _demo() -> None:
    st.markdown("About 1,400 emoji, each drawn in two styles, with the features of small networks.")
    st.button(
        "Create the demo",
        type="primary",
        icon=":material/auto_awesome:",
        key="collections_demo",
        on_click=job_progress.start,
        args=(["demo", "--no-serve"],),
        help="The images are downloaded through pip.",
    )


def _submitted() -> bool:
    return st.form_submit_button("Add", type="primary", icon=":material/add:")


def _zip_fields(kind: str, name: str) -> None:
    file = st.file_uploader(
        "Zip file", type="zip", key="collections_zip", help="Unpacked into the cache, with limits."
    )
    if not _submitted():
        return
    if file is None:
        raise BadDataError("No file. Choose a zip file with the images.")
    with job_progress.progress_bar("Reading the zip file") as monitor:
        added = collections.upload(file.getvalue(), kind, name=name.strip(), monitor=monitor)
    st.session_state[ADDED] = added.name
    st.rerun()


def _path_fields(kind: str, name: str) -> None:
    path = st.text_input(
        "Path",
        key="collections_path",
        placeholder="/home/me/images",
        max_chars=4096,
        help="A folder, a zip file or a CSV file; its images stay where they are.",
    )
    votes = st.text_input(
        "Votes (CSV, optional)",
        key="collections_votes",
        help="Columns id, wins, fails: up- and down-votes per pair.",
        max_chars=4096,
    )
    trim = st.number_input(
        "Crop from the bottom, px",
        0,
        1000,
        0,
        key="collections_trim",
        help="Removes captions below the images.",
    )
    ignore_profiles = st.checkbox(
        "Ignore color profiles",
        key="collections_ignore_profiles",
        help="Leaves colors as they are stored, as the papers did. Otherwise images with an "
        "embedded color profile (Adobe RGB, Display P3, CMYK) are converted to sRGB.",
    )
    if not _submitted():
        return
    if not path.strip() or not name.strip():
        raise BadDataError("Path or name is missing. Fill in both.")
    options = ["--votes", votes.strip()] if votes.strip() else []
    options += ["--trim", str(trim)] if trim else []
    options += ["--ignore-profiles"] if ignore_profiles else []
    job_progress.start(
        ["collections", "add", "--name", name.strip(), *options, "--", kind, path.strip()]
    )
    st.rerun()
