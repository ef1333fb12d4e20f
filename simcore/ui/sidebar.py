"""The controls that the analyses share: collection, backbones, pairs, metric, direction."""

from collections.abc import Sequence

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab import recipes
from simcore.lab.library import collections, provenance
from simcore.lab.library import subsets as library_subsets
from simcore.recipe import MISSING_RULES, POST_PROCESSING, Question, filtered_subset
from simcore.types import DIRECTIONS, METRICS, Collection
from simcore.ui import (
    backbone_picker,
    commands,
    field_filter,
    job_progress,
    url_state,
    widgets,
)
from simcore.ui.field_filter import FILTER
from simcore.ui.url_state import Field, ListField, Values
from simcore.ui.widgets import escape_markdown

METRIC_NAMES = {"own": "Own", "cosine": "Cosine", "l2": "L2", "l1": "L1"}
DIRECTION_NAMES = {"lr": "Left → right", "rl": "Right → left"}
COMBINATION_NAMES = {
    "zsum": "z-sum",
    "sum": "Plain sum",
    "rrf": "Rank fusion",
    "rerank": "Re-ranked z-sum",
    "none": "None",
}
POST_NAMES = {
    "none": "None (as in the papers)",
    "center": "Centering",
    "csls": "Hubness correction (CSLS)",
    "center+csls": "Centering and CSLS",
}
MISSING_NAMES = {"mean": "Mean", "worst": "Infinite distance"}
MAX_BACKBONES = 16
# Pages that have no choice of a collection in the sidebar, or not always.
WITHOUT_COLLECTION = ("Judgements", "Experiments", "Duel", "Collections", "Models")
DEMO = "emoji"
# Of the demo: a pair that the sum of all backbones finds, and none of them alone.
FIRST_IMAGES = {DEMO: "mushroom"}


def _subset_options(values: Values) -> list[str]:
    return list(library_subsets.choices(values["collection"]))


FIELDS = {
    "subset": Field("subset", _subset_options, shared=True),
    "metric": Field("metric", ("own", *METRICS), shared=True),
    "direction": Field("direction", DIRECTIONS, shared=True),
    "post": Field("post", POST_PROCESSING, label="post-processing", shared=True),
    "missing": Field("missing", MISSING_RULES, label="rule for missing evidence", shared=True),
}
HELP = {
    "subset": "Which of the collection's pairs; subsets leave out near-duplicates, for example. "
    "tlld follows the text of rosenfeld2018; tlld-paper the authors' code, which also drops pairs "
    "without a face on both sides.",
    "metric": "Own: the metric that each backbone was made for, cosine for most.",
    "direction": "The side that the queries are on; their mates are searched on the other side.",
    "post": "A correction of the features or similarities before they are ranked. Centering "
    "subtracts the mean feature; CSLS lowers images that are near to everything.",
    "missing": "What counts in a combination where a backbone has no evidence, such as a face. "
    "Mean: favors no image. Infinite distance (rosenfeld2018): behind every image with evidence.",
}


def open_early(title: str) -> None:
    """Open the sidebar of a page before its controls are known, so that nothing moves then."""
    if title not in WITHOUT_COLLECTION and collections.names():
        st.sidebar.empty()


def open_question(question: Question) -> Collection:
    """The pairs of a question."""
    return library_subsets.open_subset(question.collection, question.subset)


def pair_collections() -> list[str]:
    """Names of the collections with known mates."""
    return [name for name in collections.names() if collections.open_(name).right is not None]


def first_image(collection: str, ids: Sequence[str]) -> str:
    """The image of a side that pages start with."""
    name = FIRST_IMAGES.get(collection, "")
    return name if name in ids else ids[0]


def extracted_backbones(name: str) -> list[str]:
    """Backbones whose features are complete; none before the first extraction."""
    try:
        return collections.extracted_backbones(name)
    except BadDataError:
        return []


def collection_field(*, without_mates: bool = False) -> Field | None:
    """The field `collection`; without any collection None, after a link to the page that adds one.

    Args:
        without_mates: whether collections without known mates are possible.
    """
    names = collections.names() if without_mates else pair_collections()
    if not names:
        kind = "collection" if without_mates else "collection of pairs"
        widgets.empty_state(f"There is no {kind} yet.", "pages/collections.py", "Add one")
        return None
    return Field("collection", names, shared=True)


def select_collection(names: Sequence[str], *, key: str, label: str = "Collection") -> str:
    """The choice of a collection in a form; it starts with that of the page before."""
    before = url_state.shared("collection")
    index = names.index(before) if before in names else 0
    return st.selectbox(label, names, index=index, key=key)


def _default_backbones(values: Values) -> list[str]:
    try:
        return collections.default_backbones(values["collection"])
    except BadDataError:
        return []


MODELS = ListField(
    "models",
    lambda values: extracted_backbones(values["collection"]),
    default=_default_backbones,
    label="backbone with features in this collection",
    shared=True,
    per="collection",
    limit=MAX_BACKBONES,
)


def select_question(
    page: str,
    *,
    min_backbones: int = 1,
    options: Sequence[str] = ("subset", "metric", "direction"),
    fields: Sequence[Field] = (),
    without_mates: bool = False,
) -> Question | None:
    """Draw the controls in the sidebar; None, with a sentence, while nothing can be shown.

    Args:
        min_backbones: how many the page needs.
        options: those of `FIELDS` that the page's numbers depend on.
        fields: further fields of the page, whose widgets it draws itself.
        without_mates: whether collections without known mates are possible.

    Raises:
        BadDataError: the collection has no features yet.
    """
    collection = collection_field(without_mates=without_mates)
    if collection is None:
        return None
    question_fields = [FIELDS[name] for name in options]
    question_fields += [FILTER] if "subset" in options else []
    values = url_state.bind(page, [collection, MODELS, *question_fields, *fields])
    with st.sidebar:
        _controls(page, collection, options, values)
        filtered = "subset" in options
        where = field_filter.draw(page, values["collection"]) if filtered else ""
    name, models = values["collection"], values["models"]
    if not MODELS.choices(values):
        collections.default_backbones(name)  # raises, with the command that extracts features
    metric = values["metric"] if "metric" in options else "own"
    post = values["post"] if "post" in options else "none"
    missing = values["missing"] if "missing" in options else "mean"
    question = Question(
        name,
        tuple(recipes.parse(models, metric=metric, post=post, missing=missing)) if models else (),
        values["direction"] if "direction" in options else "lr",
        filtered_subset(values["subset"], where) if filtered else "all",
    )
    if models and not library_subsets.is_quick(name, question.subset):
        offer_job(page, question, "recall")
        return None
    if warning := provenance.training_overlap_warning(name, models, question.subset):
        st.warning(escape_markdown(warning.rstrip(".") + "."), icon=":material/school:")
    if len(models) < min_backbones:
        plural = "s" if min_backbones > 1 else ""
        st.info(f"Choose at least {min_backbones} backbone{plural} in the sidebar.")
        return None
    return question


def offer_job(page: str, question: Question, command: str) -> None:
    """In place of results that take too long to wait for: their job, and its command line.

    Args:
        command: of `simcore evaluate`, which computes and stores them.
    """
    line = commands.evaluate(question, command)
    left = collections.open_(question.collection).left
    reason = f"This takes minutes for {len(left):,} pairs, and is not computed yet."
    job_progress.offer(line.args, reason, key=f"{page}_job")
    commands.show(line)


def _controls(page: str, collection: Field, options: Sequence[str], values: Values) -> None:
    """The widgets of the fields that `select_question` binds."""
    st.selectbox("Collection", collection.choices({}), key=f"{page}_collection")
    backbone_picker.draw(
        MODELS.key(page, values),
        MODELS.choices(values),
        ready=MODELS.choices(values),
        limit=MAX_BACKBONES,
        help="Backbones with features in this collection; extract more on the page Collections.",
    )
    subsets = library_subsets.choices(values["collection"])
    labels = {
        "subset": ("Pairs", {key: f"{key}: {text}" for key, text in subsets.items()}),
        "metric": ("Metric", METRIC_NAMES),
        "direction": ("Direction", DIRECTION_NAMES),
        "post": ("Post-processing", POST_NAMES),
        "missing": ("Missing evidence", MISSING_NAMES),
    }
    for option in options:
        label, names = labels[option]
        st.selectbox(
            label,
            list(names),
            format_func=names.__getitem__,
            key=f"{page}_{option}",
            help=HELP[option],
        )
