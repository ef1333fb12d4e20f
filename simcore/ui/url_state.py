"""The state of a page in its address: query parameters and the widgets that belong to them.

A page lists its `Field`s and calls `bind` before it draws their widgets, each with the key
`{page}_{field}`. A link sets the widgets, a widget changes the address, and the next page starts
with the shared fields of the last one. Nothing in a link is trusted: a value that cannot be used
gets a warning, and the field its default.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from simcore.errors import SimError, unknown_name
from simcore.types import QueryParams
from simcore.ui.widgets import escape_markdown

Values = Mapping[str, Any]  # field name -> value, of the fields before
Options = Sequence[str] | Callable[[Values], Sequence[str]]
MISSING = object()
MAX_WARNED = 5  # names per list, so that a long link does not fill the page
# Session state: what the link of this page got wrong, and what the next run shows of it again.
WARNED, REPEATED = "_link_warned", "_link_repeated"
FieldValues = dict[str, Any]  # field name -> value


@dataclass(frozen=True)
class Field:
    """A query parameter with one of several values, and its selectbox.

    Attributes:
        name: in the address; also the CLI option and the field of `recipe.Question`.
        options: allowed values; a function where they depend on the fields before it.
        default: the first option unless given.
        label: what warnings call it; by default its name.
        shared: whether the next page starts with the same value.
        per: an earlier field; each of its values has a widget of its own.
    """

    name: str
    options: Options = ()
    default: Any = None
    label: str = ""
    shared: bool = False
    per: str = ""

    def key(self, page: str, values: Values) -> str:
        """The key of the widget."""
        key = f"{page}_{self.name}"
        if not self.per:
            return key
        owner = values[self.per]
        if owner is None:  # nothing can be chosen there, so that there is one widget
            return key
        return f"{key}_{owner if isinstance(owner, str) else ','.join(owner)}"

    def choices(self, values: Values) -> Sequence[str]:
        """The allowed values, given those of the fields before."""
        return self.options(values) if callable(self.options) else self.options

    def initial(self, values: Values) -> Any:
        """The value without a link."""
        if self.default is not None:
            return self.default(values) if callable(self.default) else self.default
        return next(iter(self.choices(values)), None)

    def parse(self, text: str, values: Values) -> tuple[Any, list[str]]:
        """The value of a link, and what is wrong with it."""
        options = self.choices(values)
        if text in options:
            return text, []
        problem = str(unknown_name(self.label or self.name, text[:80], options))
        return self.initial(values), [problem]

    def format(self, value: Any) -> str:
        """The value in an address; "" leaves the parameter out."""
        return str(value or "")

    def validate(self, value: Any, values: Values) -> Any:
        """The widget's value, or the default where it is no longer possible."""
        return value if value in self.choices(values) else self.initial(values)

    def load(self, page: str, values: Values) -> Any:
        """The widget's value, or MISSING."""
        return st.session_state.get(self.key(page, values), MISSING)

    def store(self, page: str, values: Values, value: Any) -> list[str]:
        """Set the widget; returns the keys that it uses."""
        key = self.key(page, values)
        if key not in st.session_state or st.session_state[key] != value:
            st.session_state[key] = value
        return [key]


@dataclass(frozen=True)
class ListField(Field):
    """Several values, separated by commas; "none" is the empty list.

    Attributes:
        expand: the values that a name stands for; raises SimError for one that cannot be used. By
            default a name must be one of `options`.
        limit: at most so many.
        keep_empty: whether a list without any usable name stays empty instead of the default.
    """

    expand: Callable[[str], Sequence[str]] | None = None
    limit: int = 24
    keep_empty: bool = False

    def parse(self, text: str, values: Values) -> tuple[Any, list[str]]:
        """The usable names of a link, each once, and what is wrong with the others."""
        names = list(dict.fromkeys(name.strip()[:120] for name in text.split(",") if name.strip()))
        problems = []
        if len(names) > self.limit:
            problems.append(
                f"{len(names)} values of {self.name}; only the first {self.limit} are used."
            )
        usable: list[str] = []
        for name in names[: self.limit]:
            if name == "none" and self.keep_empty:
                continue
            try:
                usable += self._expand(name, values)
            except SimError as error:
                problems.append(str(error))
        if not usable and not (self.keep_empty and names):
            return self.initial(values), problems[:MAX_WARNED]
        return list(dict.fromkeys(usable))[: self.limit], problems[:MAX_WARNED]

    def _expand(self, name: str, values: Values) -> Sequence[str]:
        if self.expand is not None:
            return self.expand(name)
        options = self.choices(values)
        if name not in options:
            raise unknown_name(self.label or self.name, name[:40], options)
        return [name]

    def initial(self, values: Values) -> list[str]:
        """The default, at most `limit` names."""
        return list(super().initial(values) or [])[: self.limit]

    def format(self, value: Any) -> str:
        """Names with commas; the empty list is "none" where it may stay empty."""
        return ",".join(value) or ("none" if self.keep_empty else "")

    def validate(self, value: Any, values: Values) -> list[str]:
        """The names that are still possible."""
        if self.expand is not None:
            return list(value or [])
        options = self.choices(values)
        return [name for name in value or [] if name in options]


@dataclass(frozen=True)
class TextField(Field):
    """Any text, cut off at a length."""

    default: str = ""
    limit: int = 500

    def parse(self, text: str, values: Values) -> tuple[str, list[str]]:
        """The text."""
        return text[: self.limit], []

    def validate(self, value: Any, values: Values) -> str:
        """The text, "" for None."""
        return str(value or "")


@dataclass(frozen=True)
class NumberField(Field):
    """A number from `low` to `high`; a whole number where the default is one."""

    default: float = 0
    low: float = 0
    high: float = 1

    def parse(self, text: str, values: Values) -> tuple[float, list[str]]:
        """The number, or the default with a sentence."""
        try:
            number = type(self.default)(text) if text.isascii() else float("nan")
        except ValueError:
            number = float("nan")
        if self.low <= number <= self.high:
            return number, []
        problem = f"{self.name} must be from {self.low:g} to {self.high:g}, got {text[:20]!r}."
        return self.default, [f"{problem} Showing {self.default:g}."]

    def format(self, value: Any) -> str:
        """The number without superfluous digits."""
        return f"{value:g}"

    def validate(self, value: Any, values: Values) -> Any:
        """The number, or the default where it is out of range."""
        return value if value is not None and self.low <= value <= self.high else self.default


@dataclass
class _Page:
    """What is known about the address of a page that was visited."""

    params: dict[str, str]  # name -> text, also of fields that are not bound yet
    linked: bool  # whether they come from a link, so that bad values get a warning
    visible: set[str]  # names that stay in the address
    address: dict[str, str]  # as it was opened, or as we wrote it last
    bound: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)  # of the widgets
    # Field -> what this page shows instead of a shared value that it cannot show. It stays here:
    # a collection without mates is not forgotten when a page that needs mates is opened.
    substitutes: dict[str, str] = field(default_factory=dict)


def bind(page: str, fields: Sequence[Field]) -> FieldValues:
    """Let widgets follow a link, and the address follow the widgets.

    Call it before the widgets are drawn; a page may call it again for further fields, in a
    fragment for example.

    Returns:
        {field name: value} of all fields of the page that are bound by now.
    """
    record = _arrive(page)
    values: FieldValues = st.session_state.setdefault(f"_{page}_values", {})
    problems: list[str] = []
    for item in fields:
        value = item.load(page, values)
        text = record.params.get(item.name, "")
        if value is not MISSING:
            value = item.validate(value, values)
        elif text and not (item.per and item.name in record.bound):
            value, wrong = item.parse(text, values)
            problems += wrong if record.linked and item.name not in record.bound else []
            if wrong and not record.linked:
                record.substitutes[item.name] = item.format(value)
        else:
            value = item.initial(values)
        record.keys.update(item.store(page, values, value))
        record.bound.add(item.name)
        values[item.name] = value
    _warn(problems)
    texts = {item.name: item.format(values[item.name]) for item in fields}
    shown_instead = {
        name for name, text in record.substitutes.items() if texts.get(name, text) == text
    }
    shared = {
        item.name: texts[item.name]
        for item in fields
        if item.shared and not {item.name, item.per} & shown_instead
    }
    st.session_state.setdefault("_shared", {}).update(shared)
    write(page, texts)
    return values


def start_with(collection: str) -> None:
    """Let the pages of a new session start with a collection, unless a link names another."""
    if collection and "_pages" not in st.session_state:
        st.session_state["_pages"] = {}
        st.session_state["_shared"] = {"collection": collection}


def shared(name: str) -> str:
    """The text of a shared field on the page that was open before; "" if none had it."""
    values: QueryParams = st.session_state.get("_shared", {})
    return values.get(name, "")


def write(page: str, params: Mapping[str, str]) -> None:
    """Set query parameters of a page; an empty text removes one."""
    record = _arrive(page)
    record.params |= params
    record.visible |= set(params)
    record.address = {
        name: text for name, text in record.params.items() if text and name in record.visible
    }
    if dict(st.query_params) != record.address:
        st.query_params.from_dict(record.address)


def _arrive(page: str) -> _Page:
    """The record of a page; a new one if the address is not what the page wrote itself."""
    pages: dict[str, _Page] = st.session_state.setdefault("_pages", {})
    record, address = pages.get(page), dict(st.query_params)
    if record is not None and address == record.address:
        return record
    if record is not None:
        for key in record.keys & set(st.session_state):
            del st.session_state[key]
    st.session_state.pop(f"_{page}_values", None)
    shared: QueryParams = st.session_state.get("_shared", {})
    params = address or (record.params if record else {}) | shared
    pages[page] = _Page(params, linked=bool(address), visible=set(address), address=address)
    return pages[page]


def repeat_warnings() -> None:
    """Let the next run show the warnings of this one; for a page that runs itself again."""
    st.session_state[REPEATED] = st.session_state.get(WARNED, [])


def _warn(new_problems: Sequence[str]) -> None:
    problems = [*st.session_state.pop(REPEATED, []), *new_problems]
    st.session_state[WARNED] = problems
    if problems:
        ended = [text if text.endswith((".", "?")) else f"{text}." for text in problems]
        lines = [escape_markdown(f"From the link: {text}") for text in ended]
        st.warning("  \n".join(lines), icon=":material/link_off:")
