"""Search by text, with a tiny CLIP model built for the test, and errors where there is none."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore import memory
from simcore.__main__ import run
from simcore.errors import BadDataError, MissingWeightsError
from simcore.lab.library import collections, extraction, features
from simcore.lab.search import search
from simcore.models import registry, text_encoder, weights
from simcore.ui import components

NAME = "open_clip:tiny-of-the-test/made-here"
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def architecture(tmp_path, monkeypatch):
    """An architecture of open_clip that nobody else has, with one published tag."""
    import open_clip
    from open_clip import factory, pretrained

    folder = tmp_path / "architectures"
    folder.mkdir()
    (folder / "tiny-of-the-test.json").write_text(json.dumps(CONFIG))
    before = dict(factory._MODEL_CONFIGS), list(factory._MODEL_CONFIG_PATHS)
    open_clip.add_model_config(folder)
    tags = {"made-here": {"hf_hub": "nobody/nothing/", "mean": (0.5,) * 3, "std": (0.5,) * 3}}
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-of-the-test", tags)
    yield
    factory._MODEL_CONFIGS.clear()
    factory._MODEL_CONFIGS.update(before[0])
    factory._MODEL_CONFIG_PATHS[:] = before[1]
    registry.forget(NAME)
    memory.clear()


@pytest.fixture
def model(architecture):
    """The same with weights: drawn here with a seed, put where a person would put a file."""
    import open_clip
    from safetensors.torch import save_file

    torch.manual_seed(0)
    net = open_clip.create_model("tiny-of-the-test")
    place = weights.folder() / registry.get(NAME).weights[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, place)
    return net.eval()


def test_words_and_images_meet_in_the_models_own_space(tiny, model):
    import open_clip

    extraction.extract(tiny, [NAME])
    assert search.searchable_backbones(tiny) == [NAME]
    hits = search.search_text(tiny, "  a red\n mushroom ", NAME, k=6)
    assert sorted(hits.ids) == list("abcdef")
    assert (np.diff(hits.scores) <= 0).all()
    tokens = open_clip.get_tokenizer("tiny-of-the-test")(["a red mushroom"])
    with torch.inference_mode():
        vector = model.encode_text(tokens, normalize=True)[0].numpy()
    collection = collections.open_(tiny)
    rows = features.for_side(collection, collection.right, NAME).values
    cosines = rows @ vector / np.linalg.norm(rows, axis=1)
    order = [collection.right.row_of[name] for name in hits.ids]
    np.testing.assert_allclose(hits.scores, cosines[order], atol=1e-5)
    left = search.search_text(tiny, "a red mushroom", NAME, direction="rl", k=1)
    assert left.gallery == 6
    assert search.search_text(tiny, "two cats", NAME).scores[0] != pytest.approx(hits.scores[0])


def test_the_command(tiny, model, capsys):
    extraction.extract(tiny, [NAME])
    capsys.readouterr()
    line = ["search", tiny, "--text", "a hat", "--models", NAME, "-k", "2"]
    assert run([*line, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    assert document["query"] == {"text": "a hat"}
    assert len(document["rows"][0]["hits"]) == 2
    assert run(line) == 0
    assert run(["search", tiny, "--text", "a hat", "--models", "hog"]) == 1
    assert "hog has no text encoder" in capsys.readouterr().err


def test_without_weights_it_is_said_and_nothing_is_at_random(tiny, architecture):
    assert search.searchable_backbones(tiny) == []
    with pytest.raises(MissingWeightsError, match=r"file open_clip.tiny-of-the-test.* is not in"):
        search.search_text(tiny, "a hat", NAME)


def test_a_file_that_does_not_fit_is_refused(tiny, architecture):
    from safetensors.torch import save_file

    place = weights.folder() / registry.get(NAME).weights[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file({"visual.proj": torch.zeros(2, 2)}, place)
    with pytest.raises(BadDataError, match="does not fit this architecture"):
        search.search_text(tiny, "a hat", NAME)


@pytest.mark.parametrize("asked", ["", "  \n", "x" * 501])
def test_no_words_and_too_many(model, asked):
    with pytest.raises(BadDataError, match="Enter 1 to 500"):
        text_encoder.embed(NAME, asked, "cpu")


def test_a_tokenizer_from_a_hub_is_not_asked_for(model, monkeypatch):
    import open_clip

    other = {**CONFIG, "text_cfg": {**CONFIG["text_cfg"], "hf_tokenizer_name": "some/where"}}
    monkeypatch.setattr(open_clip, "get_model_config", lambda _name: other)
    with pytest.raises(MissingWeightsError, match="tokenizer from the Hugging Face hub"):
        text_encoder.embed(NAME, "a hat", "cpu")


def test_explore_says_what_is_missing_or_shows_what_is_found(tiny, model, monkeypatch):
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from tests.conftest import ROOT

    seen = []
    drawn = replace(components.GALLERY, mount=lambda **given: seen.append(given))
    monkeypatch.setattr(components, "GALLERY", drawn)
    st.cache_data.clear()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.session_state["explore_panel"] = "text"
    at.run()
    assert "needs the features of a CLIP model" in " ".join(m.value for m in at.markdown)
    extraction.extract(tiny, [NAME])
    at.run()
    at.get_by_key("explore_text").set_value("a hat").run()
    assert not at.exception
    assert not at.error
    (row,) = next(g["data"]["rows"] for g in seen if g["key"] == "explore_text_results")
    assert row["title"] == NAME
    assert row["tiles"][0]["id"] == search.search_text(tiny, "a hat", NAME).ids[0]
