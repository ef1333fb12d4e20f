"""The picker of backbones in the sidebar: one line when closed, groups of names when open.

The list is session state of its own and no widget's value, since each group has a widget; it is
bound to the address like one (simcore/ui/url_state.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import streamlit as st

from simcore.errors import SimError
from simcore.lab.library import models
from simcore.ui import actions
from simcore.ui.widgets import escape_markdown

READY = "ready"
GROUP_NAMES = {READY: "Ready", **models.KINDS}
MAX_LISTED = 12  # names below the closed picker
MAX_OPEN = 24  # larger groups are folded


def draw(
    key: str,
    options: Sequence[str],
    *,
    ready: Collection[str],
    limit: int,
    label: str = "Backbones",
    check: Callable[[str], object] | None = None,
    help: str = "",
) -> list[str]:
    """Draw the picker; the chosen names in the order in which they were chosen.

    Args:
        key: of the list in the session state, which is set.
        options: all names that are offered.
        ready: those that give results at once; they come first.
        limit: at most so many.
        check: raises SimError for a name that cannot be used; where given, names of other
            libraries can be typed.
    """
    chosen: list[str] = st.session_state[key]
    count = f"{len(chosen)} chosen" if chosen else "Choose"
    picker = st.popover(
        f"{label}: {count}",
        icon=":material/neurology:",
        width="stretch",
        key=f"{key}_picker",
        help=help or None,
    )
    with picker:
        for group, names in _groups([*options, *chosen], ready).items():
            if len(names) > MAX_OPEN and group != READY:
                with st.expander(f"{GROUP_NAMES[group]} ({len(names)})", key=f"{key}_{group}_all"):
                    _group(key, group, names, limit)
            else:
                _group(key, group, names, limit)
        if check is not None:
            _name_input(key, limit, check)
        if len(chosen) >= limit:
            st.caption(f"At most {limit} at a time.")
    listed = ", ".join(chosen[:MAX_LISTED])
    more = f" and {len(chosen) - MAX_LISTED} more" if len(chosen) > MAX_LISTED else ""
    st.caption(escape_markdown(listed + more) or f"No {label.lower()} chosen.")
    return chosen


def _groups(names: Sequence[str], ready: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The names by group, in the order of `GROUP_NAMES`."""
    groups: dict[str, list[str]] = {group: [] for group in GROUP_NAMES}
    for name in dict.fromkeys(names):
        groups[READY if name in ready else models.kind(name)].append(name)
    return {group: members for group, members in groups.items() if members}


def _group(key: str, group: str, names: Sequence[str], limit: int) -> None:
    state = st.session_state
    group_key = f"{key}_{group}"
    state[group_key] = [name for name in names if name in state[key]]

    def changed() -> None:
        picked = state[group_key]
        kept = [name for name in state[key] if name not in names or name in picked]
        state[key] = [*kept, *(name for name in picked if name not in kept)][:limit]

    st.pills(
        GROUP_NAMES[group],
        names,
        selection_mode="multi",
        format_func=escape_markdown,
        key=group_key,
        on_change=changed,
    )


def _name_input(key: str, limit: int, check: Callable[[str], object]) -> None:
    state = st.session_state
    text_key = f"{key}_typed"

    def add() -> None:
        name, state[text_key] = state[text_key].strip(), ""
        if not name or name in state[key]:
            return
        try:
            check(name)
        except SimError as error:
            actions.show_error_later(str(error))
        else:
            state[key] = [*state[key], name][:limit]

    st.text_input(
        "Another by name",
        key=text_key,
        max_chars=120,
        on_change=add,
        placeholder="timm:NAME, then Enter",
        help="Models of other libraries: `timm:NAME`, `torchvision:NAME`, "
        "`open_clip:NAME/PRETRAINED`.",
    )
