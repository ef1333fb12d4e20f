"""A map as a picture file: SVG for figures in papers, PNG for slides."""

import io
from html import escape

from simcore.errors import BadDataError, check_whole_number
from simcore.lab import html_document
from simcore.lab.search import map_colors, maps
from simcore.lab.search.map_colors import Colors
from simcore.lab.search.maps import Map

SCALE = ("#7B3FD0", "#C23E9A", "#E8663F", "#D9A400")  # like plasma, readable in light and dark
HIT = html_document.COLORS[2]  # green, as mates are everywhere
QUIET = "#8C96A1"  # for the group that stays in the background
INK = "#1F2429"
MARGIN, LINE, SWATCH = 24, 22, 12  # px
SIZES = 200, 8000  # px, of the square that holds the points
SUFFIXES = (".svg", ".png")


def point_color(groups: Colors, number: int) -> str:
    """The color of one group; ordered groups get the steps of a scale."""
    if groups.quiet and number == len(groups.names) - 1:
        return QUIET
    if groups.hits:
        return HIT
    palette = SCALE if groups.ordered else html_document.COLORS
    return palette[number % len(palette)]


def picture(map_: Map, by: str, suffix: str, *, size: int = 1000) -> bytes:
    """A map with its title and legend.

    Args:
        by: what the points are colored by, one of `map_colors.labels`.
        suffix: ".svg" or ".png".
        size: of the square that holds the points, 200 to 8,000 px.

    Raises:
        BadDataError: another suffix or size, or this map has no data for the coloring.
        UnknownNameError: no such coloring.
    """
    check_whole_number("size", size)
    if suffix.lower() not in SUFFIXES or not SIZES[0] <= size <= SIZES[1]:
        raise BadDataError(
            f"A map is written as .svg or .png of {SIZES[0]} to {SIZES[1]:,} px, not as "
            f"{suffix[:20]!r} of {size:,} px."
        )
    groups = map_colors.groups(map_, by)
    return (_svg if suffix.lower() == ".svg" else _png)(map_, groups, size)


def _title(map_: Map) -> str:
    return f"{map_.collection}, {map_.subset}: {map_.settings.method} of {map_.recipe.label}"


def _points(map_: Map, groups: Colors, size: int) -> list[tuple[float, float, int]]:
    """x, y and group of each point on the map, the group in the background first."""
    x, y = maps.to_pixels(map_.xy, size)
    shown = [(a, b, group) for a, b, group in zip(x, y, groups.group, strict=True) if a >= 0]
    last = len(groups.names) - 1
    return sorted(shown, key=lambda point: not (groups.quiet and point[2] == last))


def _radius(count: int, size: int) -> float:
    return max(1.5, min(6.0, size / 40 / max(count, 1) ** 0.25))


def _legend(groups: Colors) -> list[tuple[int, str]]:
    """Number and label of the groups that are on the map."""
    rows = enumerate(zip(groups.names, groups.counts, strict=True))
    return [(number, f"{name} ({count:,})") for number, (name, count) in rows if count]


def _svg(map_: Map, groups: Colors, size: int) -> bytes:
    points, legend = _points(map_, groups, size), _legend(groups)
    radius, top = _radius(len(points), size), MARGIN + LINE
    width, height = size + 2 * MARGIN, size + top + MARGIN + LINE * len(legend)
    text = f"font-family='sans-serif' font-size='14' fill='{INK}'"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}'><rect width='100%' height='100%' fill='white'/>",
        f"<text x='{MARGIN}' y='{MARGIN}' {text}>{escape(_title(map_))}</text>",
    ]
    for x, y, group in points:
        color = point_color(groups, group)
        parts.append(
            f"<circle cx='{x + MARGIN}' cy='{y + top}' r='{radius:.1f}' fill='{color}' "
            "fill-opacity='0.8'/>"
        )
    for line, (number, label) in enumerate(legend):
        y = size + top + MARGIN + LINE * line
        parts.append(
            f"<circle cx='{MARGIN + SWATCH / 2}' cy='{y - SWATCH / 2}' r='{SWATCH / 2}' "
            f"fill='{point_color(groups, number)}'/>"
            f"<text x='{MARGIN + 2 * SWATCH}' y='{y}' {text}>{escape(label)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""]).encode()


def _png(map_: Map, groups: Colors, size: int) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    points, legend = _points(map_, groups, size), _legend(groups)
    radius, top = _radius(len(points), size), MARGIN + LINE
    shape = size + 2 * MARGIN, size + top + MARGIN + LINE * len(legend)
    sheet = Image.new("RGB", shape, "white")
    pen, font = ImageDraw.Draw(sheet, "RGBA"), ImageFont.load_default(14)
    pen.text((MARGIN, MARGIN - SWATCH), _title(map_), INK, font)
    for x, y, group in points:
        center = x + MARGIN, y + top
        pen.circle(center, radius, fill=point_color(groups, group) + "CC")
    for line, (number, label) in enumerate(legend):
        y = size + top + MARGIN + LINE * line
        pen.circle((MARGIN + SWATCH / 2, y - SWATCH / 2), SWATCH / 2, point_color(groups, number))
        pen.text((MARGIN + 2 * SWATCH, y - SWATCH - 2), label, INK, font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
