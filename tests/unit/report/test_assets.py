"""Files that come with the report, and the charts' specifications."""

from __future__ import annotations

import hashlib
import re

import altair as alt
import pytest

from builders import realistic
from replab.report.data.cells import shown
from replab.report.render import TEMPLATES
from replab.report.views.operations import operations

STATIC = TEMPLATES.parent / "static"


def test_third_party_files_have_the_bytes_that_their_table_says() -> None:
    table = re.findall(
        r"^\| `([^`]+)` \|.*\| (\d+) \| `([0-9a-f]{64})` \|$", (STATIC / "vendor" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    found = [
        (path.name, str(path.stat().st_size), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted((STATIC / "vendor").glob("*.js"))
    ]
    assert found == sorted(table)
    assert len(found) == 2


@pytest.mark.parametrize("path", [*sorted(STATIC.glob("*.*")), *sorted(TEMPLATES.glob("*.j2"))], ids=lambda path: path.name)
def test_our_own_files_name_no_other_host(path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import|url\(", text)


def test_every_chart_is_valid_vega_lite() -> None:
    results = realistic(names=("exp", "sigmoid")).results()
    charts = [chart for make in operations(results, shown(results)) for panel in make().panels for chart in panel.charts]
    assert len(charts) == 4
    for chart in charts:
        alt.Chart.from_dict(chart.payload["spec"])  # validates against the schema, raises otherwise
