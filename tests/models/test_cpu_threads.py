"""Descriptors computed in threads are those of one batch, in the same order."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from simcore.models import compiled, cpu_threads, forward, registry
from simcore.models.compiled import MIN_IMAGES

HANDMADE = [name for name in registry.names() if cpu_threads.supports(registry.get(name))]


def test_the_handmade_descriptors_are_threaded_and_nothing_else_is():
    assert {"hog", "edges", "layout", "color", "texture"} <= set(HANDMADE)
    specs = [registry.get(name) for name in HANDMADE]
    assert all(spec.net is None and not spec.weights and not spec.holds_gil for spec in specs)


@pytest.mark.parametrize("name", HANDMADE)
def test_equal_to_one_batch(name, draw):
    spec = registry.get(name)
    embed = forward.load(spec, "cpu")
    threaded = compiled.for_cpu(spec, embed, MIN_IMAGES)
    assert isinstance(threaded, cpu_threads.ThreadedEmbedder)
    prepared = [
        forward.prepare_image(np.asarray(draw(seed)), spec.preprocessing)
        for seed in range(2 * cpu_threads.PART + 3)
    ]
    expected = np.concatenate(forward.forward(embed, spec, prepared, "cpu", "fp32"))
    actual = np.concatenate(forward.forward(threaded, spec, prepared, "cpu", "fp32"))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert len(np.unique(actual, axis=0)) == len(actual)


def test_the_threads_of_the_caller_stay_as_they_are(draw):
    before = torch.get_num_threads()
    spec = registry.get("color")
    threaded = cpu_threads.ThreadedEmbedder(spec, forward.load(spec, "cpu"))
    threaded.from_pixels(np.stack([np.asarray(draw(0, 224, 224))] * 9))
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as another:  # such as that of a visitor who uploads an image
        assert another.submit(torch.get_num_threads).result() == before
