"""The whole workflow with container engines: results, changed images, daemons that go away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from sandboxes import ENVIRONMENTS, ROOT, containers_left, statuses_of, variables
from workflows import Workflow

import daemons
from replab.images import build_image
from replab.store.ledger import Ledger


def test_the_workflow_fills_the_report_from_containers(engine: str, bases: tuple[Path, str], cache: Path, tmp_path: Path) -> None:
    names = ("numpy-2.5", "torch-2.13") if engine == "docker" else ("numpy-2.5",)
    workflow = Workflow(engine, tmp_path / "results", cache, bases[0], environments=",".join(names), families="control_flow,randomness")
    done = workflow.run()
    assert done.returncode == 0, done.stdout + workflow.logs()
    counts = statuses_of(workflow.results)
    assert counts["ok"] > 25, counts
    assert not {"crashed", "oom", "timeout", "error"} & set(counts), counts
    facts = json.loads((workflow.results / "environments" / f"{names[-1]}.json").read_text())
    assert facts["engine"] == engine
    assert facts["image"]["digest"].startswith("sha256:")
    assert facts["observed"]["platform"]["container"] is True
    assert set(facts["observed"]["isolation"].values()) == {"holds"}
    page = "".join(path.read_text() for path in (workflow.results / "report").glob("*.html"))
    assert "no network but its own loopback" in page
    assert facts["image"]["digest"] in page
    assert containers_left(engine) == []

    again = workflow.run()
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout, again.stdout


def test_another_image_reruns_what_depended_on_it_and_nothing_else(
    docker: daemons.Docker, bases: tuple[Path, str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = Workflow("docker", tmp_path / "results", cache, bases[0])
    done = workflow.run(*targets(workflow))
    assert done.returncode == 0, done.stdout + workflow.logs()
    before = workflow.manifests()
    note = workflow.results / "images" / "numpy-2.5.json"
    image = json.loads(note.read_text())
    record = cache / "images" / "numpy-2.5-cpu-docker.json"
    kept, digest = record.read_text(), ""
    try:
        digest = relabelled(docker, image["reference"])
        record.write_text(kept.replace(image["digest"], digest).replace(image["reference"], digest))
        note.write_text(json.dumps({**image, "digest": digest, "reference": digest}, sort_keys=True))
        book = Ledger(workflow.results, ROOT)
        noted = book.notes["image--numpy-2.5"]
        book.write("image--numpy-2.5", read=noted.read, made=[note], terms=noted.terms)  # as the step that built it would
        done = workflow.run(*targets(workflow))
        assert done.returncode == 0, done.stdout + workflow.logs()
        after = workflow.manifests()
        for name, manifest in after.items():
            changed = name.startswith("numpy-2.5")
            keys = [{cell["key"] for cell in one["cells"] if cell["key"]} for one in (before[name], manifest)]
            assert (keys[0].isdisjoint(keys[1]) and manifest["sandboxes"] == 1) if changed else manifest == before[name], name
    finally:
        record.write_text(kept)
        if digest:
            docker.run("image", "rm", "--force", digest)  # an image with descendants cannot be removed, which another test does


def targets(workflow: Workflow) -> list[str]:
    """The manifests: nothing is judged."""
    return [str(workflow.results / "batches" / f"{name}--light--default.json") for name in ("numpy-2.5", "torch-2.13")]


def relabelled(docker: daemons.Docker, reference: str) -> str:
    """The same image with one label more, and so with another digest."""
    done = subprocess.run(
        [str(daemons.program("docker")), "build", "--quiet", "--label", "changed=yes", "-"],
        input=f"FROM {reference}\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **docker.environment, "DOCKER_BUILDKIT": "0"},
        timeout=120,
    )
    return done.stdout.strip().splitlines()[-1]


def test_a_daemon_stopped_in_the_middle_costs_nothing_that_was_finished(bases: tuple[Path, str], cache: Path, tmp_path: Path) -> None:
    if missing := daemons.missing_docker():
        pytest.skip(missing)
    own = tmp_path / "cache"
    own.mkdir()
    for name in ("wheels",):
        (own / "images").mkdir()
        (own / "images" / name).symlink_to(cache / "images" / name)
    with daemons.scratch("data") as data:
        with daemons.docker_daemon(data / "d") as daemon, variables(daemon.environment):
            build_image(ENVIRONMENTS["numpy-2.5"], ROOT, own, "docker", print, bases=bases[0])
            slow = ROOT / "tests" / "pipeline" / "families"  # with cells that sleep: the daemon goes away in the middle of them
            workflow = Workflow("docker", tmp_path / "results", own, bases[0], "numpy-2.5", "small", slow)
            process = workflow.start()
            journal = workflow.results / "staging" / "numpy-2.5--small--default" / "journal.jsonl"
            end = time.monotonic() + 300
            while not (journal.is_file() and journal.read_text().count('"done"') >= 3):
                assert process.poll() is None, process.communicate()[0] + workflow.logs()
                assert time.monotonic() < end
                time.sleep(0.05)
            daemon.kill(signal.SIGKILL)
            said = process.communicate(timeout=200)[0]
        assert process.returncode != 0, said
        assert "went away, and with it the sandbox. Start it and run again: finished cells are kept" in workflow.logs()
        assert "Traceback" not in workflow.logs()
        with daemons.docker_daemon(data / "d") as daemon, variables(daemon.environment):
            done = workflow.run()
            assert done.returncode == 0, done.stdout + workflow.logs()
            kept = sum(
                sum(bool(cell["key"]) for cell in manifest["cells"])
                - sum(count for status, count in manifest["ran"].items() if status != "leftover")
                for manifest in workflow.manifests().values()
            )
            assert kept >= 2, "what was finished before was computed again"
            assert not {"crashed", "error"} & set(statuses_of(workflow.results))
            assert containers_left("docker") == []


def test_an_image_that_was_deleted_is_built_again_when_it_is_needed(
    docker: daemons.Docker, bases: tuple[Path, str], cache: Path, tmp_path: Path
) -> None:
    workflow = Workflow("docker", tmp_path / "results", cache, bases[0], environments="numpy-2.5")
    first, second = f"{workflow.results}/batches/numpy-2.5--light--default.json", f"{workflow.results}/defaults/numpy-2.5.json"
    assert workflow.run(first).returncode == 0, workflow.logs()
    before = workflow.manifests()
    image = json.loads((workflow.results / "images" / "numpy-2.5.json").read_text())
    docker.run("image", "rm", "--force", image["reference"])
    done = workflow.run(first)
    assert done.returncode == 0, done.stdout + workflow.logs()
    assert "its image" in done.stdout
    assert "is not there any more" in done.stdout
    assert workflow.manifests() == before
    done = workflow.run(second)  # what was not there yet needs the image
    assert done.returncode == 0, done.stdout + workflow.logs()
    assert json.loads((workflow.results / "images" / "numpy-2.5.json").read_text())["digest"] == image["digest"]
    assert workflow.manifests() == before


def test_a_version_made_in_containers_is_replayed_in_containers(
    docker: daemons.Docker, bases: tuple[Path, str], cache: Path, tmp_path: Path
) -> None:
    """The image is built again from the published locks: the same digest, the same bits."""
    workflow = Workflow("docker", tmp_path / "results", cache, bases[0], environments="numpy-2.5", families="control_flow")
    done = workflow.run()
    assert done.returncode == 0, done.stdout + workflow.logs()
    where = [word for name in (f"results={workflow.results}", f"cache={cache}") for word in ("--config", name)]
    words = ("publish", "2026.11.0", "--allow", "dirty,controls", "--site", str(tmp_path / "site"))
    done = workflow.replab(*words, *where, configured=False)
    assert done.returncode == 0, done.stdout
    version, out = tmp_path / "site" / "2026.11.0", tmp_path / "replay"
    done = workflow.replab("replay", "--trust", str(version), "--out", str(out), configured=False)
    assert done.returncode == 0, done.stdout
    found = json.loads((out / "replay.json").read_text())
    assert found["total"] > 25
    assert found["counts"] == {**dict.fromkeys(found["counts"], 0), "same": found["total"]}
    (environment,) = found["environments"]
    assert environment["differences"] == [], environment
    images = [json.loads((folder / "images" / "numpy-2.5.json").read_text())["digest"] for folder in (workflow.results, out / "results")]
    assert images[0] == images[1]
