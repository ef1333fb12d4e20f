"""The address of a page: what is written is read back, and nothing in it is trusted."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from simcore.ui import url_state
from simcore.ui.explore import explore_view
from simcore.ui.url_state import Field, ListField, NumberField, TextField

IDS = {"emoji": ["a", "b"], "tll": ["b", "c"]}


class Params(dict):
    """Query parameters of a browser tab."""

    def from_dict(self, params):
        self.clear()
        self.update(params)


class Tab:
    """One visitor: session state, address, and the warnings of the last run."""

    def __init__(self):
        self.session_state, self.query_params, self.warnings = {}, Params(), []

    def run(self, page, fields, **link):
        """Open a link, or run the page again without one."""
        if link:
            self.query_params.from_dict(link)
        self.warnings.clear()
        st = SimpleNamespace(
            session_state=self.session_state,
            query_params=self.query_params,
            warning=lambda text, icon: self.warnings.extend(text.split("  \n")),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(url_state, "st", st)
            patch.setattr(explore_view, "st", st)
            return dict(url_state.bind(page, fields))

    @property
    def address(self):
        return dict(self.query_params)


FIELDS = [
    Field("collection", list(IDS), shared=True),
    Field("query", lambda values: IDS[values["collection"]], label="image"),
    ListField("models", ["hog", "color", "layout"], default=["hog"], per="collection", shared=True),
    ListField("found", lambda values: values["models"], default=[], keep_empty=True),
    TextField("annotator", limit=5),
    NumberField("within", default=0.1, high=0.4),
]
DEFAULTS = {"collection": "emoji", "query": "a", "models": "hog", "found": "none", "within": "0.1"}


def test_without_a_link_every_field_has_its_default_and_the_address_says_so():
    tab = Tab()
    values = tab.run("page", FIELDS)
    assert values == DEFAULTS | {"models": ["hog"], "found": [], "annotator": "", "within": 0.1}
    assert tab.address == DEFAULTS
    assert tab.session_state["page_models_emoji"] == ["hog"]


def test_a_link_sets_the_widgets_and_a_widget_changes_the_address():
    tab = Tab()
    link = {"collection": "tll", "query": "c", "models": "color,hog", "found": "hog"}
    link |= {"annotator": "Ana", "within": "0.25"}
    assert tab.run("page", FIELDS, **link)["models"] == ["color", "hog"]
    assert tab.address == link
    tab.session_state["page_query"] = "b"
    assert tab.run("page", FIELDS)["query"] == "b"
    assert tab.address == link | {"query": "b"}


def test_a_followed_link_wins_over_the_widgets():
    tab = Tab()
    tab.run("page", FIELDS)
    tab.session_state["page_within"] = 0.3
    assert tab.run("page", FIELDS, collection="tll", within="0.2")["within"] == 0.2
    assert tab.session_state["page_query"] == "b"


def test_a_value_of_another_collection_becomes_the_default_without_a_warning():
    tab = Tab()
    tab.run("page", FIELDS, collection="emoji", query="a", models="color")
    tab.session_state["page_collection"] = "tll"
    values = tab.run("page", FIELDS)
    assert (values["query"], values["models"]) == ("b", ["hog"])
    assert tab.warnings == []


def test_fields_that_are_bound_later_still_follow_the_link():
    tab = Tab()
    tab.run("page", FIELDS[:1], collection="tll", within="0.3", annotator="Ana")
    assert tab.run("page", FIELDS)["within"] == 0.3
    assert tab.address["annotator"] == "Ana"


def test_the_next_page_starts_with_the_shared_fields_only():
    tab = Tab()
    tab.run("page", FIELDS, collection="tll", query="c", models="color", within="0.2")
    tab.query_params.clear()  # as Streamlit does when a page is opened by the menu
    values = tab.run("other", FIELDS)
    assert (values["collection"], values["models"]) == ("tll", ["color"])
    assert (values["query"], values["within"]) == ("b", 0.1)


def test_a_page_is_found_as_it_was_left():
    tab = Tab()
    tab.run("page", FIELDS, collection="tll", query="c", within="0.2")
    tab.session_state = {k: v for k, v in tab.session_state.items() if k.startswith("_")}
    tab.query_params.clear()
    assert tab.run("page", FIELDS)["within"] == 0.2
    assert tab.address["query"] == "c"


def test_a_choice_on_one_page_is_kept_on_the_others_and_back_again():
    tab = Tab()
    tab.run("explore", FIELDS, collection="tll", query="c", models="color")
    tab.query_params.clear()
    assert tab.run("page", FIELDS)["models"] == ["color"]
    tab.session_state["page_models_tll"] = ["layout", "hog"]
    tab.run("page", FIELDS)
    tab.query_params.clear()
    values = tab.run("explore", FIELDS)
    assert (values["collection"], values["query"]) == ("tll", "c")
    assert values["models"] == ["layout", "hog"]
    assert tab.run("page", FIELDS, collection="emoji", models="hog")["models"] == ["hog"]
    tab.query_params.clear()
    assert tab.run("explore", FIELDS)["collection"] == "emoji", "links count as well"


def test_a_page_that_cannot_show_the_collection_does_not_change_it_elsewhere():
    tab = Tab()
    tab.run("explore", FIELDS, collection="tll", models="color,layout")
    tab.query_params.clear()
    pairs = [Field("collection", ["emoji"], shared=True), *FIELDS[1:2], *FIELDS[2:]]
    assert tab.run("page", pairs)["collection"] == "emoji"
    assert tab.warnings == []
    tab.run("page", pairs)
    tab.query_params.clear()
    values = tab.run("explore", FIELDS)
    assert (values["collection"], values["models"]) == ("tll", ["color", "layout"])


def test_backbones_that_a_page_cannot_show_are_still_chosen_elsewhere():
    tab = Tab()
    tab.run("explore", FIELDS, models="color,layout")
    tab.query_params.clear()
    ready = [FIELDS[0], ListField("models", ["hog", "color"], per="collection", shared=True)]
    assert tab.run("page", ready)["models"] == ["color"]
    tab.query_params.clear()
    assert tab.run("explore", FIELDS)["models"] == ["color", "layout"]


@pytest.mark.parametrize(
    ("link", "text"),
    [
        ({"collection": "tlll"}, "tll"),
        ({"query": "zz"}, "zz"),
        ({"models": "hog,colour"}, "color"),
        ({"models": "x1,x2,x3"}, "x3"),
        ({"within": "nan"}, "within"),
        ({"within": "0.41"}, "0\\.4"),
        ({"within": "²"}, "within"),
    ],
)
def test_a_bad_value_gets_a_warning_and_its_default_once(link, text):
    tab = Tab()
    values = tab.run("page", FIELDS, **link)
    assert values["collection"] == "emoji"
    assert values["within"] == 0.1
    assert "hog" in values["models"]
    assert any(text in warning for warning in tab.warnings)
    assert len(tab.warnings) == (3 if "x1" in str(link) else 1)
    tab.run("page", FIELDS)
    assert tab.warnings == []


@given(some.dictionaries(some.sampled_from([field.name for field in FIELDS]), some.text()))
def test_any_link_gives_values_that_can_be_shown(link):
    tab = Tab()
    values = tab.run("page", FIELDS, **link)
    assert values["query"] in IDS[values["collection"]]
    assert set(values["found"]) <= set(values["models"]) <= {"hog", "color", "layout"}
    assert 0 <= values["within"] <= 0.4
    assert len(values["annotator"]) <= 5
    assert tab.run("page", FIELDS) == values
    assert Tab().run("page", FIELDS, **tab.address) == values


@pytest.fixture
def explore(tiny):
    """`explore(k="3")` -> what Explore makes of a link, and the warnings."""

    def opened(**link):
        tab = Tab()
        view = explore_view.view_of(tab.run("explore", explore_view.fields([tiny]), **link))
        return view, tab

    return opened


def test_explore_reads_back_what_it_writes(explore, tiny):
    link = {"collection": tiny, "query": "b", "direction": "rl", "metric": "l1", "k": "7"}
    link |= {"models": "hog,color", "combine": "sum,weighted", "weights": "2,0.5"}
    link |= {"missing": "worst", "order": "rank"}
    view, tab = explore(**link)
    assert view.weights == (2.0, 0.5)
    assert view.missing == "worst"
    assert view.order == "rank"
    assert tab.address == link
    assert tab.warnings == []


def test_no_combination_is_not_the_default_combination(explore):
    assert explore(combine="none")[0].combine == ()
    assert explore()[0].combine == ("zsum",)


@pytest.mark.parametrize(
    ("link", "text"),
    [
        ({"collection": "tinny"}, "id you mean tiny?"),
        ({"direction": "up"}, "o direction named 'up'"),
        ({"metric": "cosin"}, "id you mean cosine?"),
        *(({"k": k}, "from 1 to 50") for k in ("0", "51", "-3", "1e9", "²")),
        ({"combine": "zsum,product"}, "o combination named 'product'"),
        *(({"models": "hog", "weights": w}, "weights must be 1 numbers") for w in ("1,2", "nan")),
        ({"models": "hog", "weights": "-1"}, "weights must be 1 numbers"),
    ],
)
def test_a_bad_value_of_explore_gets_one_sentence_and_the_rest_stays(explore, link, text):
    view, tab = explore(query="b", **link)
    (warning,) = tab.warnings
    assert text in warning.replace("\\", "")
    assert view.query == "b"
    assert 1 <= view.k <= explore_view.MAX_K


def test_a_link_with_very_many_backbones_is_cut_off(explore):
    _, tab = explore(models=",".join(f"m{n}" for n in range(99)))
    assert "99 values" in tab.warnings[0]
    assert len(tab.warnings) <= url_state.MAX_WARNED
