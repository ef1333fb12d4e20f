"""Tiny networks and arrays: one thread computes them faster than several, and always the same."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def single_thread():
    """PyTorch computes with one thread; processes that tests start need `OMP_NUM_THREADS`."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
