"""The page in a browser: no errors, no requests, controls that do what they say, for every reader."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

# In a browser the page takes a minute to be tried.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

from fechner import Draws, Gabor, image_statistics, load, results, sensitivity  # noqa: E402
from fechner.page import report  # noqa: E402
from fechner.paper import reproduce  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEPT = Path(__file__).parents[2] / "trainings"
WIDTHS = (390, 1440)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Curves with a density, and a figure with claims."""
    folder = tmp_path_factory.mktemp("report")
    network = load("resnet18_small", "init")
    curves = sensitivity(network, Gabor(size=32), values=12, average={"phase": Draws(4)}, progress=False)
    results.save(curves, folder / "curves.nc")
    prior = image_statistics("scikit-image", feature="orientation", values=36, progress=False)
    results.save(prior, folder / "prior.nc")
    reproduce(["trained"], out=folder / "made", trainings=KEPT, say=lambda text: None)
    return report([folder, folder / "made"], folder / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser, page_file: Path, request: pytest.FixtureRequest):
    """The page at a width and in a colour scheme, with what it said and asked for."""
    width, scheme = getattr(request, "param", (1440, "light"))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: asked.append(r.url))
    page.goto(page_file.as_uri())
    page.wait_for_selector(".chart .main-svg")
    yield page, said, asked
    context.close()


EVERY = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]


@pytest.mark.parametrize("opened", EVERY, indirect=True)
def test_it_loads_and_is_accessible(opened) -> None:
    page, said, asked = opened
    assert said == []
    assert [a for a in asked if not a.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Where cells stand below one another, the heads of columns are for screen readers alone.
    narrow = page.evaluate("innerWidth") == WIDTHS[0]
    assert (page.evaluate("document.querySelector('thead').offsetWidth") <= 1) == narrow
    # Plotly writes colours into its text; those of the page are stronger.
    inks = "[...document.querySelectorAll('.chart text')].map(t => getComputedStyle(t).fill)"
    assert set(page.evaluate(inks)) == {page.evaluate("getComputedStyle(document.body).color")}
    found = axe.Axe().run(page)
    assert [v["id"] for v in found.response["violations"]] == []
    # Text is not smaller than can be read, and what is tapped is large enough.
    assert page.evaluate("Math.min(...[...document.querySelectorAll('select, button')].filter(e => e.offsetHeight).map(e => e.offsetHeight))") >= 32  # fmt: skip


def picture(page, number: int) -> str:
    return page.eval_on_selector_all(
        f".explore >> nth={number} >> .scatterlayer .js-line", "lines => lines.map(l => l.getAttribute('d')).join()"
    )


def test_controls_change_the_picture(opened) -> None:
    page, said, _ = opened
    first = picture(page, 0)
    page.locator(".explore >> nth=0 >> select[name=layer]").select_option("layer1")
    assert picture(page, 0) != first
    assert page.locator(".explore >> nth=0 >> .words").inner_text().startswith("layer1")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(100)
    assert said == []


def test_keyboard_alone(opened) -> None:
    """From the top, tab to the first chart's control, change it; step through training with arrow keys; open details."""
    page, _, _ = opened
    focused = "document.activeElement.name || document.activeElement.type || document.activeElement.tagName"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "layer":
            break
    before = picture(page, 0)
    page.keyboard.press("ArrowUp")
    assert picture(page, 0) != before
    slider = page.locator(".explore >> nth=1 >> input[type=range]")
    slider.focus()
    last, shown = picture(page, 1), page.locator(".explore >> nth=1 >> .words").inner_text()
    page.keyboard.press("Home")
    assert picture(page, 1) != last
    assert "epoch 0:" in page.locator(".explore >> nth=1 >> .words").inner_text() != shown
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None


def saved(page, number: int, path: Path) -> list[str]:
    """The lines of the CSV file of a chart."""
    with page.expect_download() as download:
        page.locator(f".explore >> nth={number}").get_by_role("button", name="Save this curve as CSV").click()
    download.value.save_as(path)
    return path.read_text().splitlines()


def test_play_goes_to_the_end_and_a_curve_can_be_saved(opened, tmp_path: Path) -> None:
    page, said, _ = opened
    chart = page.locator(".explore >> nth=1")
    chart.get_by_role("button", name="Play").click()
    page.wait_for_timeout(400)
    assert "epoch" in chart.locator(".words").inner_text()
    chart.get_by_role("button", name="Play").wait_for(timeout=10_000)
    lines = saved(page, 1, tmp_path / "recorded.csv")
    assert lines[0] == '"orientation (degree)","√J / mean √J"'
    assert len(lines) == 37
    lines = saved(page, 0, tmp_path / "curve.csv")
    assert lines[0] == '"orientation (degree)","√J / mean √J","low","high"'
    assert len(lines) == 13
    _, curve, low, high = map(float, lines[1].split(","))
    assert low < curve < high
    assert said == []


def test_choices_that_do_not_exist_are_not_offered(opened) -> None:
    """Seeds are those of the condition that is chosen."""
    page, _, _ = opened
    chart = page.locator(".explore >> nth=1")
    seeds = "select => [...select.options].map(o => o.value)"
    chart.locator("select[name=network]").select_option("resnet18_small")
    chart.locator("select[name=condition]").select_option("rotation 45")
    several = chart.locator("select[name=seed]").evaluate(seeds)
    chart.locator("select[name=condition]").select_option("rotation 22.5")
    assert chart.locator("select[name=seed]").evaluate(seeds) == ["0"]
    assert len(several) > 1


def test_a_link_in_a_name_is_text(browser, tmp_path: Path) -> None:
    """In the legend as in the controls."""
    name = "<a href='https://example.org'>layer</a> & <b>more</b>"
    curves = sensitivity(load("resnet18_small", "init"), Gabor(size=32), values=6, average={}, progress=False)
    curves = curves.isel(layer=[0, 1]).assign_coords(layer=["input", name])
    results.save(curves, tmp_path / "curves.nc")
    page = browser.new_page()
    page.goto(report([tmp_path], tmp_path / "report.html").as_uri())
    page.wait_for_selector(".chart .main-svg")
    # A long name stands in several lines.
    assert name.replace(" ", "") in [text.replace(" ", "") for text in page.locator(".legendtext").all_text_contents()]
    assert page.locator(".chart a").count() == 0
    page.close()
