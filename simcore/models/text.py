"""Words into the space of a CLIP backbone's images.

Only `open_clip:` backbones have a half for words. It is loaded from the same file as the half for
images, checked the same way; where the file is not to be had the error says so, as for images.
"""

from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from simcore.errors import BadDataError, MissingWeightsError
from simcore.models import registry, weights
from simcore.types import Array

LIBRARY = "open_clip:"
MOST = 500  # letters of a question; the networks read some 70 words


def speaks(backbone: str) -> bool:
    """Whether words can be compared with this backbone's images at all."""
    return backbone.startswith(LIBRARY)


def embed(backbone: str, words: str, device: str) -> Array:
    """Words as a vector of the backbone's image space.

    Returns:
        (D,) float32 of length 1.

    Raises:
        BadDataError: no CLIP backbone, no words, too many, or a file that does not fit.
        MissingWeightsError: the weights, or the tokenizer that the model was trained with, are not
            on this machine.
    """
    if not speaks(backbone):
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
    from open_clip.convert import convert_state_dict

    model, _, tag = backbone.removeprefix(LIBRARY).rpartition("/")
    place = weights.path(registry.spec(backbone).weights[0])
    config = open_clip.get_model_config(model)
    if config["text_cfg"].get("hf_tokenizer_name") or "siglip" in model.lower():
        raise MissingWeightsError(
            f"found no tokenizer for {backbone}: its words are cut by one from a model hub, which "
            "this program does not ask; use a model with CLIP's own, such as ViT-B-32"
        )
    told = open_clip.get_pretrained_cfg(model, tag)
    quick = bool(told.get("quick_gelu")) and not model.endswith("quickgelu")
    net: Any = open_clip.create_model(model, pretrained=None, force_quick_gelu=quick)
    try:
        net.load_state_dict(convert_state_dict(net, _state(place)))
    except (RuntimeError, KeyError, ValueError, UnpicklingError) as error:
        raise BadDataError(
            f"{place} has no half for words that fits {model} ({str(error)[:120]}); expected the "
            "whole model; put the right file there"
        ) from error
    return net.eval().to(device), open_clip.get_tokenizer(model)


def _state(place: Path) -> dict[str, Any]:
    """The tensors of a file, safetensors or a checkpoint, known by how it begins."""
    with place.open("rb") as opened:
        start = opened.read(9)
    if start[8:] == b"{":
        from safetensors.torch import load_file

        return dict(load_file(place))
    from open_clip.factory import load_state_dict

    return dict(load_state_dict(str(place), weights_only=True))
