"""Tables as LaTeX: the one writer of the product."""

from collections.abc import Iterable, Sequence

PACKAGES = "% Needs \\usepackage{booktabs,longtable}."
_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "†": r"$\dagger$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def escape(text: str) -> str:
    """Text in which no mark of LaTeX has a meaning, on one line.

    >>> escape("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A longtable with booktabs rules; every cell is escaped."""
    share = f"{0.94 / max(len(columns), 1):.3f}"
    widths = "".join(f"p{{{share}\\linewidth}}" for _ in columns)
    return "\n".join(
        [
            f"\\begin{{longtable}}{{@{{}}{widths}@{{}}}}",
            f"\\caption{{{escape(caption)}}}\\\\",
            r"\toprule",
            _line(columns),
            r"\midrule",
            r"\endhead",
            *(_line(row) for row in rows),
            r"\bottomrule",
            r"\end{longtable}",
        ]
    )


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(escape, cells)) + r" \\"
