"""The app. `simcore app` starts it with its own server (simcore/ui/serve.py).

`streamlit run app.py` shows the same pages, but sends thumbnails inside the page, and the first
address that is opened must be the root.
"""

from pathlib import Path

import streamlit as st

from simcore.ui import job_progress, kiosk, page_export, page_style, sidebar, url_state

kiosk.restrict()
ROOT = Path(__file__).resolve().parent
st.set_page_config(
    page_title="simcore: perceptual image similarity",
    page_icon=str(ROOT / "assets" / "icon.svg"),
    layout="wide",
    menu_items={"About": "Perceptual image similarity: which backbone agrees with people?"},
)
page_style.draw()
st.logo(
    str(ROOT / "assets" / "logo.svg"), icon_image=str(ROOT / "assets" / "icon.svg"), size="large"
)
page = kiosk.navigation(
    [
        st.Page(
            "pages/explore.py",
            title="Explore",
            icon=":material/image_search:",
            default=True,
            help="Search with one image: the nearest images of each backbone, side by side.",
        ),
        st.Page(
            "pages/map.py",
            title="Map",
            icon=":material/scatter_plot:",
            url_path="map",
            help="The whole collection in the plane; similar images are close together.",
        ),
        st.Page(
            "pages/compare.py",
            title="Compare",
            icon=":material/compare:",
            url_path="compare",
            help="Two images: their similarity under each backbone, and the corresponding regions.",
        ),
        st.Page(
            "pages/combine.py",
            title="Combine",
            icon=":material/join_full:",
            url_path="combine",
            help="All combinations of backbones: the best of each size, and what each one adds.",
        ),
        st.Page(
            "pages/exclusive.py",
            title="Exclusive",
            icon=":material/filter_center_focus:",
            url_path="exclusive",
            help="The pairs that only one backbone retrieves.",
        ),
        st.Page(
            "pages/evaluate.py",
            title="Evaluate",
            icon=":material/monitoring:",
            url_path="evaluate",
            help="The papers' tables and figures on your pairs, next to the published values.",
        ),
        st.Page(
            "pages/leaderboard.py",
            title="Leaderboard",
            icon=":material/leaderboard:",
            url_path="leaderboard",
            help="Every backbone on pairs and judgements: ranks with intervals, costs, licenses.",
        ),
        st.Page(
            "pages/invariance.py",
            title="Invariance",
            icon=":material/transform:",
            url_path="invariance",
            help="Rotate, crop or blur an image: which backbones still recognize it.",
        ),
        st.Page(
            "pages/reproduce.py",
            title="Reproduce",
            icon=":material/article:",
            url_path="reproduce",
            help="A whole paper on your data beside its printed values, as one file.",
        ),
        st.Page(
            "pages/claims.py",
            title="Claims",
            icon=":material/gavel:",
            url_path="claims",
            help="What the papers claim, tested on your pairs under every open choice.",
        ),
        st.Page(
            "pages/learn.py",
            title="Learn",
            icon=":material/school:",
            url_path="learn",
            help="Train adaptations and fine-tune networks on pairs or human judgements.",
        ),
        st.Page(
            "pages/judgements.py",
            title="Judgements",
            icon=":material/how_to_vote:",
            url_path="judgements",
            help="Agreement of similarities with human judgements: triplets, 2AFC, odd one out.",
        ),
        st.Page(
            "pages/experiments.py",
            title="Experiments",
            icon=":material/groups:",
            url_path="experiments",
            help="Ask people which images look alike, and compare their answers with models.",
        ),
        st.Page(
            "pages/duel.py",
            title="Duel",
            icon=":material/swords:",
            url_path="duel",
            help="Beat the machine: a live game of people against backbones.",
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
            help="Near-duplicates in a collection, and the pairs that remain without them.",
        ),
        st.Page(
            "pages/collections.py",
            title="Collections",
            icon=":material/photo_library:",
            url_path="collections",
            help="Add collections of images, extract features, remove collections.",
        ),
        st.Page(
            "pages/models.py",
            title="Models",
            icon=":material/neurology:",
            url_path="models",
            help="Installed backbones, and what the others need.",
        ),
    ],
)
st.set_page_config(page_title=f"{page.title} · simcore")  # tabs are told apart by it
kiosk.watch(page)
url_state.start_with(kiosk.collection())
job_progress.chip()
page_export.begin()
sidebar.open_early(page.title)
page.run()
page_export.download_button(page.title)
