"""Models in a real Chromium: the buttons of the table are drawn on a canvas."""

import pytest

from simcore.models import registry
from simcore.ui import widgets

pytestmark = pytest.mark.browser


def test_fetch_asks_where_no_checksum_is_published(visitor, server):
    page = visitor.page
    visitor.open(server + "/models?model_group=@rosenfeld2019")
    table = page.locator("[data-testid=stDataFrame] canvas").first
    table.wait_for()
    box = table.bounding_box()
    download = page.get_by_role("button", name="Fetch", exact=True)
    assert download.is_disabled()
    names = widgets.name_column(registry.expand_groups(["@rosenfeld2019"]))["width"]
    state, header, row = 70, 35, 17  # px: pages/models.py and Streamlit
    page.mouse.click(box["x"] + names + state + 35, box["y"] + header + row)
    page.get_by_text("Accept 1 file without a published checksum").wait_for()
    assert download.is_disabled()
    page.get_by_text("Accept 1 file without a published checksum").click()
    visitor.until(download.is_enabled)
    assert page.get_by_text("densenet121-a639ec97.pth from").count() == 1
    assert visitor.away == []
