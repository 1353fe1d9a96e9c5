"""The target ``images`` and the commands of images, as their users type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import daemons
from images_world import ROOT, new_cache
from replab.images import bases

BIN = Path(sys.executable).parent


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of the lab, from the root of the repository."""
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}
    return subprocess.run([BIN / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False, env=env)


def test_from_debian_packages_to_an_image_that_was_looked_at(registry: daemons.Registry, docker: daemons.Docker, tmp_path: Path) -> None:
    """Bases are made and pushed, the workflow builds on them, an image that was deleted is built again, and what is there is left alone."""
    cache, lock = new_cache(tmp_path / "cache"), tmp_path / "bases.local.lock"
    settings = ["environments=numpy-2.5", "engine=uv", "builder=docker", f"cache={cache}", f"results={tmp_path / 'results'}"]
    options = [word for setting in settings for word in ("--config", setting)]
    made = run("replab", "bases", "build", "--registry", registry.host, "--out", str(lock), *options)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == f"wrote {lock}; use it with --config bases={lock}"
    assert list(bases.read_pins(lock)) == ["python-3.13"]
    before = run("replab", "images", "check", *options)
    assert (before.returncode, before.stderr) == (5, "replab: numpy-2.5: its image was not built yet. Run 'snakemake images'\n")
    snakemake = ["snakemake", "images", "--cores", "1", "--config", *settings, f"bases={lock}"]
    done = run(*snakemake)
    assert done.returncode == 0, done.stdout + done.stderr
    note = json.loads((tmp_path / "results" / "images" / "numpy-2.5.json").read_text())
    assert docker.run("image", "inspect", "--format", "{{.Id}}", note["reference"]).stdout.strip() == note["digest"]
    checked = run("replab", "images", "check", *options)
    assert (checked.returncode, checked.stdout) == (0, "numpy-2.5: 1 packages, glibc 2.36, user 10001\n")
    listed = run("replab", "images", *options, "--config", f"bases={lock}")
    assert note["digest"] in listed.stdout
    assert "Nothing to be done" in run(*snakemake).stderr
    docker.run("image", "rm", "--force", note["reference"])
    again = run(*snakemake)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"numpy-2.5: its image {note['digest']} is not there any more. Run 'snakemake images'" in again.stderr
    assert json.loads((tmp_path / "results" / "images" / "numpy-2.5.json").read_text()) == note


def test_mistakes_of_users_are_one_sentence(tmp_path: Path) -> None:
    assert run("replab", "images", "sav").stderr == "replab: replab images: unknown action 'sav'. Known: list, check, save, load\n"
    assert run("replab", "images", "save").stderr == "replab: where are the archives? Say 'replab images save FOLDER'\n"
    missing = run("replab", "images", "--config", f"bases={tmp_path}/no.lock")
    assert missing.stderr == f"replab: config: bases: there is no lock {tmp_path}/no.lock. Make it with 'replab bases build'\n"
    nobody = run("replab", "images", "--config", "builder=kaniko")
    assert nobody.stderr == "replab: config: builder: must be auto, docker or podman, not 'kaniko'\n"
