"""Publishing for real: two versions from two states of a small lab, what is refused, and what survives accidents."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from crates import issues
from replab.publish import verify
from replab.publish.errors import PublishError, TamperedError
from replab.store.ledger import Ledger

from .conftest import FIRST, SECOND, Laboratory, assert_links_lead_somewhere

pytestmark = pytest.mark.publication


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every file."""
    return {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_version_is_whole_and_says_what_it_is(first: Path, second: Path) -> None:
    for folder in (first, second):
        for name in (
            "index.html",
            "report/index.html",
            "tables/cells.parquet",
            "tables/claims.json",
            "locks/numpy-2.5/cpu.lock",
            "plan/settings.json",
            "store/manifest.parquet",
            "workflow/Snakefile",
            "sbom/numpy-2.5.cdx.json",
            "CITATION.cff",
            "ro-crate-metadata.json",
            "SHA256SUMS",
        ):
            assert (folder / name).is_file(), name
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
        about = json.loads((folder / "publication.json").read_text())
        assert about["version"] == folder.name
        assert about["notices"] == []
        assert about["controls"]["rounding"][0] == about["controls"]["rounding"][1] > 0
    assert f"version: {FIRST}" in (first / "CITATION.cff").read_text()


def test_a_version_is_a_valid_workflow_run_crate(first: Path) -> None:
    assert issues(first, severity="REQUIRED") == []
    graph = {entity["@id"]: entity for entity in json.loads((first / "ro-crate-metadata.json").read_text())["@graph"]}
    assert graph["./"]["mainEntity"]["@id"] == "workflow/Snakefile"
    assert graph["#run"]["instrument"]["@id"] == "workflow/Snakefile"
    assert {"@id": "tables/cells.parquet"} in graph["#run"]["result"]
    assert all(
        (first / name).exists() for name in graph if re.match(r"[a-z]", name) and "://" not in name and name != "ro-crate-metadata.json"
    )


def test_the_crate_check_can_fail(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "crate"
    shutil.copytree(first, copy)
    data = json.loads((copy / "ro-crate-metadata.json").read_text())
    data["@graph"] = [one for one in data["@graph"] if one["@id"] != "workflow/Snakefile"]
    (copy / "ro-crate-metadata.json").write_text(json.dumps(data))
    assert issues(copy, severity="REQUIRED")


def test_every_environment_has_a_valid_bill_of_materials(first: Path) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    found = sorted((first / "sbom").glob("*.json"))
    assert [path.name for path in found] == ["lab.cdx.json", "numpy-2.5.cdx.json", "torch-2.13.cdx.json", "torch-2.13.cuda.cdx.json"]
    for path in found:
        assert validator.validate_str(path.read_text()) is None
    torch = json.loads((first / "sbom" / "torch-2.13.cdx.json").read_text())
    versions = {one["name"]: one["version"] for one in torch["components"]}
    assert versions["torch"].startswith("2.13.0")
    lock = (first / "locks" / "torch-2.13" / "cpu.lock").read_text()
    assert all(one["content"] in lock for component in torch["components"] for one in component.get("hashes", ()))


def test_what_changed_is_exactly_what_was_changed(laboratory: Laboratory, second: Path) -> None:
    page = laboratory.site / "changes" / f"{FIRST}...{SECOND}.html"
    found = json.loads(page.with_suffix(".json").read_text())
    assert [(one["name"], one["what"]) for one in found["environments"]] == [("torch-2.13", "removed")]
    steady = [one for one in found["cells"] if not one["unsteady"] and ".restless:" not in one["id"]]
    assert {one["id"].partition(":")[0] for one in steady} == {"tiny.tanh"}
    assert {one["id"].partition("@")[2].partition(":")[0] for one in steady} == {"numpy-2.5"}
    assert {(one["id"], "bits" in one["what"], "verdict" in one["what"]) for one in steady} == {
        ("tiny.tanh:float32:d0@numpy-2.5:eager:default:cpu", True, True),
        ("tiny.tanh:float64:d0@numpy-2.5:eager:default:cpu", True, True),
    }
    assert (found["added"], found["removed"]) == ({}, {})
    restless = [one["id"] for one in found["cells"] if ".restless:" in one["id"]]
    assert not restless, "a result that is not run again keeps its bits"
    text = page.read_text()
    assert "tiny.tanh:float32:d0@numpy-2.5" in text
    assert "tiny.square" not in text
    assert "torch-2.13" in text


def test_the_site_lists_all_versions_and_links_lead_somewhere(laboratory: Laboratory, second: Path) -> None:
    site = laboratory.site
    listed = json.loads((site / "versions.json").read_text())["versions"]
    assert [one["version"] for one in listed] == [FIRST, SECOND]
    assert all(one["headline"].startswith("Of ") and one["date"] for one in listed)
    assert json.loads((site / "latest" / "publication.json").read_text())["version"] == SECOND
    assert_links_lead_somewhere(
        [site / "index.html", *site.glob("changes/*.html"), site / FIRST / "index.html", site / SECOND / "index.html"]
    )
    index = (site / "index.html").read_text()
    for one in listed:
        assert one["headline"] in index.replace("&#39;", "'")


def test_nothing_planted_becomes_markup(laboratory: Laboratory, second: Path) -> None:
    pages = [path for path in laboratory.site.rglob("*.html") if "workflow" not in path.parts]
    assert len(pages) > 10
    assert any("planted" in path.read_text() for path in pages)
    for path in pages:
        assert "<script>alert('planted')" not in path.read_text(), path


def test_the_same_content_again_changes_nothing(laboratory: Laboratory, second: Path) -> None:
    before = files(second)
    assert "published already, with the same content" in laboratory.replab("publish", SECOND)
    assert files(second) == before


def test_other_content_under_a_published_name_is_refused(laboratory: Laboratory, second: Path) -> None:
    before = files(laboratory.site)
    said = laboratory.replab("publish", FIRST, code=PublishError.exit_code)
    assert said.count("\n") <= 3 + said.count("building") + said.count("checking")
    assert f"replab: {FIRST}: it was published with other content: " in said
    assert "other content: locks/torch-2.13/cpu.lock" in said
    assert "A version never changes: publish under a new one" in said
    assert {name: one[0] for name, one in files(laboratory.site).items()} == {name: one[0] for name, one in before.items()}


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("2026.11", "was read as a number"),
        ("../x", "cannot name a version"),
        ("latest", "cannot name a version"),
        ("2026.09.0", "Write 2026.9.0"),
        (None, "no version was given"),
    ],
)
def test_a_version_that_cannot_be_one_ends_the_workflow_before_it_runs(
    laboratory: Laboratory, first: Path, version: str | None, words: str
) -> None:
    said = laboratory.snakemake("publish", code=PublishError.exit_code, **({} if version is None else {"version": version}))
    assert words in said
    assert "Traceback" not in said


@pytest.fixture
def elsewhere(laboratory: Laboratory, second: Path, tmp_path: Path) -> Iterator[Path]:
    """Another site; what a test does to the laboratory is undone."""
    yield tmp_path / "site"
    laboratory.git("checkout", "--quiet", "--", ".")
    laboratory.git("clean", "--quiet", "-fd")


def test_a_dirty_tree_is_refused_and_when_allowed_every_page_says_so(laboratory: Laboratory, elsewhere: Path) -> None:
    (laboratory.root / "config" / "note.txt").write_text("not committed")
    said = laboratory.replab("publish", "2026.11.1", "--site", str(elsewhere), code=PublishError.exit_code)
    assert "the tree is dirty: config/note.txt differ from the commit" in said
    assert "allow=dirty" in said
    assert not [path for path in elsewhere.glob("*") if path.name[0] != "."]
    laboratory.replab("publish", "2026.11.1", "--site", str(elsewhere), "--allow", "dirty")
    pages = [path for path in (elsewhere / "2026.11.1").rglob("*.html") if "workflow" not in path.parts]
    assert len(pages) > 8
    for path in pages:
        assert "Published although the tree is dirty: config/note.txt differ from the commit." in path.read_text(), path
    assert "Published although: dirty" in (elsewhere / "index.html").read_text()


def test_missing_damaged_and_outdated_results_are_refused(laboratory: Laboratory, elsewhere: Path) -> None:
    manifest = json.loads((laboratory.root / "results" / "batches" / "numpy-2.5--tiny--default.json").read_text())
    victim = next(one for one in manifest["cells"] if one["id"].startswith("tiny.square:float32:d0"))
    path = laboratory.root / "results" / "store" / victim["files"][0][0]
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    try:
        said = laboratory.replab("publish", "2026.11.1", "--site", str(elsewhere), code=PublishError.exit_code)
        assert "cells are missing: 2 results are gone or damaged: " in said, "the rewrite has the same key"
        assert "tiny.square:float32:d0@numpy-2.5:eager:default:cpu" in said
        path.unlink()
        said = laboratory.replab("publish", "2026.11.1", "--site", str(elsewhere), code=PublishError.exit_code)
        assert "is missing" in said
    finally:
        path.write_bytes(data)
    laboratory.edit("experiments/tiny/impl_numpy.py", "return x + x", "return 2 * x")
    said = laboratory.replab("publish", "2026.11.1", "--site", str(elsewhere), "--allow", "dirty", code=PublishError.exit_code)
    assert "results are those of other sources or inputs: tiny.doubled:float32:d0" in said


def test_stale_pins_and_failed_controls_are_refused(laboratory: Laboratory, elsewhere: Path) -> None:
    run = laboratory.root / "results" / "run.json"
    before = run.read_bytes()
    found = json.loads(before)
    found["controls"]["rounding"][0] -= 1
    run.write_text(json.dumps(found))
    book = Ledger(laboratory.root / "results", laboratory.root)
    noted = book.notes["tables"]
    book.write("tables", read=noted.read, made=[book.path_of(name) for name in noted.made], terms=noted.terms)  # as a run that found this
    laboratory.edit("containers/numpy-2.5/env.toml", 'requirements = ["numpy', 'requirements = ["six", "numpy')
    try:
        said = laboratory.replab("publish", "2026.11.1", "--site", str(elsewhere), "--allow", "dirty", code=PublishError.exit_code)
    finally:
        run.write_bytes(before)
        book.write("tables", read=noted.read, made=[book.path_of(name) for name in noted.made], terms=noted.terms)
    assert "pins are stale: containers/numpy-2.5/cpu.lock: the lock is older than the requirements in env.toml" in said
    assert re.search(r"controls failed: 1 of \d+ known-equal rewrites came out otherwise", said)
    assert "allow=missing,pins,controls" in said


def visible(site: Path) -> tuple[set[str], list[str]]:
    """Folders of versions that anybody sees, and the versions that are listed; both must be whole."""
    folders = {path.name for path in site.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."} - {
        "changes",
        "static",
    }
    for name in folders:
        assert verify.version(verify.Folder(site / name)).faults == (), name
    if not (site / "versions.json").exists():
        assert not (site / "index.html").exists()
        return folders, []
    listed = [one["version"] for one in json.loads((site / "versions.json").read_text())["versions"]]
    index = (site / "index.html").read_text()
    assert set(re.findall(r'href="(\d[\d.]+)/index.html"', index)) == set(listed) <= folders
    assert json.loads((site / "latest" / "publication.json").read_text())["version"] == listed[-1]
    assert_links_lead_somewhere([site / "index.html", *site.glob("changes/*.html")])
    return folders, listed


def test_kill_9_at_any_moment_leaves_the_site_whole(laboratory: Laboratory, elsewhere: Path) -> None:
    """Killed while it builds, when the version has just appeared, and while the index is switched; the next publication mends what is left."""
    laboratory.replab("publish", "2026.1.0", "--site", str(elsewhere))
    assert visible(elsewhere)[1] == ["2026.1.0"]
    moments = {
        "2026.1.1": lambda name: any(elsewhere.glob(".building-*/*/report")),
        "2026.1.2": lambda name: any(elsewhere.glob(".building-*/*/SHA256SUMS")),
        "2026.1.3": lambda name: (elsewhere / name).exists(),
        "2026.1.4": lambda name: (elsewhere / "changes" / f"2026.1.0...{name}.html").exists(),
        "2026.1.5": lambda name: len([*elsewhere.glob(".states/*")]) > 1,
    }
    killed = 0
    for name, reached in moments.items():
        process = subprocess.Popen(
            laboratory.command("publish", name, "--site", str(elsewhere)),
            cwd=laboratory.root,
            env=laboratory.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and not reached(name):
            time.sleep(0.0005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        killed += process.wait() != 0
        folders, listed = visible(elsewhere)
        assert "2026.1.0" in listed
        assert folders - {*listed} <= {*moments}
    assert killed >= 3
    laboratory.replab("publish", "2026.2.0", "--site", str(elsewhere))
    folders, listed = visible(elsewhere)
    assert {*listed} == folders >= {"2026.1.0", "2026.2.0"}
    assert not [*elsewhere.glob(".building-*")]
    assert len([*elsewhere.glob(".states/*")]) == 1


def test_a_full_disk_is_one_sentence_and_changes_nothing(laboratory: Laboratory, elsewhere: Path, second: Path) -> None:
    """On a real small file system: the first version fits, the second does not."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("optional: this machine lets nobody mount a small file system")
    size = sum(path.stat().st_size for path in second.rglob("*") if path.is_file())
    count = sum(1 for path in second.rglob("*") if path.is_file())
    elsewhere.mkdir()
    python = " ".join(map(str, laboratory.command()))
    script = f"""
        mount -t tmpfs -o size={int(size * 1.5 + count * 4096)} tmpfs {elsewhere}
        {python} publish 2026.1.0 --site {elsewhere} || exit 91
        {python} publish 2026.1.1 --site {elsewhere}; echo "code $?"
        ls -A {elsewhere}
        {python} verify {elsewhere} || exit 92
    """
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script],
        cwd=laboratory.root,
        env=laboratory.environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"code {PublishError.exit_code}" in done.stdout
    assert "cannot be written: No space left on device. Free some space, and publish again: nothing was published" in done.stdout
    assert "Traceback" not in done.stdout
    assert "\n2026.1.0\n" in done.stdout
    assert "\n2026.1.1\n" not in done.stdout
    assert ".building-" not in done.stdout


def test_two_publications_at_once_do_not_mix(laboratory: Laboratory, elsewhere: Path) -> None:
    from replab.publish.site import Site

    with Site(root=elsewhere).alone():
        said = laboratory.replab("publish", "2026.1.0", "--site", str(elsewhere), code=PublishError.exit_code)
    assert "another publication is at work here" in said


def test_a_published_version_that_was_changed_is_not_listed_anew(laboratory: Laboratory, elsewhere: Path, second: Path) -> None:
    shutil.copytree(laboratory.site, elsewhere, symlinks=True)
    with (elsewhere / FIRST / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  extra\n")
    said = laboratory.replab("publish", "2026.12.0", "--site", str(elsewhere), code=TamperedError.exit_code)
    assert f"{FIRST}: was changed after it was published" in said
