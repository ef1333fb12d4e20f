"""The map in a real Chromium: lasso to gallery, picture on hover, two maps, keys, phone, dark."""

import math

import pytest

from simcore.lab.library import subsets
from tests.conftest import draw

pytestmark = pytest.mark.browser
LINK = "/map?collection=tiny&models=hog,color&map=hog&method=pca&color=side"


def ready(visitor, link):
    visitor.open(visitor.home + link)
    visitor.page.wait_for_function(
        "() => document.querySelector('[class*=st-key-map_canvas]') !== null"
    )
    visitor.page.locator("canvas.top").first.wait_for()
    visitor.settle()


def complaints(visitor):
    """What the console says, but for the two addresses that Streamlit itself looks for in vain."""
    return [text for text in visitor.errors if "404 (Not Found)" not in text]


def ring(page, number=0, reach=0.49):
    """Draw round nearly the whole of a map."""
    box = page.locator("canvas.top").nth(number).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    at = [
        (x + reach * box["width"] * math.cos(a), y + reach * box["height"] * math.sin(a))
        for a in (k / 24 * 2 * math.pi for k in range(24))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def test_lasso_to_gallery_to_explore(visitor):
    page = visitor.page
    ready(visitor, LINK)
    page.get_by_role("button", name="Lasso").click()
    ring(page)
    page.get_by_text("selected:").wait_for()
    visitor.settle()
    chosen = int(page.locator(".pick .count").inner_text().split()[0])
    assert 0 < chosen <= 12
    tiles = page.locator(".st-key-map_grid button.tile")
    assert tiles.count() == chosen
    assert tiles.locator("img").first.evaluate("i => i.naturalWidth") > 0
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text("Select points with the lasso").wait_for()

    page.get_by_role("button", name="Box").click()
    box = page.locator("canvas.top").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3, steps=5)
    page.mouse.up()
    page.get_by_text("12 selected", exact=True).wait_for()
    visitor.until(lambda: tiles.count() == 12)
    tiles.nth(1).click()
    visitor.until(lambda: "query" in visitor.address)
    assert (visitor.address["query"], visitor.address["direction"]) == ("a", "rl")
    assert visitor.away == []
    assert complaints(visitor) == []


@pytest.mark.slow
def test_a_selection_is_saved_as_a_subset_of_every_page(own_visitor):
    visitor, page = own_visitor, own_visitor.page
    ready(visitor, LINK)
    page.get_by_role("searchbox").fill("a")
    page.keyboard.press("Enter")
    page.get_by_text("2 selected: 1 left, 1 right, 1 pair. Click").wait_for()
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_role("button", name="Lasso").click()
    ring(page, reach=0.3)
    visitor.settle()
    name = page.get_by_role("textbox", name="Name of a subset")
    name.fill("Not a name")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save as subset").click()
    visitor.until(lambda: page.get_by_test_id("stAlertContentError").count() == 1)
    name.fill("few")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save as subset").click()
    page.get_by_text("The subset selection:few is among the pairs").wait_for()
    assert page.get_by_test_id("stAlertContentError").count() == 0
    pairs = len(subsets.open_subset("tiny", "selection:few").left)
    assert 0 < pairs <= 6
    for address in ("evaluate", "combine", "exclusive"):
        visitor.open(f"{visitor.home}/{address}?collection=tiny&subset=selection:few")
        assert visitor.address["subset"] == "selection:few"
        fields = page.get_by_test_id("stSidebar").get_by_role("combobox")
        values = fields.evaluate_all("fields => fields.map(field => field.value)")
        assert any("selection:few" in value for value in values), values
    visitor.open(f"{visitor.home}/map?collection=tiny&subset=selection:few&method=pca&models=hog")
    page.locator("canvas.top").first.wait_for()
    assert visitor.address["subset"] == "selection:few"
    assert complaints(visitor) == []


@pytest.mark.slow
def test_hover_shows_the_picture_and_its_mate(visitor):
    page = visitor.page
    ready(visitor, LINK)
    canvas = page.locator("canvas.top")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    card = page.locator(".card")
    card.wait_for()
    pictures = card.locator("img")
    assert pictures.count() == 2
    visitor.until(
        lambda: all(image.evaluate("i => i.naturalWidth") > 0 for image in pictures.all())
    )
    words = card.locator("figcaption").all_inner_texts()
    assert words[0].split()[-1] == words[1].split()[-1]  # mates are called the same here
    assert "mate" in card.locator(".facts").inner_text()
    assert page.locator(".m [role=status]").inner_text().startswith(("left", "right"))

    # The hand finds pictures too.
    page.get_by_role("button", name="Pan", exact=True).focus()
    assert card.is_hidden()
    box, found = canvas.bounding_box(), set()
    for step in range(1, 40):
        x, y = box["width"] * step / 40, box["height"] * (0.3 + 0.4 * (step % 3) / 2)
        page.mouse.move(box["x"] + x, box["y"] + y)
        if card.is_visible():
            found.add(card.locator("figcaption").first.inner_text())
    assert found
    assert complaints(visitor) == []


@pytest.mark.slow
def test_keys_choose_and_two_maps_share_the_choice(visitor):
    page = visitor.page
    ready(visitor, LINK + "&second=color&method2=pca")
    assert page.locator("canvas.top").count() == 2
    page.locator("canvas.top").nth(1).focus()
    page.keyboard.press("v")
    page.get_by_text("12 selected", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Select points with the lasso").wait_for()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_text("1 selected", exact=True).wait_for()
    visitor.until(lambda: page.locator(".st-key-map_grid button.tile").count() == 1)
    # Both maps dim all but the one that is chosen: the same picture, at two places.
    inks = page.locator("canvas.base").evaluate_all("""all => all.map(canvas => {
        const seen = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
        let strong = 0
        for (let i = 3; i < seen.length; i += 4) strong += seen[i] > 180
        return strong
    })""")
    assert all(ink > 10 for ink in inks), inks
    assert complaints(visitor) == []


@pytest.mark.slow
def test_zoomed_in_the_pictures_themselves_are_drawn(visitor):
    page = visitor.page
    ready(visitor, LINK)
    panel = page.locator(".panel")

    def drawn():
        return int(panel.get_attribute("data-pictures"))

    visitor.until(lambda: drawn() >= 4)  # twelve pictures have room at once
    page.locator("button.item").first.click()  # hides the left side
    visitor.until(lambda: 0 < drawn() <= 6)
    page.locator("button.item").nth(1).click()
    visitor.until(lambda: drawn() == 0)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_and_dark(visitor, scheme):
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    ready(visitor, LINK + "&second=color&method2=pca")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    first, second = (page.locator(".panel").nth(n).bounding_box() for n in (0, 1))
    assert second["y"] > first["y"] + first["height"] - 1  # under each other
    for button in page.locator(".bar button:visible, .legend button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    ground = page.locator(".stage").first.evaluate("s => getComputedStyle(s).backgroundColor")
    light = sum(int(v) for v in ground.strip("rgb()").split(",")[:3]) > 380
    assert light == (scheme == "light")
    assert complaints(visitor) == []


MORPH = "/map?collection=tiny&models=hog,color&view=morph&method=pca"
FRAMES = """() => new Promise(done => {
    const root = [...document.querySelectorAll('*')].map(e => e.shadowRoot)
        .find(r => r && r.querySelector('canvas.base'))
    const canvas = root.querySelector('canvas.base')
    const seen = new Set()
    const values = []
    const step = () => {
        const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
        let sum = 0
        for (let i = 3; i < all.length; i += 4) if (all[i]) sum = (sum * 31 + i) % 1e9
        seen.add(sum)
        values.push(Number(root.querySelector('.morph input').value))
        if (root.querySelector('.morph .play').textContent === 'Play') done([seen.size, values])
        else requestAnimationFrame(step)
    }
    root.querySelector('.morph .play').click()
    requestAnimationFrame(step)
})"""


WATCH_RUNS = """root => {
    window.runs = 0
    new MutationObserver(changes => { window.runs += changes.length }).observe(
        document.querySelector(root), { attributeFilter: ['data-test-script-state'] })
}"""


def resting(visitor, name):
    """Wait until the morph rests on a stop and the page shows it."""
    stop = visitor.page.locator(".stop[aria-pressed=true] span")
    visitor.until(lambda: visitor.page.locator(".morph .play").inner_text() == "Play")
    visitor.until(lambda: stop.inner_text() == name)


def test_the_morph_plays_once_and_moves_without_the_server(visitor):
    page = visitor.page
    ready(visitor, MORPH)
    resting(visitor, "z-sum of 2")  # it has played from the first map to the last
    assert page.locator(".legend .item").first.inner_text().startswith("mate first")

    root = "[data-testid=stApp]"
    page.evaluate(WATCH_RUNS, root)
    frames, values = page.evaluate(FRAMES)
    assert frames > 10, "points move in between"
    assert values == sorted(values)
    assert (values[0] < 0.5, values[-1]) == (True, 2)
    assert page.evaluate("window.runs") == 0, "the script of the page has not run"

    # A click leads to a stop; the list of neighbors follows it.
    page.locator(".stop", has_text="color").first.click()
    resting(visitor, "color")
    assert page.locator(".panel .name").inner_text() == "color"
    page.locator("canvas.top").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("1 selected", exact=True).wait_for()
    row = page.locator("section.row").filter(has_text="Neighbors of")
    visitor.until(lambda: row.count() == 1 and "color" in row.inner_text())

    # The slider by keys: steps, and whole stops.
    slider = page.get_by_role("slider", name="Morph between the maps")
    slider.focus()
    page.keyboard.press("Home")
    resting(visitor, "hog")
    page.keyboard.press("ArrowRight")
    visitor.until(lambda: slider.input_value() == "0.1")
    page.keyboard.press("PageUp")
    resting(visitor, "color")
    assert slider.get_attribute("aria-valuetext") == "color"

    # The address names the stop, and opens there without playing.
    visitor.until(lambda: visitor.address.get("stop") == "color")
    ready(visitor, page.url.removeprefix(visitor.home))
    assert slider.input_value() == "1"
    assert page.locator(".panel .name").inner_text() == "color"
    assert visitor.away == []
    assert complaints(visitor) == []


def test_less_motion_means_no_autoplay(visitor):
    page = visitor.page
    page.emulate_media(reduced_motion="reduce")
    ready(visitor, MORPH)
    slider = page.get_by_role("slider", name="Morph between the maps")
    assert slider.input_value() == "2"
    page.locator(".stop").first.click()
    assert slider.input_value() == "0", "a jump, without motion"
    resting(visitor, "hog")
    assert complaints(visitor) == []


def test_an_own_photo_lands_on_the_map(visitor, tmp_path):
    page = visitor.page
    page.emulate_media(reduced_motion="reduce")
    ready(visitor, MORPH)
    draw(50).save(tmp_path / "me.png")
    (tmp_path / "wrong.png").write_bytes(b"no image")
    own = page.locator(".m input[type=file]")
    own.set_input_files(tmp_path / "me.png")
    row = page.locator("section.row").filter(has_text="Nearest to me.png")
    visitor.until(lambda: row.count() == 1)
    assert row.locator("button.tile").count() == 5
    inked = """canvas => canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value)"""
    assert page.locator("canvas.top").evaluate(inked)
    page.get_by_role("button", name="Remove photo").click()
    visitor.until(lambda: row.count() == 0)
    assert not page.locator("canvas.top").evaluate(inked)
    own.set_input_files(tmp_path / "wrong.png")
    page.get_by_text("wrong.png is left out").wait_for()
    assert page.get_by_role("button", name="Remove photo").count() == 0
    assert complaints(visitor) == []
