"""Words into the space of a CLIP backbone's images.

Only open_clip's models have a half for words. It is loaded from the same file as the half for
images, checked the same way; where the file is not to be had the error says so, as for images.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from simcore.errors import BadDataError, MissingWeightsError
from simcore.models import nets, registry, weights
from simcore.types import Array

LIBRARY = "open_clip:"
MOST = 500  # letters of a question; the networks read some 70 words


def has_text_encoder(backbone: str) -> bool:
    """Whether words can be compared with this backbone's images at all."""
    net = registry.get(backbone).net
    return net is not None and bool(net.words)


def embed(backbone: str, words: str, device: str) -> Array:
    """Words as a vector of the backbone's image space.

    Returns:
        (D,) float32 of length 1.

    Raises:
        BadDataError: no CLIP backbone, no words, too many, or a file that does not fit.
        MissingWeightsError: the weights, or the tokenizer that the model was trained with, are not
            on this machine.
    """
    if not has_text_encoder(backbone):
        raise BadDataError(
            f"found the backbone {backbone}, which knows no words; expected a CLIP model, such as "
            f"{LIBRARY}ViT-B-32/laion2b_s34b_b79k"
        )
    asked = " ".join(words.split())
    if not asked or len(asked) > MOST:
        raise BadDataError(f"found {len(asked)} letters of words; expected 1 to {MOST}")
    import torch

    net, tokens = _load(backbone, device)
    with torch.inference_mode():
        row = net.encode_text(tokens([asked]).to(device)).float()[0].cpu().numpy()
    out: Array = (row / max(float(np.linalg.norm(row)), 1e-12)).astype(np.float32)
    return out


@lru_cache(maxsize=2)
def _load(backbone: str, device: str) -> tuple[Any, Any]:
    import open_clip

    spec = registry.get(backbone)
    place = weights.path(spec.weights[0])
    if spec.net is None or not spec.net.words:
        raise BadDataError(f"{backbone} has no half for words; expected a CLIP model")
    config = open_clip.get_model_config(spec.net.words)
    if config["text_cfg"].get("hf_tokenizer_name") or "siglip" in spec.net.words.lower():
        raise MissingWeightsError(
            f"found no tokenizer for {backbone}: its words are cut by one from a model hub, which "
            "this program does not ask; use a model with CLIP's own, such as ViT-B-32"
        )
    whole = nets.load_network(replace(spec.net, remove_head=None), place)
    return whole.eval().to(device), open_clip.get_tokenizer(spec.net.words)
