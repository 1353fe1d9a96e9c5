"""Images built for real, by Docker and by podman, without network; and what happens when something on the way is not as it should be."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import daemons
from images_world import CORE, ENVIRONMENTS, ROOT, lying_registry, new_cache
from replab import sealed
from replab.errors import EnvironmentUnavailable, PinError
from replab.images import Image, archives, bases, build_image, check, find_image, record, wheels
from replab.images.builders import Builder
from replab.images.sbom import STATUS
from replab.model import Environment

sys.path.insert(0, str(ROOT / "tests" / "probe"))
import probe_requests

PROBE = ROOT / "scripts" / "sandbox" / "probe"
FAMILY = ROOT / "tests" / "probe" / "family"
IMPL = {"numpy": "impl_numpy.py", "tensorflow": "impl_tf.py", "torch": "impl_torch.py"}
MakeBases = Callable[..., Path]


def quiet(_: str) -> None:
    """A log that nobody reads."""


@pytest.fixture(scope="session")
def built(docker: daemons.Docker, cache: Path, make_bases: MakeBases) -> Callable[[str], Image]:
    """The image of a core environment, built by Docker."""

    def of(name: str) -> Image:
        return build_image(ENVIRONMENTS[name], ROOT, cache, "docker", print, make_bases(name))

    return of


@pytest.mark.parametrize("name", CORE)
def test_each_core_image_holds_what_its_lock_says_and_works(name: str, built: Callable[[str], Image], record_property: Callable) -> None:
    image = built(name)
    seen = check.look(ENVIRONMENTS[name], image, "docker")
    assert list(check.problems(ENVIRONMENTS[name], image, seen)) == []
    assert seen["uid"] == image.uid == 10001
    assert seen["libc"] == "glibc 2.36"
    record_property(f"image of {name}", f"{len(seen['packages'])} packages, {len(seen['stacks'])} libraries ask for an executable stack")


@pytest.mark.parametrize("name", CORE)
def test_the_probe_runs_in_each_core_image(name: str, built: Callable[[str], Image], docker: daemons.Docker, tmp_path: Path) -> None:
    environment, image = ENVIRONMENTS[name], built(name)
    request = probe_requests.RequestBuilder(tmp_path, name, environment.framework)
    key = request.add("square", inputs={"x": [3.0]})
    for cell in request.cells:
        cell["impl"] = f"/family/{IMPL[environment.framework]}"
    (tmp_path / "request.json").write_bytes(sealed.seal({**request.request(), "inputs": "/in/inputs"}))
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    docker.run(
        *("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--tmpfs", "/tmp", "-v", f"{PROBE}:/probe:ro", "-v", f"{FAMILY}:/family:ro", "-v", f"{tmp_path}:/in:ro", "-v", f"{out}:/out"),
        *(image.reference, image.python, "/probe/main.py", "--request", "/in/request.json", "--out", "/out"),
    )
    assert probe_requests.Answers(out, [], "").values(key)["out"].tolist() == [9.0]
    observed = json.loads(next((out / "observations").glob("*.json")).read_text())
    assert observed["platform"]["container"] is True
    assert observed["platform"]["libc"] == "glibc 2.36"
    assert observed["packages"] == {package.name: package.version for package in wheels.packages(environment.lock)}


def test_an_image_with_a_compiler_makes_code_with_it(built: Callable[[str], Image], docker: daemons.Docker) -> None:
    image = built("torch-2.13")
    code = "import torch; f = torch.compile(lambda x: torch.sin(x) * 2 + 1); print(f(torch.zeros(4)).tolist())"
    light = ("-e", "TORCHINDUCTOR_COMPILE_THREADS=1", "-e", "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS=0")
    words = ("--network", "none", "--tmpfs", "/tmp:exec", *light, image.reference, image.python, "-c", code)
    done = docker.run("run", "--rm", *words, timeout=900)
    assert done.stdout.strip() == "[1.0, 1.0, 1.0, 1.0]"


def test_building_again_gives_the_same_digest_whoever_builds(
    docker: daemons.Docker, podman: daemons.Podman, make_bases: MakeBases, built: Callable[[str], Image], tmp_path: Path, numpy: Environment
) -> None:
    lock = make_bases("numpy-2.5")
    first = built("numpy-2.5")
    docker.run("image", "rm", "--force", first.reference)
    docker.run("builder", "prune", "--all", "--force")
    again = build_image(numpy, ROOT, new_cache(tmp_path / "docker"), "docker", quiet, lock)
    other = build_image(numpy, ROOT, new_cache(tmp_path / "podman"), "podman", quiet, lock)
    assert first.digest == again.digest == other.digest
    assert other.reference == other.digest
    bills = [(tmp_path / which / "images" / f"numpy-2.5-cpu-{which}.cdx.json").read_bytes() for which in ("docker", "podman")]
    assert bills[0] == bills[1]
    assert find_image(numpy, tmp_path / "podman", "podman") == other
    assert "building" not in docker.run("images", "--format", "{{.Repository}}").stdout


def test_an_image_that_is_there_is_not_built_again(
    built: Callable[[str], Image], cache: Path, make_bases: MakeBases, numpy: Environment
) -> None:
    image, said = built("numpy-2.5"), []
    assert build_image(numpy, ROOT, cache, "docker", said.append, make_bases("numpy-2.5")) == image
    assert find_image(numpy, cache, "docker") == image
    assert said == []


def test_labels_say_where_an_image_comes_from(
    built: Callable[[str], Image], docker: daemons.Docker, numpy: Environment, make_bases: MakeBases
) -> None:
    image = built("numpy-2.5")
    found = json.loads(docker.run("image", "inspect", image.reference).stdout)[0]
    labels = found["Config"]["Labels"]
    assert labels == dict(image.labels)
    assert labels["replab.lock"] == hashlib.sha256(numpy.lock.read_bytes()).hexdigest() == image.lock_sha256
    assert len(labels["org.opencontainers.image.revision"].rstrip("+")) == 40
    assert labels["org.opencontainers.image.base.digest"] == bases.read_pins(make_bases("numpy-2.5"))["python-3.13"].index
    assert found["Config"]["User"] == "10001:10001"


def test_the_bill_of_materials_names_base_system_and_wheels(built: Callable[[str], Image], cache: Path, numpy: Environment) -> None:
    image = built("numpy-2.5")
    bill = json.loads((cache / "images" / "numpy-2.5-cpu-docker.cdx.json").read_text())
    parts = {part["bom-ref"]: part for part in bill["components"]}
    assert bill["metadata"]["component"]["version"] == image.digest
    assert parts["base"]["version"] == image.base.partition("@")[2]
    wheel = parts["pypi:numpy"]
    assert wheel["version"] == "2.5.5"
    assert wheel["hashes"][0]["content"] in numpy.lock.read_text()
    status = Builder("docker").run(image.reference, ["cat", STATUS], where="test", problem="cannot be read")
    assert sum(name.startswith("deb:") for name in parts) == status.count("Status: install ok installed")


def test_a_deleted_image_is_told_and_built_again(
    built: Callable[[str], Image], docker: daemons.Docker, cache: Path, numpy: Environment
) -> None:
    image = built("numpy-2.5")
    docker.run("image", "rm", "--force", image.reference)
    with pytest.raises(EnvironmentUnavailable) as caught:
        find_image(numpy, cache, "docker")
    assert str(caught.value) == f"numpy-2.5: its image {image.digest} is not there any more. Run 'snakemake images'"
    assert built("numpy-2.5") == image


def test_a_record_of_another_digest_is_refused(built: Callable[[str], Image], cache: Path, tmp_path: Path, numpy: Environment) -> None:
    image = built("numpy-2.5")
    other = new_cache(tmp_path / "other")
    place = record.path_of(other, "numpy-2.5", "cpu", "docker")
    wrong = "sha256:" + "0" * 64
    record.write(place, record.Record(replace(image, digest=wrong), "x"))
    with pytest.raises(PinError) as caught:
        find_image(numpy, other, "docker")
    assert str(caught.value) == (
        f"numpy-2.5: its record says {wrong}, its image {image.reference}. "
        "Delete the record below images/ in the cache. Run 'snakemake images'"
    )
    place.write_text("{")
    with pytest.raises(PinError) as caught:
        find_image(numpy, other, "docker")
    assert str(caught.value) == f"{place}: the record of the image is damaged. Delete it and run 'snakemake images' again"


def test_a_new_lock_means_no_image_yet(built: Callable[[str], Image], cache: Path, tmp_path: Path, numpy: Environment) -> None:
    built("numpy-2.5")
    (tmp_path / "cpu.lock").write_text(numpy.lock.read_text() + "\n")
    assert find_image(replace(numpy, folder=tmp_path), cache, "docker") is None
    assert find_image(numpy, tmp_path, "docker") is None


def test_a_lock_of_wheels_that_was_edited_by_hand_is_not_built(
    docker: daemons.Docker, make_bases: MakeBases, tmp_path: Path, numpy: Environment
) -> None:
    (tmp_path / "cpu.lock").write_text(numpy.lock.read_text().replace("sha256:0", "sha256:1", 1))
    edited = replace(numpy, folder=tmp_path)
    with pytest.raises(PinError) as caught:
        build_image(edited, ROOT, new_cache(tmp_path / "cache"), "docker", quiet, make_bases("numpy-2.5"))
    assert str(caught.value) == "numpy-2.5: containers/numpy-2.5/cpu.lock: the lock was edited by hand. Run 'replab pin numpy-2.5'"


def test_an_unresolved_base_is_told(docker: daemons.Docker, tmp_path: Path) -> None:
    environment = ENVIRONMENTS["tf-1.15-nv"]
    with pytest.raises(EnvironmentUnavailable) as caught:
        build_image(environment, ROOT, new_cache(tmp_path), "docker", quiet, device="cuda")
    assert str(caught.value).startswith(
        "tf-1.15-nv: the digest of the base image nvcr.io/nvidia/tensorflow:23.03-tf1-py3 is not known "
        "(tensorflow-1.15-nvidia is unresolved in containers/bases.lock). Run 'replab pin bases'"
    )


def pinned(tmp_path: Path, make_bases: MakeBases, **changed: str) -> Path:
    """A copy of the lock of the bases in which that of NumPy's environment is changed."""
    pins = bases.read_pins(make_bases("numpy-2.5"))
    lock = tmp_path / "bases.changed.lock"
    bases.write_pins(lock, [replace(pins["python-3.13"], **changed)])
    return lock


def test_a_base_digest_that_vanished_is_told(docker: daemons.Docker, make_bases: MakeBases, tmp_path: Path, numpy: Environment) -> None:
    lock = pinned(tmp_path, make_bases, index="sha256:" + "1" * 64)
    name = bases.read_pins(lock)["python-3.13"].reference
    with pytest.raises(EnvironmentUnavailable) as caught:
        build_image(numpy, ROOT, new_cache(tmp_path / "cache"), "docker", quiet, lock)
    assert str(caught.value) == (
        f"numpy-2.5: the base image {name} cannot be pulled: this digest has vanished from its registry. "
        "Pin anew with 'replab pin bases', or load an archive of the image with 'replab images load'"
    )


def test_a_registry_that_is_gone_is_told(docker: daemons.Docker, make_bases: MakeBases, tmp_path: Path, numpy: Environment) -> None:
    lock = pinned(tmp_path, make_bases, image=f"127.0.0.1:{daemons.free_port()}/replab-base/python-3.13", index="sha256:" + "1" * 64)
    name = bases.read_pins(lock)["python-3.13"].reference
    with pytest.raises(EnvironmentUnavailable) as caught:
        build_image(numpy, ROOT, new_cache(tmp_path / "cache"), "docker", quiet, lock)
    assert str(caught.value) == (
        f"numpy-2.5: the base image {name} cannot be pulled: the registry cannot be reached. "
        "Connect to the network, choose other bases with --config bases=LOCK, or load an archive with 'replab images load'"
    )


@pytest.mark.parametrize("builder", ["docker", "podman"])
def test_a_registry_that_serves_another_image_is_not_believed(
    builder: str, request: pytest.FixtureRequest, make_bases: MakeBases, tmp_path: Path, numpy: Environment
) -> None:
    """The registry of this test keeps, under the digest of one image, the bytes of another."""
    request.getfixturevalue(builder)
    with lying_registry(tmp_path / "registry") as name:
        pins = bases.read_pins(make_bases("numpy-2.5"))
        image, _, index = name.partition("@")
        lock = tmp_path / "bases.changed.lock"
        bases.write_pins(lock, [replace(pins["python-3.13"], image=image, index=index)])
        with pytest.raises(PinError) as caught:
            build_image(numpy, ROOT, new_cache(tmp_path / "cache"), builder, quiet, lock)
    assert str(caught.value) == (
        f"numpy-2.5: the base image {name} cannot be pulled: the registry serves other bytes than the digest says. "
        "Do not use this registry until its administrator has found out why"
    )


def test_no_daemon_is_told(monkeypatch: pytest.MonkeyPatch, make_bases: MakeBases, tmp_path: Path, numpy: Environment) -> None:
    lock = make_bases("numpy-2.5")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EnvironmentUnavailable) as caught:
        build_image(numpy, ROOT, new_cache(tmp_path / "cache"), "docker", quiet, lock)
    assert str(caught.value) == "numpy-2.5: the Docker daemon does not answer. Start it, or set DOCKER_HOST to one that runs"


def test_archives_carry_an_image_to_a_machine_without_network(
    built: Callable[[str], Image], docker: daemons.Docker, podman: daemons.Podman, cache: Path, tmp_path: Path, numpy: Environment
) -> None:
    image, folder = built("numpy-2.5"), tmp_path / "archives"
    archives.save([numpy], cache, "docker", folder, quiet)
    assert sorted(path.name for path in folder.iterdir()) == ["images.json", "numpy-2.5.oci.tar"]
    said = subprocess.run(["skopeo", "inspect", "--config", f"oci-archive:{folder / 'numpy-2.5.oci.tar'}"], capture_output=True, check=True)
    assert json.loads(said.stdout)["config"]["Labels"] == dict(image.labels)  # a tool that knows the standard reads it
    podman.run("image", "rm", "--all", "--force")
    elsewhere = new_cache(tmp_path / "elsewhere")
    archives.load([numpy], elsewhere, "podman", folder, quiet)
    there = find_image(numpy, elsewhere, "podman")
    assert there is not None
    assert there.digest == image.digest
    seen = check.look(numpy, there, "podman")
    assert list(check.problems(numpy, there, seen)) == []
    docker.run("image", "rm", "--force", image.reference)
    archives.load([numpy], elsewhere, "docker", folder, quiet)
    assert find_image(numpy, elsewhere, "docker") == image


def test_a_damaged_archive_is_told(built: Callable[[str], Image], cache: Path, tmp_path: Path, numpy: Environment) -> None:
    built("numpy-2.5")
    archives.save([numpy], cache, "docker", tmp_path, quiet)
    archive = tmp_path / "numpy-2.5.oci.tar"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(PinError) as caught:
        archives.load([numpy], new_cache(tmp_path / "elsewhere"), "docker", tmp_path, quiet)
    assert str(caught.value) == (
        f"numpy-2.5: the archive {archive} is damaged: its bytes are not the ones that were saved. Copy it again from where it was made"
    )
    archive.unlink()
    with pytest.raises(EnvironmentUnavailable) as gone:
        archives.load([numpy], tmp_path / "elsewhere", "docker", tmp_path, quiet)
    assert str(gone.value) == f"numpy-2.5: the archive {archive} is missing. Copy it again"
    shutil.rmtree(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentUnavailable, match="there is no list of archives"):
        archives.load([numpy], tmp_path, "docker", tmp_path / "nothing", quiet)
