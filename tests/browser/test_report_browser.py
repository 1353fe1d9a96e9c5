"""The report in a real Chromium, opened as a file: nothing fails, nothing is fetched from elsewhere, filters filter, charts draw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from builders import Lab, cell, hostile, realistic
from builders_learning import learning
from replab.report.data.cells import shown
from replab.report.data.viewmodel import site
from replab.report.pages import writer
from replab.report.pages.pages import Site
from replab.report.render import TEMPLATES, render
from replab.report.views.matrix import matrix
from replab.store.rows import ScriptRow

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
    "claim/K10.html",
    "modes.html",
    "defaults.html",
    "upgrade.html",
    "port.html",
    "controls.html",
    "provenance.html",
    "glossary.html",
)
INTERACTIVE_MS = 1500
"""Of processors, until the matrix of the whole lab answers: a promise of the report, which a machine that is busy with other things does not break."""
WEIGHT_BYTES = 4 * 2**20


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a made-up run with every verdict and status."""
    folder = tmp_path_factory.mktemp("report")
    return render(realistic().write(folder / "results"), folder / "report").parent


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a made-up run of recurrent layers and trainings, with a script and a reason why there is none."""
    folder = tmp_path_factory.mktemp("stories")
    lab = learning()
    by = {(row.case, row.environment): row.id for row in lab.cells if row.derivative == 0}
    lab.scripts = [
        ScriptRow(id=by["lstm_layer", "tf-2.21"], script="print(1 < 2)\n"),
        ScriptRow(id=by["lstm_layer", "torch-2.13"], reason="it would take 99 lines"),
    ]
    return render(lab.write(folder / "results"), folder / "report").parent


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


@pytest.mark.parametrize("name", ["recurrent.html", "training.html", "op/rnn.lstm_layer.html"])
def test_stories_load_cleanly(browser: sync_api.Browser, stories: Path, name: str) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        with Visit(browser, _address(stories, name), width, scheme) as visit:
            visit.page.wait_for_timeout(200)
            _shot(visit, f"{name.replace('/', '-').removesuffix('.html')}-{width}-{scheme}")
            assert visit.faults == []
            assert [url for url in visit.requests if not url.startswith(stories.as_uri())] == []
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_losses_and_lengths_are_drawn_with_their_values(browser: sync_api.Browser, stories: Path) -> None:
    with Visit(browser, _address(stories, "training.html")) as visit:
        page = visit.page
        page.wait_for_function("document.querySelectorAll('.plot[data-drawn=true]').length === 2")
        plots = page.locator(".training-case[open] .plot")
        assert plots.nth(0).locator("svg g.layer_2_marks path, svg g.layer_3_marks path").count() > 6
        assert plots.nth(1).locator("svg g.mark-area path").count() == 1
        plots.nth(1).locator("svg g.mark-symbol.role-mark path").last.hover(force=True)
        page.wait_for_selector(".vg-tip:visible")
        assert "distance" in page.locator(".vg-tip").inner_text()
        page.locator(".training-case:not([open]) summary").first.press("Enter")
        page.wait_for_function("document.querySelectorAll('.plot[data-drawn=true]').length === 4")
        assert page.locator(".training-case[open]").count() == 2
        assert visit.faults == []
    with Visit(browser, _address(stories, "recurrent.html")) as visit:
        visit.page.wait_for_function("document.querySelectorAll('.plot[data-drawn=true]').length === 2")
        visit.page.locator(".story .told a").first.click()
        visit.page.wait_for_url("**/op/rnn.*.html#*")
        assert visit.page.locator("tr:target").is_visible()


def test_a_script_can_be_read_and_saved(browser: sync_api.Browser, stories: Path) -> None:
    with Visit(browser, _address(stories, "op/rnn.lstm_layer.html")) as visit:
        page = visit.page
        assert page.locator(".panel:visible").locator("text=no script: it would take 99 lines.").count() == 1
        page.locator(".panel:visible .script summary").click()
        assert page.locator(".script pre:visible").inner_text() == "print(1 < 2)\n"
        with page.expect_download() as loading:
            page.locator("[data-save]:visible").click()
        assert loading.value.suggested_filename == "rnn.lstm_layer-float32-d0-tf-2.21-eager.py"
        assert Path(loading.value.path()).read_text(encoding="utf-8") == "print(1 < 2)\n"
        assert visit.faults == []


SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_serious_to_say(browser: sync_api.Browser, report: Path, stories: Path, scheme: str) -> None:
    """Every kind of page, as a reader who cannot see or point meets it; details are opened first."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if scheme == "dark":  # nothing but colours differs there
        options["runOnly"] = ["color-contrast"]
    found: list[str] = []
    kinds = [
        *((report, name) for name in PAGES),
        *((stories, name) for name in ("recurrent.html", "training.html", "op/rnn.lstm_layer.html")),
    ]
    for folder, name in kinds:
        with Visit(browser, _address(folder, name), 1280, scheme) as visit:
            visit.page.wait_for_timeout(300)
            visit.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            visit.page.wait_for_timeout(200)
            said = axe.run(visit.page, options=options).response["violations"]
            found += [
                f"{name}: {one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]} … {len(one['nodes'])} times"
                for one in said
                if one["impact"] in SERIOUS
            ]
    assert found == []


def test_axe_sees_what_is_planted(browser: sync_api.Browser, report: Path) -> None:
    """A field without a name, and grey on grey: the test above can fail."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with Visit(browser, _address(report, "glossary.html")) as visit:
        planted = "<input><p style='color:#999;background:#aaa'>grey on grey</p>"
        visit.page.evaluate("html => document.getElementById('content').insertAdjacentHTML('beforeend', html)", planted)
        said = {one["id"] for one in axe.run(visit.page).response["violations"] if one["impact"] in SERIOUS}
        assert {"label", "color-contrast"} <= said


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


def test_claims_can_be_filtered_and_lead_to_their_pages(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "claims.html")) as visit:
        page = visit.page
        assert page.locator(".claim:visible h3").all_inner_texts() == ["K01", "K02", "K10", "K26", "A2"]
        page.select_option('[name="verdict"]', "does not hold")
        assert page.locator(".claim:visible h3").all_inner_texts() == ["A2"]
        assert page.locator(".filter-count").inner_text() == "1 of 5"
        assert page.locator("#claim:visible").count() == 0
        page.click('.verdicts a[href="#claim-K10"] >> nth=0')
        page.wait_for_function("document.querySelectorAll('.claim:not([hidden])').length === 5")
        page.click('.verdicts a[href="claim/K10.html"]')
        page.wait_for_url("**/claim/K10.html")
        assert page.locator("h1").inner_text() == "What K10 states."
        page.click(".crumbs a")
        page.wait_for_url("**/claims.html#claim-K10")


def test_every_claim_can_be_reached_at_the_width_of_a_phone(browser: sync_api.Browser, report: Path) -> None:
    """The table of 41 columns is not there; a list that wraps is."""
    with Visit(browser, _address(report, "claims.html"), 390) as visit:
        assert visit.page.locator(".verdicts:visible").count() == 0
        names = visit.page.locator(".claim-index a:visible")
        assert names.count() == 5
        assert all(box["x"] + box["width"] <= 390 for box in (names.nth(at).bounding_box() for at in range(5)) if box)


def test_defaults_can_be_filtered(browser: sync_api.Browser, report: Path) -> None:
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
        assert page.locator("#chosen h3").first.inner_text() == "Stops working"
        assert page.locator("#chosen table.differences tbody th a").first.text_content() == "ops.sigmoid"
        page.focus('[name="to"]')
        page.keyboard.press("ArrowUp") if page.locator('[name="to"] option').first.inner_text() != "tf-2.21" else page.keyboard.press(
            "ArrowDown"
        )
        page.wait_for_selector('#chosen[data-ready="tf-1.15 tf-2.4"]')
        page.fill('[name="text"]', "sigmoid")
        assert set(page.locator("#chosen tbody th a").all_text_contents()) == {"ops.sigmoid"}
        address = page.url
        assert "from=tf-1.15&to=tf-2.4&text=sigmoid" in address
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector('#chosen[data-ready="tf-1.15 tf-2.4"]')
        assert set(page.locator("#chosen tbody th a").all_text_contents()) == {"ops.sigmoid"}
        page.select_option('[name="verdict"]', "worse")
        assert page.locator("#between-count").inner_text() == "Nothing fits these filters."
        page.goto(_address(report, "upgrade.html#from=torch-1.4&to=torch-2.13&verdict=all"))
        page.wait_for_selector('#chosen[data-ready="torch-1.4 torch-2.13"]')
        page.locator("#chosen details.part summary").last.click()
        page.locator("#chosen tbody td.side a:visible").first.click()
        page.wait_for_url("**/op/*.html#*torch-1.4-eager")
        assert page.locator("tr:target").is_visible()
        assert visit.faults == []


def test_a_port_says_what_to_set_first(browser: sync_api.Browser, report: Path) -> None:
    with Visit(browser, _address(report, "port.html#from=tf-2.21&to=torch-2.13")) as visit:
        page = visit.page
        page.wait_for_selector('#chosen[data-ready="tf-2.21 torch-2.13"]')
        assert "What to set" in page.locator("#chosen h3").all_inner_texts()[:2]
        told = page.locator("#chosen table.settings td", has_text="epsilon").first
        assert told.inner_text().split("\n") == ["epsilon", "run with 1e-05 on both sides"]
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


_ALL, _TORCH = "eager session function xla", "eager script compile"
ENVIRONMENTS = {
    "numpy": (("numpy-1.18", "eager"), ("numpy-1.26", "eager"), ("numpy-2.5", "eager")),
    "tensorflow": tuple(
        (name, modes) for name, modes in (("tf-1.15", "eager session"), ("tf-2.4", _ALL), ("tf-2.15", _ALL), ("tf-2.21", _ALL))
    ),
    "torch": (("torch-1.4", "eager script"), ("torch-1.12", "eager script"), ("torch-2.0", _TORCH), ("torch-2.13", _TORCH)),
}


def _whole(cells: int) -> Site:
    """A site whose matrix has so many made-up cells in eleven environments; its other pages are empty."""
    places = [
        (framework, order, name, mode)
        for framework, found in ENVIRONMENTS.items()
        for order, (name, modes) in enumerate(found)
        for mode in modes.split()
    ]
    works = [
        (f"op_{at // 12:03}", ("float32", "float64", "float16", "bfloat16")[at % 4], at // 4 % 3) for at in range(cells // len(places) + 1)
    ]
    rows, verdicts = [], ("identical", "rounding", "rounding", "rounding", "accuracy", "semantic")
    for at, ((case, dtype, derivative), (framework, order, name, mode)) in enumerate((work, place) for work in works for place in places):
        if at == cells:
            break
        about = {"framework": framework, "environment_order": order, "environment": name, "mode": mode}
        if at % 9 == 0:
            rows.append(cell(case, dtype=dtype, derivative=derivative, status="skipped", reason=f"reason {at % 7}", **about))
        else:
            verdict, ulp = verdicts[at % 6], (at * 7919 % 100003) / 97
            rows.append(cell(case, dtype=dtype, derivative=derivative, verdict=verdict, ulp_max=ulp, z_max=ulp / 3, bits=str(at), **about))
    results = Lab(cells=rows).results()
    return replace(site(Lab().results()), matrix=matrix(results, shown(results)))


def _processor_ms(browser: sync_api.Browser, address: str) -> float:
    """Milliseconds that the process of a page has computed when the page is there."""
    context = browser.new_context()
    page = context.new_page()
    chromium = context.new_cdp_session(page)
    chromium.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    metrics = {one["name"]: one["value"] for one in chromium.send("Performance.getMetrics")["metrics"]}
    context.close()
    return 1000 * float(metrics["ProcessTime"])


def test_a_matrix_of_110_000_cells_answers_in_time_and_weighs_little(
    browser: sync_api.Browser, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    writer.write(_whole(110_000), tmp_path, TEMPLATES)
    weight = sum((tmp_path / name).stat().st_size for name in ("matrix.html", "data/matrix.js", "static/matrix.js", "static/report.css"))
    assert weight < WEIGHT_BYTES
    took = _processor_ms(browser, _address(tmp_path, "matrix.html#dtype="))
    record_property("matrix of 110 000 cells", f"{weight / 2**20:.1f} MB, answers after {took:.0f} ms of processors")
    assert 0 < took < INTERACTIVE_MS
    with Visit(browser, _address(tmp_path, "matrix.html#dtype=")) as visit:
        page = visit.page
        assert page.locator("#shown").inner_text().endswith(" rows, 110,000 cells.")
        drawn = page.locator("#matrix tbody tr").count()
        assert drawn < 200
        page.locator("#frame").evaluate("frame => { frame.scrollTop = frame.scrollHeight; }")
        page.wait_for_function(f"document.querySelectorAll('#matrix tbody tr').length > {drawn}")
        page.fill('[name="text"]', "op_017")
        page.select_option('[name="framework"]', "torch")
        page.select_option('[name="mode"]', "script")
        page.select_option('[name="verdict"]', "semantic")
        assert 0 < page.locator("#matrix tbody tr").count() <= 12
