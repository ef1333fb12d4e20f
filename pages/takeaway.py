"""Evaluate's table and chart as one HTML file that needs no network."""

import pandas as pd

from pages import report
from pages.choices import Choice
from pages.tables import Shown
from simcore.lab.papers import Printed


def about(table: Printed) -> str:
    """What the printed numbers count, and why they are not one's own."""
    head = table.about[:1].upper() + table.about[1:]
    return f"{head}. Other networks and another gallery than yours: read the shape, not the height."


def printed(table: Printed) -> pd.DataFrame:
    """A printed table as it is shown."""
    return pd.DataFrame(table.rows, columns=list(table.columns))


def page(asked: Choice, name: str, found: Shown) -> bytes:
    """The whole of what Evaluate shows; the script that draws the chart travels inside."""
    options = [f"pairs: {asked.subset}", *[f"{k}: {v}" for k, v in asked.changed().items()]]
    parts = [
        report.text(", ".join(options)),
        report.heading(found.title),
        report.text(found.remark),
        report.chart(found.figure, x=found.x, y=found.y),
        report.table(found.shown),
        report.command(found.hand),
    ]
    if (table := found.printed) is not None:
        parts += [
            report.heading(f"As printed in {table.paper}, {table.place}"),
            report.text(f"{about(table)} {table.remark}"),
            report.table(printed(table)),
        ]
    return report.page(f"{name}: {asked.collection}", parts)
