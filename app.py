"""The app. `simcore app` starts it with its own server (simcore/ui/serve.py).

`streamlit run app.py` shows the same pages: thumbnails then travel inside the page, and the first
address opened must be the root.
"""

from pathlib import Path

import streamlit as st

from simcore.ui import kiosk, page_export

HERE = Path(__file__).resolve().parent
st.set_page_config(
    page_title="simcore: which images look alike?",
    page_icon=str(HERE / "assets" / "icon.svg"),
    layout="wide",
    menu_items={
        "About": "Which images look alike to people, and which network sees it the same way?"
    },
)
st.logo(
    str(HERE / "assets" / "logo.svg"), icon_image=str(HERE / "assets" / "icon.svg"), size="large"
)
page = kiosk.navigation(
    [
        st.Page(
            "pages/explore.py",
            title="Explore",
            icon=":material/image_search:",
            default=True,
            help="Pick a picture and see what each network finds most alike, side by side.",
        ),
        st.Page(
            "pages/map.py",
            title="Map",
            icon=":material/scatter_plot:",
            url_path="map",
            help="Every picture a point: what each network takes for alike lies together.",
        ),
        st.Page(
            "pages/compare.py",
            title="Compare",
            icon=":material/compare:",
            url_path="compare",
            help="Any two pictures: how alike each network finds them, and why.",
        ),
        st.Page(
            "pages/combine.py",
            title="Combine",
            icon=":material/join_full:",
            url_path="combine",
            help="All combinations of the backbones: the best of each size, what each is worth.",
        ),
        st.Page(
            "pages/exclusive.py",
            title="Exclusive",
            icon=":material/filter_center_focus:",
            url_path="exclusive",
            help="The pairs that only one backbone finds.",
        ),
        st.Page(
            "pages/evaluate.py",
            title="Evaluate",
            icon=":material/monitoring:",
            url_path="evaluate",
            help="The papers' tables and curves on your pairs, the printed values beside them.",
        ),
        st.Page(
            "pages/learn.py",
            title="Learn",
            icon=":material/school:",
            url_path="learn",
            help="Learn from pairs what looks alike, and see what that changed.",
        ),
        st.Page(
            "pages/judgements.py",
            title="Judgements",
            icon=":material/how_to_vote:",
            url_path="judgements",
            help="Which similarity answers as people do: triplets, patches, odd ones out.",
        ),
        st.Page(
            "pages/experiments.py",
            title="Experiments",
            icon=":material/groups:",
            url_path="experiments",
            help="Ask people which pictures look alike, and compare them with machines.",
        ),
        st.Page(
            "pages/review.py",
            title="Review",
            icon=":material/rate_review:",
            url_path="review",
            help="Failure cases: tag them, accept other mates, mark bad pairs.",
        ),
        st.Page(
            "pages/duplicates.py",
            title="Duplicates",
            icon=":material/content_copy:",
            url_path="duplicates",
            help="Near-copies in a collection, and the pairs that are left without them.",
        ),
        st.Page(
            "pages/collections.py",
            title="Collections",
            icon=":material/photo_library:",
            url_path="collections",
            help="Add, extract and remove collections of pictures.",
        ),
        st.Page(
            "pages/models.py",
            title="Models",
            icon=":material/neurology:",
            url_path="models",
            help="Which networks and descriptors are ready, and what the others need.",
        ),
    ],
)
kiosk.watch()
page_export.begin()
page.run()
page_export.download_button(page.title)
