"""Two images with the reasons for their similarity: heat maps, correspondences, occlusion."""

import base64
from typing import Any

from simcore.lab import html_document
from simcore.lab.search import pair
from simcore.lab.search.pair import Correspondence, Occlusion, Picture
from simcore.types import JSON
from simcore.ui import components, page_export, thumbnails

MAX_LINES = 14


def correspondences(first: Picture, second: Picture, result: Correspondence, *, key: str) -> None:
    """Heat over the contribution of each region, and lines between corresponding regions."""
    match = result.match
    lines = [
        [int(a), int(b), round(1000 * float(match.cosine[a, b]))]
        for a, b in match.mutual[:MAX_LINES]
    ]
    sides = [
        _side(picture, result.shape[n], result.windows[n], share.shape)
        | {"heat": [round(float(v), 4) for v in share.ravel()]}
        for n, (picture, share) in enumerate(((first, match.left), (second, match.right)))
    ]
    total = "Similarity, the sum of the regions" if result.exact else "Cosine of the mean features"
    _show(
        {
            "sides": sides,
            "lines": lines,
            "cosine": [round(1000 * float(v)) for v in match.cosine.ravel()],
            "say": f"{total}: {match.total:.3f}. Lines connect {len(lines)} of "
            f"{len(match.mutual)} mutual best matches; point at a region to see its match.",
        },
        key,
    )


def occlusion(first: Picture, second: Picture, result: Occlusion, shape: Any, *, key: str) -> None:
    """Heat over the first image: where occluding a part lowers the similarity."""
    drop = result.similarity - result.similarities
    count = result.similarities.shape[0]
    texts = [
        _occlusion_text(result, row, column) for row in range(count) for column in range(count)
    ]
    window = (0.0, 0.0, 1.0, 1.0)  # the whole image
    sides = [
        _side(first, shape[0], window, (count, count))
        | {"heat": [round(float(v), 4) for v in drop.ravel()], "words": texts},
        _side(second, shape[1], window, (1, 1)) | {"heat": [0.0]},
    ]
    _show(
        {
            "sides": sides,
            "lines": [],
            "cosine": None,
            "say": "Orange: occluding this part lowers the similarity. Blue: raises it. "
            "Point at a part for its numbers.",
        },
        key,
    )


def _occlusion_text(result: Occlusion, row: int, column: int) -> str:
    text = f"Row {row + 1}, column {column + 1} occluded: similarity "
    text += f"{result.similarity:.3f} becomes {result.similarities[row, column]:.3f}"
    if result.ranks is not None:
        text += f", rank {result.rank:,} becomes {result.ranks[row, column]:,}"
    return text + "."


def _show(data: JSON, key: str) -> None:
    page_export.add(
        "regions",
        lambda: [html_document.embed(*components.REGIONS.sources, page_export.inline(data))],
    )
    components.REGIONS.mount(data=data, key=key)


def _side(
    picture: Picture, shape: tuple[int, int], window: tuple[float, ...], cells: tuple[int, ...]
) -> JSON:
    return {
        "name": f"{picture.side} {picture.name}".strip(),
        "src": source(picture),
        "height": shape[0],
        "width": shape[1],
        "window": list(window),
        "rows": cells[0],
        "columns": cells[1],
    }


def source(picture: Picture) -> str:
    """An image's `src`: the thumbnail of a collection's image, or the upload itself."""
    if picture.key:
        return thumbnails.source(picture.key)
    return "data:image/webp;base64," + base64.b64encode(pair.preview(picture)).decode("ascii")
