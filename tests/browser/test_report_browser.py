"""The report in a real Chromium, opened as a file: nothing fails, nothing is fetched from elsewhere, filters filter, charts draw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from builders import hostile, realistic
from replab.report.render import render

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = (
    os.environ.get("REPLAB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="no Chromium on PATH (REPLAB_CHROMIUM may name one)")]

PAGES = (
    "index.html",
    "matrix.html",
    "op/ops.sigmoid.html",
    "op/ops.max.html",
    "op/ops.layer_norm.html",
    "causes.html",
    "claims.html",
    "modes.html",
    "defaults.html",
    "upgrade.html",
    "port.html",
    "controls.html",
    "provenance.html",
    "glossary.html",
)
INTERACTIVE_MS = 1500
"""Until the matrix of the whole lab answers; a promise of the report."""
WEIGHT_BYTES = 4 * 2**20


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a made-up run with every verdict and status."""
    folder = tmp_path_factory.mktemp("report")
    return render(realistic().write(folder / "results"), folder / "report").parent


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    """One Chromium for all tests of this file."""
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Visit:
    """A page that remembers what went wrong and what was asked for."""

    def __init__(self, browser: sync_api.Browser, address: str, width: int = 1280, scheme: str = "light") -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.goto(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def _address(report: Path, page: str) -> str:
    return f"{report.as_uri()}/{page}"


def _shot(visit: Visit, name: str) -> None:
    """Keep a picture when ``REPLAB_SCREENSHOTS`` names a folder: they are there to be looked at."""
    folder = os.environ.get("REPLAB_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        visit.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
@pytest.mark.parametrize("name", PAGES)
def test_pages_load_cleanly_and_do_not_scroll_sideways(browser: sync_api.Browser, report: Path, name: str, width: int, scheme: str) -> None:
    with Visit(browser, _address(report, name), width, scheme) as visit:
        visit.page.wait_for_load_state("load")
        visit.page.wait_for_timeout(100)
        _shot(visit, f"{name.replace('/', '-').removesuffix('.html')}-{width}-{scheme}")
        assert visit.faults == []
        assert [url for url in visit.requests if not url.startswith(report.as_uri())] == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_strings_run_nothing(browser: sync_api.Browser, tmp_path: Path) -> None:
    out = render(hostile().write(tmp_path / "results"), tmp_path / "report").parent
    for path in sorted(out.rglob("*.html")):
        with Visit(browser, path.as_uri()) as visit:
            visit.page.wait_for_timeout(100)
            assert visit.faults == [], path.name


def test_filters_filter_and_the_address_keeps_them(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "matrix.html")) as visit:
        page = visit.page
        assert page.locator("#shown").inner_text() == "41 rows, 697 cells."
        page.fill('[name="text"]', "soft")
        assert page.locator("#shown").inner_text() == "2 rows, 34 cells."
        assert page.locator("#matrix tbody th a").all_inner_texts() == ["ops.softmax", "ops.softplus"]
        page.fill('[name="text"]', "")
        page.select_option('[name="framework"]', "torch")
        page.select_option('[name="verdict"]', "semantic")
        assert page.locator("#matrix tbody th a").all_inner_texts() == ["ops.hard_sigmoid"]
        assert page.locator("#shown").inner_text() == "1 row, 4 cells with verdict semantic."
        address = page.url
        page.click("button[type=reset]")
        page.wait_for_function("document.getElementById('shown').textContent === '41 rows, 697 cells.'")
        page.goto("about:blank")
        page.goto(address)
        assert page.locator("#matrix tbody th a").all_inner_texts() == ["ops.hard_sigmoid"]
        page.select_option('[name="mode"]', "xla")
        assert page.locator("#shown").inner_text() == "Nothing fits these filters."


def test_arrow_keys_walk_and_enter_opens_the_row_of_the_cell(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "matrix.html")) as visit:
        page = visit.page
        page.locator("#matrix td a").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        assert (
            page.locator("#detail").inner_text()
            == "ops.acos, float32 value, numpy-2.4:eager — rounding (rounding explains it), at most 0.9 ULP, z 1.4"
        )
        assert page.locator('#matrix td a[tabindex="0"]').count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**/op/ops.acos.html#float32-d0-numpy-2.4-eager")
        assert page.locator("tr:target th").inner_text() == "numpy-2.4 eager"


def test_a_link_to_a_hidden_precision_shows_it(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "op/ops.sigmoid.html#float64-d1-tf-2.21-xla")) as visit:
        page = visit.page
        assert page.locator(".panel:visible h2").all_inner_texts() == ["float64, 1st derivative"]
        assert page.locator("tr:target").is_visible()
        page.click("#panels a >> nth=0")
        assert page.locator(".panel:visible h2").all_inner_texts() == ["float32, value"]
        assert page.locator('#panels a[aria-current="true"]').inner_text() == "float32"


def test_the_chart_draws_a_line_for_every_class_and_says_its_values(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "op/ops.sigmoid.html")) as visit:
        page = visit.page
        page.wait_for_selector('.plot[data-drawn="true"]')
        lines = page.locator(".plot:visible svg g.mark-line.role-mark path")
        assert lines.count() == page.locator(".panel:visible .members > li").count()
        assert page.locator(".plot:visible svg g.mark-symbol.role-mark path").count() > 100
        labels = page.locator('.plot:visible svg g[class*="role-axis-label"] text').all_text_contents()
        assert "0" in labels and any(label.startswith("−") for label in labels) and "1e6" in labels
        page.locator(".plot:visible svg g.mark-symbol.role-mark path").last.hover(force=True)
        page.wait_for_selector(".vg-tip:visible")
        assert "largest error (ULP)" in page.locator(".vg-tip").inner_text()
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        assert lines.count() > 0
        assert visit.faults == []


def test_the_pictures_of_sources_and_of_ratios_draw_every_value(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "causes.html")) as visit:
        visit.page.wait_for_selector('.plot[data-drawn="true"]')
        assert visit.page.locator(".plot svg g.layer_0_marks path").count() == 2
        assert visit.page.locator('.plot svg g[class*="mark-text"] text', has_text="1. Source defaults").count() == 1
        assert visit.faults == []
    with Visit(browser, _address(report, "modes.html")) as visit:
        page = visit.page
        page.wait_for_function("document.querySelectorAll('.plot[data-drawn=true]').length === 2")
        points = page.locator(".mode-case").first.locator(".plot svg g.mark-symbol.role-mark path")
        assert points.count() == page.locator(".mode-case").first.locator(".chart table tbody tr").count() > 10
        points.first.hover(force=True)
        page.wait_for_selector(".vg-tip:visible")
        assert "relative to eager" in page.locator(".vg-tip").inner_text()
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        assert points.count() > 10
        assert visit.faults == []


def test_claims_and_defaults_can_be_filtered(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "claims.html")) as visit:
        page = visit.page
        assert page.locator(".claim:visible h3").all_inner_texts() == ["K01", "K02", "K10", "K26", "A2"]
        page.select_option('[name="verdict"]', "refuted")
        assert page.locator(".claim:visible h3").all_inner_texts() == ["A2"]
        assert page.locator(".filter-count").inner_text() == "1 of 5"
        assert page.locator("#claim:visible").count() == 0
        page.click('.verdicts a[href="#claim-K10"] >> nth=0')
        page.wait_for_function("document.querySelectorAll('.claim:not([hidden])').length === 5")
    with Visit(browser, _address(report, "defaults.html")) as visit:
        page = visit.page
        page.fill('[name="text"]', "EPSILON layer")
        assert page.locator(".default:visible th b").all_inner_texts() == ["Layer norm"]
        page.fill('[name="text"]', "no such thing")
        assert page.locator(".filter-count").inner_text() == "Nothing fits these filters."
        page.click("button[type=reset]")
        page.select_option('[name="changed"]', "yes")
        assert page.locator(".default:visible th b").all_inner_texts() == ["Gelu", "Lstm"]


def test_two_versions_are_chosen_filtered_and_kept_in_the_address(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "upgrade.html")) as visit:
        page = visit.page
        page.wait_for_selector('#chosen[data-ready="tf-1.15 tf-2.21"]')
        assert page.locator("#chosen table tbody tr").count() >= 3
        first = page.locator("#chosen tbody th a").first.inner_text()
        assert first == "ops.gelu"
        page.focus('[name="to"]')
        page.keyboard.press("ArrowUp") if page.locator('[name="to"] option').first.inner_text() != "tf-2.21" else page.keyboard.press(
            "ArrowDown"
        )
        page.wait_for_selector('#chosen[data-ready="tf-1.15 tf-2.4"]')
        page.fill('[name="text"]', "sigmoid")
        assert set(page.locator("#chosen tbody th a").all_inner_texts()) == {"ops.sigmoid"}
        address = page.url
        assert "from=tf-1.15&to=tf-2.4&text=sigmoid" in address
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector('#chosen[data-ready="tf-1.15 tf-2.4"]')
        assert set(page.locator("#chosen tbody th a").all_inner_texts()) == {"ops.sigmoid"}
        page.select_option('[name="verdict"]', "worse")
        assert page.locator("#between-count").inner_text() == "Nothing fits these filters."
        page.goto(_address(report, "upgrade.html#from=torch-1.4&to=torch-2.13&verdict=all"))
        page.wait_for_selector('#chosen[data-ready="torch-1.4 torch-2.13"]')
        page.locator("#chosen tbody td.side a").first.click()
        page.wait_for_url("**/op/*.html#*torch-1.4-eager")
        assert page.locator("tr:target").is_visible()
        assert visit.faults == []


def test_a_port_says_what_to_set_first(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "port.html#from=tf-2.21&to=torch-2.13")) as visit:
        page = visit.page
        page.wait_for_selector('#chosen[data-ready="tf-2.21 torch-2.13"]')
        assert page.locator("#chosen h3").all_inner_texts()[0] == "What to set"
        assert page.locator("#chosen table.settings tbody tr").first.locator("td b").inner_text() == "epsilon"
        page.click('.between-pair a[href="#from=tf-1.15&to=torch-1.4"]')
        page.wait_for_selector('#chosen[data-ready="tf-1.15 torch-1.4"]')
        assert page.input_value('[name="from"]') == "tf-1.15"
        page.select_option('[name="verdict"]', "all")
        assert page.locator("#chosen table.differences tbody tr").count() >= 10
        assert [url for url in visit.requests if not url.startswith(report.as_uri())] == []
        assert visit.faults == []


def test_without_scripts_every_claim_is_shown_and_no_filter(browser: sync_api.Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(_address(report, "claims.html"))
    assert page.locator(".claim:visible").count() == 5
    assert page.locator("form.filters:visible").count() == 0
    context.close()


def test_evidence_leads_to_a_row_that_can_be_seen(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "causes.html")) as visit:
        page = visit.page
        page.click('.factor-case a[href*="#aligned-"] >> nth=0')
        page.wait_for_url("**/op/ops.layer_norm.html#aligned-float32-d0-epsilon")
        assert page.locator("tr:target th").inner_text() == "epsilon"
        assert page.locator("tr:target").is_visible()
        assert visit.faults == []


def test_everything_stands_on_paper(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "op/ops.sigmoid.html")) as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.locator(".panel:visible").count() == 4
        assert visit.page.locator("#panels").is_hidden()


def test_without_scripts_every_number_is_still_there(browser: sync_api.Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(_address(report, "op/ops.sigmoid.html"))
    assert page.locator(".panel:visible").count() == 4
    assert page.locator(".panel:visible table.results tbody tr").count() == 68
    context.close()


def test_the_whole_matrix_answers_in_time_and_weighs_little(browser: sync_api.Browser, tmp_path: Path) -> None:
    names = [f"op_{number}" for number in range(300)]
    out = render(realistic(dtypes=("float32", "float64", "float16"), names=names).write(tmp_path / "results"), tmp_path / "report").parent
    assert (
        sum((out / name).stat().st_size for name in ("matrix.html", "data/matrix.js", "static/matrix.js", "static/report.css"))
        < WEIGHT_BYTES
    )
    with Visit(browser, _address(out, "matrix.html#dtype=")) as visit:
        assert visit.page.locator("#shown").inner_text() == "1,800 rows, 30,600 cells."
        took = visit.page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        assert took < INTERACTIVE_MS
        visit.page.locator("#frame").evaluate("frame => { frame.scrollTop = frame.scrollHeight; }")
        visit.page.wait_for_function("document.querySelectorAll('#matrix tbody tr').length > 100")
