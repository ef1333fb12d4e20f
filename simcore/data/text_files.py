"""Small files from users, read whole: regular files only, up to a limit, in any Unicode form."""

import codecs
import stat
from pathlib import Path

from simcore.errors import BadDataError

_MARKS = (  # byte order mark -> encoding; UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 4096  # bytes


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file.

    Raises:
        BadDataError: absent, unreadable, larger than `max_bytes`, or a pipe or device, which may
            never end.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > max_bytes:
        raise BadDataError(f"{path.name} has more than {max_bytes:,} bytes, the limit. Split it.")
    return data


def check_regular(path: Path) -> None:
    """Refuse what may block or never end when it is opened.

    Raises:
        BadDataError: absent, or not a regular file.
    """
    try:
        is_regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise _unreadable(path, error) from error
    if not is_regular:
        raise BadDataError(f"{path} is not a regular file. Give the path of a file.")


def _unreadable(path: Path, error: Exception) -> BadDataError:
    reason = getattr(error, "strerror", None) or error
    return BadDataError(f"{path} cannot be read ({reason}). Check the path.")


def read_text(path: Path, max_bytes: int) -> str:
    """The text of a file; see `decode`.

    Raises:
        BadDataError: as `read_bytes` and `decode`.
    """
    return decode(read_bytes(path, max_bytes), path.name)


def decode(data: bytes, name: str) -> str:
    r"""UTF-8, or UTF-16 and UTF-32 as Windows programs write them, without its byte order mark.

    Args:
        data: the bytes of a file.
        name: the file, for messages.

    Raises:
        BadDataError: another encoding. It is not guessed, since a wrong guess changes names.

    >>> decode("é".encode("utf-16"), "a.csv")
    'é'
    """
    mark, encoding = next(
        ((mark, encoding) for mark, encoding in _MARKS if data.startswith(mark)),
        (b"", _unmarked_encoding(data)),
    )
    body = data[len(mark) :]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        before = body[: error.start].decode(encoding, "replace")
        line = before.count("\n") + 1
        raise BadDataError(
            f"Line {line} of {name} is not {encoding[:6].rstrip('-').upper()} text. Save it as "
            "UTF-8; in Excel, choose the file type 'CSV UTF-8'."
        ) from error


def _unmarked_encoding(data: bytes) -> str:
    """UTF-16 without a mark has a zero byte beside each Latin letter; no UTF-8 text has any."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if 4 * max(even, odd) < len(sample) or min(even, odd):
        return "utf-8"
    return "utf-16-be" if even else "utf-16-le"
