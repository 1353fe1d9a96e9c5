"""The whole step: a results folder in, the path of the report's first page out."""

from __future__ import annotations

from pathlib import Path

from replab import resources
from replab.report.data import viewmodel
from replab.report.pages import writer

TEMPLATES = resources.ROOT / "reports" / "templates"


def render(results: Path, out: Path, templates: Path = TEMPLATES) -> Path:
    """Render the tables in ``results`` into the folder ``out``, replacing what is there; returns the path of the first page.

    The same tables give the same bytes. Raises ``ReportError`` when a table is missing or cannot be read.
    """
    return writer.publish(viewmodel.site(viewmodel.load(results)), out, templates)
