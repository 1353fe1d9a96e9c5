"""The page of one article: a folder that opens in a browser, with the look of the report."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from replab.report.pages.published import ProgramTable
from replab.report.pages.writer import environment_of
from replab.report.render import TEMPLATES


def write_article(table: ProgramTable, title: str, out: Path) -> Path:
    """Write ``out/index.html`` and what it needs, and return its path; what a page of an article was there before is replaced.

    Raises ``OSError``; then the old page is still there.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh.chmod(0o755)
        text = environment_of(TEMPLATES).get_template("article.html.j2").render(table=table, title=title, root="")
        (fresh / "index.html").write_text(text, encoding="utf-8", newline="\n")
        without = shutil.ignore_patterns("vendor")  # it has no charts
        shutil.copytree(TEMPLATES.parent / "static", fresh / "static", copy_function=shutil.copyfile, ignore=without)
        if out.exists():
            shutil.rmtree(out)
        fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return out / "index.html"


__all__ = ["write_article"]
