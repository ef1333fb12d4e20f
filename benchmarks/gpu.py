"""The same on a CUDA device: extraction, the papers' networks, all subsets, the nearest ten.

python -m benchmarks.gpu
"""

from benchmarks import architectures, extraction, subset_search, top_k
from benchmarks.results_table import Aim, Line, number, show, skipped
from benchmarks.timing import in_turn

IMAGES = 6_144
SUBSETS = Aim("at most", 0.2)


def all_subsets(quick: bool) -> Line:
    """Brute force in torch on the device, which has the memory's speed for it."""
    pairs, backbones = (300, 5) if quick else (subset_search.PAIRS, subset_search.BACKBONES)
    step = subset_search.brute_torch(
        subset_search.drawn(pairs, backbones, subset_search.SHARE), "cuda"
    )
    step(0, True), step(0, False)
    seconds, done, every = subset_search.timed(step, backbones, subset_search.PATIENCE)
    part = f"all {every:,} subsets at N = {pairs:,}, brute force in torch on the device"
    note = "" if done == every else f"estimated from {done:,} of {every:,}"
    return Line(part, seconds, "s", aim=SUBSETS, note=note)


def nearest(quick: bool) -> Line:
    """One product and one choice on the device, against ours on the processor."""
    import torch

    gallery = top_k.drawn(1_000 if quick else top_k.IMAGES, 64 if quick else top_k.DIM)
    query = top_k.drawn(1, gallery.values.shape[1], seed=1)
    device_gallery = torch.from_numpy(gallery.values.copy()).cuda()
    device_gallery /= device_gallery.norm(dim=1, keepdim=True)
    device_query = torch.from_numpy(query.values.copy()).cuda()[0]

    def device() -> torch.Tensor:
        return (device_gallery @ device_query).topk(top_k.K).indices.cpu()

    took = in_turn({"ours": lambda: top_k.ours(query, gallery), "cuda": device}, rounds=30)
    part = f"top-{top_k.K} of {gallery.count:,} x {gallery.values.shape[1]:,}, on the processor"
    against = f"torch on the device: {number(1e3 * took['cuda'])} ms"
    return Line(part, 1e3 * took["ours"], "ms", against, took["ours"] / took["cuda"])


def lines(quick: bool = False) -> list[Line]:
    """All of it, or one line that says that there is no such device."""
    import torch

    if not torch.cuda.is_available():
        return [skipped("everything on a GPU", "no CUDA device here")]
    return [
        *extraction.measure(64 if quick else IMAGES, extraction.MODELS, "cuda"),
        *architectures.measured(architectures.MODELS.split(",")[: 1 if quick else None], "cuda"),
        all_subsets(quick),
        nearest(quick),
    ]


if __name__ == "__main__":
    show(lines())
