"""Page objects → files. Knows templates and nothing about tables."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from replab import calling, parallel
from replab.report.data.words import VERDICTS, count
from replab.report.pages.pages import OperationPage, Site

NAVIGATION = (
    ("index.html", "Answer"),
    ("causes.html", "Causes"),
    ("claims.html", "Claims"),
    ("matrix.html", "Matrix"),
    ("upgrade.html", "Upgrade"),
    ("port.html", "Port"),
    ("recurrent.html", "Recurrent"),
    ("training.html", "Training"),
    ("modes.html", "Modes"),
    ("defaults.html", "Defaults"),
    ("controls.html", "Controls"),
    ("provenance.html", "Provenance"),
    ("glossary.html", "How to read"),
)


_CODE = re.compile(r"`([^`]+)`")


def script_json(value: object) -> Markup:
    """JSON that is safe inside a ``<script>`` element and in a ``.js`` file: no ``<``, ``>``, ``&`` and no line separators."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - every character that could end the element was replaced above


def coded(text: str) -> Markup:
    """A text in which what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before, and the pattern adds one element


def environment_of(templates: Path, notices: Sequence[str] = ()) -> Environment:
    """What templates of a folder are filled with: undefined names are faults, and every text is escaped."""
    env = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters["script_json"] = script_json
    env.filters["count"] = count
    env.filters["coded"] = coded
    env.globals["navigation"] = NAVIGATION
    env.globals["verdicts"] = VERDICTS
    env.globals["snakemake"] = calling.anywhen("snakemake")
    env.globals["notices"] = tuple(notices)
    return env


def write(site: Site, folder: Path, templates: Path, notices: Sequence[str] = ()) -> None:
    """Every page and asset of ``site`` into ``folder``, which exists and is empty. Static files lie beside ``templates``.

    ``notices`` are sentences that every page says at its top.
    """
    env = environment_of(templates, notices)

    def page(path: str, template: str, **values: object) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * path.count("/")
        text = env.get_template(template).render(site=site, root=root, path=path, **values)
        target.write_text(text, encoding="utf-8", newline="\n")

    page("index.html", "index.html.j2", page=site.answer)
    page("causes.html", "causes.html.j2", page=site.causes)
    page("claims.html", "claims.html.j2", page=site.claims)
    page("modes.html", "modes.html.j2", page=site.modes)
    page("defaults.html", "defaults.html.j2", page=site.defaults)
    page("matrix.html", "matrix.html.j2", page=site.matrix)
    page("upgrade.html", "upgrade.html.j2", page=site.upgrade)
    page("port.html", "port.html.j2", page=site.port)
    page("recurrent.html", "recurrent.html.j2", page=site.recurrent)
    page("training.html", "training.html.j2", page=site.training)
    page("controls.html", "controls.html.j2", page=site.controls)
    page("provenance.html", "provenance.html.j2", page=site.provenance)
    page("glossary.html", "glossary.html.j2")
    for claim in site.claim_pages:
        page(claim.card.href, "claim.html.j2", page=claim)

    def operation(make: Callable[[], OperationPage]) -> None:
        made = make()
        page(made.path, "operation.html.j2", page=made)

    parallel.each(operation, site.operations)
    (folder / "data").mkdir()
    (folder / "data" / "matrix.js").write_text(f"window.REPLAB_MATRIX={script_json(site.matrix.data)};\n", encoding="utf-8", newline="\n")
    for pair in (*site.upgrade.pairs, *site.port.pairs):
        text = f"REPLAB_BETWEEN({script_json(pair.file)},{script_json(pair.data)});\n"
        (folder / pair.file).write_text(text, encoding="utf-8", newline="\n")
    shutil.copytree(templates.parent / "static", folder / "static", copy_function=shutil.copyfile)


def publish(site: Site, out: Path, templates: Path, notices: Sequence[str] = ()) -> Path:
    """Write the site aside, then put it in place of what was at ``out``: a half-written report is never visible.

    Returns the path of the first page. What was there before survives any failure.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    old = fresh.with_name(fresh.name + "-old")
    try:
        fresh.chmod(0o755)
        write(site, fresh, templates, notices)
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    except BaseException:
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return out / "index.html"
