"""What a learned backbone was shown, and so what may no longer judge it.

Pictures are known by their content, so it does not matter in which collection or set they lie.
"""

from collections.abc import Iterable, Sequence

from simcore.errors import BadDataError
from simcore.models import learned


def overlap(name: str, keys: Iterable[str]) -> frozenset[str]:
    """The pictures among some that a learned backbone was learned from; none of any other."""
    if not name.startswith(learned.PREFIX):
        return frozenset()
    return learned.seen(name) & {learned.picture(key) for key in keys}


def of(names: Iterable[str], keys: Sequence[str]) -> list[str]:
    """Those of some backbones that were learned from some of these pictures."""
    known = frozenset(learned.picture(key) for key in keys)
    return [
        name for name in names
        if name.startswith(learned.PREFIX) and learned.seen(name) & known
    ]  # fmt: skip


def innocent(what: str, digest: str, keys: Sequence[str], names: Sequence[str]) -> None:
    """What was learned from some pictures cannot be judged on them again.

    Args:
        what, digest: the collection or set of judgements. keys: of its pictures.
        names: backbones to start from.

    Raises:
        BadDataError: one of the backbones was.
    """
    whole = digest.split("-")[0]
    for name in names:
        told = learned.lineage(name) if name.startswith(learned.PREFIX) else {}
        if told.get("digest", "").split("-")[0] == whole or overlap(name, keys):
            raise BadDataError(
                f"found that {name} was learned from pictures of {what!r}, which would "
                "judge it again; leave it out, or learn on other data"
            )
