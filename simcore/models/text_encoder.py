"""Text as vectors in the image space of a CLIP backbone.

Only open_clip's models have a text encoder. It is loaded from the same file as the image encoder,
with the same checks and the same errors.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from simcore.errors import BadDataError, MissingWeightsError
from simcore.models import nets, registry, weights
from simcore.models.spec import BackboneSpec
from simcore.types import Array

LIBRARY = "open_clip:"
MAX_CHARACTERS = 500  # the networks read about 70 tokens


def has_text_encoder(backbone: str) -> bool:
    """Whether text can be compared with this backbone's image features."""
    net = registry.get(backbone).net
    return net is not None and bool(net.text_model)


def embed(backbone: str, text: str, device: str) -> Array:
    """Text as a vector in the backbone's image space.

    Returns:
        (D,) float32 of length 1.

    Raises:
        BadDataError: the backbone has no text encoder, the text is empty or too long, or a file
            does not fit.
        MissingWeightsError: the weights, or the model's own tokenizer, are not on this machine.
    """
    if not has_text_encoder(backbone):
        raise BadDataError(
            f"The backbone {backbone} has no text encoder. Use a CLIP model such as "
            f"{LIBRARY}ViT-B-32/laion2b_s34b_b79k."
        )
    query = " ".join(text.split())
    if not query or len(query) > MAX_CHARACTERS:
        raise BadDataError(
            f"The text has {len(query)} characters. Enter 1 to {MAX_CHARACTERS} characters."
        )
    import torch

    spec = registry.get(backbone)
    model, tokenize = _load(spec, device, weights.fingerprint(spec))
    with torch.inference_mode():
        row = model.encode_text(tokenize([query]).to(device)).float()[0].cpu().numpy()
    unit: Array = (row / max(float(np.linalg.norm(row)), 1e-12)).astype(np.float32)
    return unit


# The fingerprint is in the key because a file may be replaced while the app runs.
@lru_cache(maxsize=2)
def _load(spec: BackboneSpec, device: str, _fingerprint: str) -> tuple[Any, Any]:
    """The model with both encoders, and its tokenizer."""
    import open_clip

    file = weights.path(spec.weights[0])
    assert spec.net is not None
    config = open_clip.get_model_config(spec.net.text_model)
    if config["text_cfg"].get("hf_tokenizer_name") or "siglip" in spec.net.text_model.lower():
        raise MissingWeightsError(
            f"{spec.name} needs a tokenizer from the Hugging Face hub, which simcore does not "
            "download. Use a model with CLIP's own tokenizer, such as ViT-B-32."
        )
    model = nets.load_network(replace(spec.net, remove_head=None), file)
    return model.eval().to(device), open_clip.get_tokenizer(spec.net.text_model)
