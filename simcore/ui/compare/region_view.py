"""Two pictures with what a network sees in them: heat, lines, and what hiding a part does."""

import base64
from typing import Any

from simcore.lab import html_document
from simcore.lab.search import pair
from simcore.lab.search.pair import Correspondence, Occlusion, Picture
from simcore.ui import components, page_export, thumbnails

MOST_LINES = 14


def correspondences(first: Picture, second: Picture, found: Correspondence, *, key: str) -> None:
    """Heat over what each place adds, lines between places that answer to each other."""
    match = found.match
    lines = [
        [int(a), int(b), round(1000 * float(match.cosine[a, b]))]
        for a, b in match.mutual[:MOST_LINES]
    ]
    added = (
        "The places add up to the similarity, " if found.exact else "The mean features' cosine is "
    )
    sides = [
        _side(picture, found.shape[n], found.windows[n], share.shape)
        | {"heat": [round(float(v), 4) for v in share.ravel()]}
        for n, (picture, share) in enumerate(((first, match.left), (second, match.right)))
    ]
    _show(
        {
            "sides": sides,
            "lines": lines,
            "cosine": [round(1000 * float(v)) for v in match.cosine.ravel()],
            "say": f"{added}{match.total:.3f}. Lines join places that are each other's best "
            f"answer, {len(lines)} of {len(match.mutual)}; point at a place to see its own.",
        },
        key,
    )


def occlusion(first: Picture, second: Picture, found: Occlusion, shape: Any, *, key: str) -> None:
    """Heat over the first picture: where hiding a part makes the second less alike."""
    drop = found.similarity - found.similarities
    count = found.similarities.shape[0]
    words = []
    for row in range(count):
        for column in range(count):
            said = f"Row {row + 1}, column {column + 1} hidden: similarity "
            said += f"{found.similarity:.3f} becomes "
            said += f"{found.similarities[row, column]:.3f}"
            if found.ranks is not None:
                said += f", rank {found.rank:,} becomes {found.ranks[row, column]:,}"
            words.append(said + ".")
    whole = (0.0, 0.0, 1.0, 1.0)
    sides = [
        _side(first, shape[0], whole, (count, count))
        | {"heat": [round(float(v), 4) for v in drop.ravel()], "words": words},
        _side(second, shape[1], whole, (1, 1)) | {"heat": [0.0]},
    ]
    _show(
        {
            "sides": sides,
            "lines": [],
            "cosine": None,
            "say": "Orange: hiding this part makes the two less alike. Blue: more alike. Point at "
            "a part for its numbers.",
        },
        key,
    )


def _show(data: dict[str, Any], key: str) -> None:
    page_export.add(
        "regions",
        lambda: [html_document.embed(*components.REGIONS.sources, page_export.inside(data))],
    )
    components.REGIONS.mount(data=data, key=key)


def _side(
    picture: Picture, shape: tuple[int, int], window: tuple[float, ...], cells: tuple[int, ...]
) -> dict[str, Any]:
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
    """What goes into `src`: the thumbnail of a collection's image, else the picture itself."""
    if picture.key:
        return thumbnails.source(picture.key)
    return "data:image/webp;base64," + base64.b64encode(pair.preview(picture)).decode("ascii")
