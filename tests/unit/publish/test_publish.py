"""Parts of publishing that need no run: names of versions, lists of hashes, what changed, replays in words, bills of materials."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from replab import resources
from replab.freshness import code
from replab.locks import sbom
from replab.publish import build, changes, deploy, reasons, replay, site_pages, sums, verify, versions
from replab.publish.errors import DeployError, PublishError, TamperedError
from replab.publish.site import Site
from replab.publish.versions import Published
from replab.store import tables
from replab.store.rows import CELLS, CellRow
from replab.visible import visible


def test_versions_are_ordered_by_their_numbers() -> None:
    assert versions.ordered(["2026.11.0", "2026.9.1", "2026.11.0rc1", "2025.12.3"]) == [
        "2025.12.3",
        "2026.9.1",
        "2026.11.0rc1",
        "2026.11.0",
    ]


@pytest.mark.parametrize(
    "wrong", ["1", "1.2", "v1.2.3", "1.2.3/..", "../1.2.3", "1.2.3\n", "01.2.3", "1.2.3-rc1", "latest", "", 2026.11, None, "9" * 99]
)
def test_what_cannot_name_a_version_is_refused(wrong: object) -> None:
    with pytest.raises(PublishError):
        versions.check(wrong)


def test_an_unknown_allowance_is_named_with_a_guess() -> None:
    assert reasons.allowed("dirty,missing") == {"dirty", "missing"}
    assert reasons.allowed(None) == frozenset()
    with pytest.raises(PublishError, match=r"^allow: 'dirt' is nothing that can be allowed\. Did you mean 'dirty'\?$"):
        reasons.allowed("dirt")


def test_a_refusal_names_every_reason_and_the_way_around() -> None:
    found = [
        reasons.Reason(kind="dirty", text="a, b differ from the commit", hint="commit"),
        reasons.Reason(kind="pins", text="c is old", hint="pin"),
    ]
    with pytest.raises(PublishError) as caught:
        reasons.judge(found, frozenset({"pins"}))
    assert str(caught.value) == (
        "publish: the tree is dirty: a, b differ from the commit. Mend it (commit), or publish nevertheless with allow=dirty: every page will say so"
    )
    assert reasons.judge(found, frozenset({"pins", "dirty"})) == [
        "Published although the tree is dirty: a, b differ from the commit.",
        "Published although pins are stale: c is old.",
    ]


def test_a_list_of_hashes_reads_back(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "ü.txt").write_text("x")
    (tmp_path / sums.SUMS).write_text("not listed")
    found = sums.of_folder(tmp_path)
    assert list(found) == ["a b/ü.txt"]
    assert sums.parse(sums.text(found), "here") == found


@pytest.mark.parametrize(
    "line", ["x", f"{'0' * 64} a", f"{'0' * 64}  /etc/passwd", f"{'0' * 64}  a/../../b", f"{'0' * 64}  a//b", f"{'0' * 63}g  a"]
)
def test_a_list_that_leads_astray_is_refused(line: str) -> None:
    with pytest.raises(TamperedError):
        sums.parse(line + "\n", "here")


def test_links_are_not_published(tmp_path: Path) -> None:
    (tmp_path / "away").symlink_to("/etc")
    with pytest.raises(PublishError, match="Links are not published"):
        sums.of_folder(tmp_path)


ENVIRONMENT = {
    "lock": "1",
    "identity": "1",
    "python": "3.11",
    "packages": {"numpy": "2.5.4", "six": "1.17"},
    "platform": "x",
    "engine": "uv",
}


def version(folder: Path, name: str, cells: list[dict[str, Any]], environments: dict[str, Any]) -> Published:
    """A made-up version with these cells."""
    rows = []
    for one in cells:
        family, case = one["id"].split(":")[0].split(".", 1)
        row = CellRow(status="ok", verdict="rounding", bits="aa", output="out", family=family, case=case)
        rows.append(replace(row, environment=one["id"].split("@")[1].split(":")[0], **one))
    tables.write(folder / "tables" / "cells.parquet", rows, CELLS)
    return Published(folder=folder, about={"version": name, "environments": environments, "notices": []})


def cell(case: str, environment: str = "one-1", **more: Any) -> dict[str, Any]:
    """A made-up row."""
    return {"id": f"ops.{case}:float32:d0@{environment}:eager:default:cpu", **more}


def published_in(site: Path, name: str, **more: Any) -> None:
    """A made-up version in its folder of a site."""
    folder = site / name
    version(folder, name, [cell("same")], {"one-1": ENVIRONMENT})
    about = {
        "version": name,
        "date": "2026-01-01",
        "headline": "h",
        "commit": "c",
        "cells": 1,
        "environments": {"one-1": ENVIRONMENT},
        "families": ["ops"],
        "claims": {},
        "allowed": [],
        "notices": [],
    } | more
    (folder / "publication.json").write_text(json.dumps(about))
    (folder / "index.html").write_text("<html></html>")
    (folder / sums.SUMS).write_text(sums.text(sums.of_folder(folder)))


@pytest.fixture(params=[True, False], ids=["links", "copies"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A site with two versions, one of them published although dirty."""
    root = tmp_path / "site"
    published_in(root, "1.0.0")
    published_in(root, "1.1.0", allowed=["dirty"], notices=["Published although the tree is dirty: x."])
    made = Site(root=root, links=request.param)
    with made.alone():
        made.refresh()
    return root


def faults_of(place: Path | str) -> list[str]:
    return [f"{one.version}: {fault}" for one in verify.check(str(place)) for fault in one.faults]


def test_a_sound_site_has_no_fault_in_its_folder_and_behind_an_address(site: Path) -> None:
    assert "dirty" in (site / "index.html").read_text()
    assert faults_of(site) == faults_of(site.as_uri()) == []
    with Site(root=site, links=(site / ".current").is_symlink()).alone():
        pass
    assert faults_of(site) == []


def is_noticed(place: Path | str) -> bool:
    try:
        return bool(faults_of(place))
    except TamperedError:
        return True


def test_a_flipped_byte_of_any_file_of_a_site_is_noticed(site: Path) -> None:
    draw = random.Random(4)
    paths = [path for path in site.rglob("*") if path.is_file() and not path.is_symlink() and path.name != ".lock"]
    assert {path.name for path in paths} >= {
        "index.html",
        "versions.json",
        "publication.css",
        "SHA256SUMS",
        "1.0.0...1.1.0.html",
        "1.0.0...1.1.0.json",
    }
    for path in paths:
        whole = path.read_bytes()
        for place in draw.sample(range(len(whole)), min(6, len(whole))):
            data = bytearray(whole)
            data[place] ^= 1 << draw.randrange(8)
            path.write_bytes(data)
            for where in (site, site.as_uri()):
                assert is_noticed(where), (path, place)
        path.write_bytes(whole)
    assert faults_of(site) == []


def test_a_banner_cannot_be_removed_from_the_list_with_hashes_that_fit(site: Path) -> None:
    """Whoever changes the list of versions and the hashes of the site meets the versions themselves."""
    listed = json.loads((site / "versions.json").read_text())
    listed["versions"][1]["allowed"] = []
    (site / "versions.json").write_text(json.dumps(listed))
    told = sums.parse((site / sums.SUMS).read_text(), "x") | {"versions.json": sums.of_file(site / "versions.json")}
    (site / sums.SUMS).write_text(sums.text(told))
    assert faults_of(site) == ["1.1.0: versions.json says allowed [], and the version ['dirty']"]


def test_an_older_site_says_what_is_not_covered(site: Path) -> None:
    listed = json.loads((site / "versions.json").read_text())
    (site / "versions.json").write_text(json.dumps({**listed, "schema": 1}))
    (site / sums.SUMS).unlink()
    found = verify.check(str(site))
    assert faults_of(site) == []
    assert "are not covered: an older replab wrote them" in found[0].notices[0]
    (site / "versions.json").write_text(json.dumps(listed))
    assert faults_of(site) == ["the site: SHA256SUMS is missing"]


def put(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "cannot be read: it is a pipe, not a file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "cannot be read: it leads out of the folder"),
    "a link out": (lambda path: path.symlink_to("/etc/passwd"), "cannot be read: it leads out of the folder"),
    "a loop": (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels of symbolic links"),
    "a folder": (Path.mkdir, "cannot be read: it is a folder, not a file"),
    "nothing": (lambda path: None, "is missing"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_file_in_a_site_is_said_and_never_waited_for(site: Path, kind: str) -> None:
    make, words = ODD[kind]
    put(site / "1.0.0" / "index.html", make)
    put(site / "static" / "publication.css", make)
    found = faults_of(site)
    assert f"the site: static/publication.css {words}" in found
    assert f"1.0.0: index.html {words}" in found
    put(site / "1.1.0" / "publication.json", make)
    assert any(fault.endswith(f"1.1.0: publication.json {words}") for fault in faults_of(site))
    (site / "versions.json").unlink()
    make(site / "versions.json")
    assert is_noticed(site)


@pytest.mark.processes
def test_a_tree_of_thousands_of_folders_is_a_sentence(site: Path) -> None:
    here = os.open(site / "1.0.0", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        there = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)
    [fault] = faults_of(site)
    assert fault.endswith("folders are nested in more than 50 levels")
    assert len(fault) < 500
    with pytest.raises(OSError, match="nested in more than 50 levels"):
        sums.of_folder(site / "1.0.0")
    subprocess.run(["rm", "-rf", str(site)], check=True)


@pytest.mark.parametrize(
    "text",
    [
        "http://[",
        "http://",
        "http://a b",
        "http://\x1b",
        "https://[::1",
        "file:///nowhere",
        "nowhere",
        "a\0b",
        "x" * 5000,
        "http://127.0.0.1:99999/x",
    ],
)
def test_what_is_no_address_is_a_sentence(text: str) -> None:
    with pytest.raises(TamperedError) as caught:
        verify.check(text)
    assert visible(str(caught.value)) == str(caught.value)


def test_a_folder_with_other_things_is_not_made_a_site(site: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("x")
    for target in (mine, Path("/"), mine / "thesis.tex", mine / "thesis.tex" / "x", site):
        with pytest.raises(DeployError):
            deploy.deploy(Site(root=site), str(target), tmp_path, lambda _: None)
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]
    for _ in range(2):
        deploy.deploy(Site(root=site), str(tmp_path / "www"), tmp_path, lambda _: None)
    assert faults_of(tmp_path / "www") == []
    (tmp_path / "www" / "versions.json").unlink()  # as an interrupted deployment leaves it
    deploy.deploy(Site(root=site), str(tmp_path / "www"), tmp_path, lambda _: None)
    assert faults_of(tmp_path / "www") == []


def test_every_kind_of_change_is_told_and_nothing_else(tmp_path: Path) -> None:
    old = version(
        tmp_path / "old",
        "1.0.0",
        [
            cell("same"),
            cell("bits"),
            cell("verdict"),
            cell("cause"),
            cell("dies"),
            cell("restless", repeatable="no"),
            cell("gone"),
            cell("same", "old-1"),
        ],
        {"one-1": ENVIRONMENT, "old-1": ENVIRONMENT},
    )
    new = version(
        tmp_path / "new",
        "1.1.0",
        [
            cell("same"),
            cell("bits", bits="bb"),
            cell("verdict", verdict="semantic", bits="bb"),
            cell("cause", cause="epsilon"),
            cell("dies", status="crashed", verdict="", bits="", output="", reason="<script>alert(1)</script>"),
            cell("restless", bits="bb"),
            cell("fresh"),
            cell("same", "new-1"),
        ],
        {"one-1": ENVIRONMENT | {"lock": "2", "packages": {"numpy": "2.5.5"}}, "new-1": ENVIRONMENT},
    )
    found = changes.between(old, new)
    assert {(one.id.split(":")[0], one.what, one.unsteady) for one in found.cells} == {
        ("ops.bits", ("bits",), False),
        ("ops.verdict", ("verdict", "bits"), False),
        ("ops.cause", ("cause",), False),
        ("ops.dies", ("status", "verdict"), False),
        ("ops.restless", ("bits",), True),
    }
    assert found.cells[-1].unsteady
    assert [(one.name, one.what, one.details) for one in found.environments] == [
        ("new-1", "added", ()),
        ("old-1", "removed", ()),
        ("one-1", "re-pinned", ("numpy 2.5.4 → 2.5.5", "six 1.17 gone")),
    ]
    assert (found.added, found.removed, found.same, found.moved) == ({"ops.fresh": 1}, {"ops.gone": 1}, 1, {"new-1": 1, "old-1": 1})
    site_pages.write_changes(tmp_path, found, ["1.1.0: <b>planted</b>"])
    text = (tmp_path / "changes" / "1.0.0...1.1.0.html").read_text()
    assert "<script>alert(1)" not in text
    assert "<b>planted" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert site_pages.summary(found).startswith(
        "2 results changed their verdict; 1 result changed its cause; 1 result changed its status; 2 results changed their bits; added: new-1"
    )


def test_nothing_changed_is_said_so(tmp_path: Path) -> None:
    old = version(tmp_path / "old", "1.0.0", [cell("same")], {"one-1": ENVIRONMENT})
    found = changes.between(old, Published(folder=old.folder, about={**old.about, "version": "1.0.1"}))
    assert site_pages.summary(found) == "Nothing changed. 1 results are the same."


def test_a_large_difference_is_cut_on_the_page_and_whole_in_the_file(tmp_path: Path) -> None:
    old = version(tmp_path / "old", "1.0.0", [cell(f"c{n}") for n in range(site_pages.SHOWN + 7)], {"one-1": ENVIRONMENT})
    new = version(tmp_path / "new", "1.0.1", [cell(f"c{n}", bits="bb") for n in range(site_pages.SHOWN + 7)], {"one-1": ENVIRONMENT})
    found = changes.between(old, new)
    site_pages.write_changes(tmp_path, found, [])
    text = (tmp_path / "changes" / "1.0.0...1.0.1.html").read_text()
    assert "7 more stand in the JSON file." in text
    assert len(found.table()["cells"]) == site_pages.SHOWN + 7


def test_other_machines_and_libraries_are_named_as_likely_reasons() -> None:
    published = ENVIRONMENT | {"platform": "x86_64 glibc-2.36 GenuineIntel-6-143 avx+avx2 g++-12.2.0"}
    here = {
        "status": "ok",
        "engine": "docker",
        "platform": "x86_64 glibc-2.41 AuthenticAMD-25-17 avx+avx2 g++-12.2.0",
        "observed": {"packages": {"numpy": "2.5.5", "six": "1.17"}},
    }
    assert replay.different(published, here) == [
        "other library: numpy 2.5.4 → 2.5.5",
        "other processor: GenuineIntel-6-143 → AuthenticAMD-25-17",
        "other C library: glibc-2.36 → glibc-2.41",
        "other engine: uv → docker",
    ]
    same = {"status": "ok", "engine": "uv", "platform": "x", "observed": {"packages": ENVIRONMENT["packages"]}}
    assert replay.different(ENVIRONMENT, same) == []


def test_a_share_is_never_rounded_up_to_all() -> None:
    counts = {"same": 99_999, "within": 1, "other": 0, "unsteady": 5}
    found = {"version": "1.0.0", "total": 100_005, "counts": counts, "cells": [{"kind": "within", "reason": "unknown"}]}
    told = replay.lines(found)
    assert told[0] == "1.0.0: 99,999 of 100,000 results came back bit for bit (99.9 %)"
    assert told[1:] == [
        "1 result with other bits, within what rounding explains.",
        "5 results set aside: known not to repeat.",
        "Likely reason of 1: unknown.",
    ]


def test_a_bill_of_materials_names_every_pin_and_is_the_same_every_time(root: Path) -> None:
    for lock in [*sorted((root / "containers").glob("*/cpu.lock")), root / "requirements.lock"]:
        text = sbom.of_lock("x", "1", lock, python="3.11")
        assert text == sbom.of_lock("x", "1", lock, python="3.11")
        names = {(one["name"], one["version"]) for one in json.loads(text)["components"]}
        pinned = [line.split(" ")[0] for line in lock.read_text().splitlines() if "==" in line and line[:1].isalnum()]
        assert {
            (name.lower().replace("_", "-").replace(".", "-"), version) for name, _, version in (pin.partition("==") for pin in pinned)
        } <= names
        assert len(names) == len(set(pinned)) + 1


@pytest.mark.processes
def test_an_edit_of_what_only_shows_asks_for_no_new_tables(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", "-C", str(tmp_path), *who, *words], capture_output=True, text=True, check=True).stdout.strip()

    shutil.copytree(resources.SCRIPTS / "replab", tmp_path / "scripts" / "replab", ignore=shutil.ignore_patterns("__pycache__"))
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "as it ran")
    made = git("rev-parse", "HEAD")
    for name in ("library/judging.py", "start.py", "cli.py", "commands/bench.py", "report/render.py", "publish/site.py"):
        (tmp_path / "scripts" / "replab" / name).write_text("edited = True\n")
    git("commit", "--quiet", "--all", "--message", "what shows")
    assert reasons.changed_since(tmp_path, made) == ""
    for name in ("judge/rows.py", "claims/patterns.py", "engines/container_run.py"):
        (tmp_path / "scripts" / "replab" / name).write_text("edited = True\n")
    git("commit", "--quiet", "--all", "--message", "what computes")
    edited = [f"scripts/replab/{name}" for name in ("claims/patterns.py", "engines/container_run.py", "judge/rows.py")]
    assert (reasons.changed_since(tmp_path, made) or "").splitlines() == edited
    assert reasons.changed_since(tmp_path, "0" * 40) is None


@pytest.mark.processes
def test_a_version_of_an_installed_lab_holds_all_that_its_steps_consist_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "INSTALLED", tmp_path)
    held = set(build._sources(tmp_path).values())
    assert {path for step in code.STEPS for path in code.of_step(resources.SCRIPTS, step)} <= held
