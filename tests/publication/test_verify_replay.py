"""What others do with a version: verify it, replay it, deploy it, and move results between machines."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from replab.publish import sums, verify
from replab.publish.bundle import frame
from replab.publish.errors import BundleError, DeployError, NotTrusted, ReplayError, TamperedError
from replab.publish.site import Site

from .conftest import FIRST, SECOND, Laboratory, assert_links_lead_somewhere

pytestmark = pytest.mark.publication
SELECTED = ("-c", "environments=numpy-2.5", "-c", "variants=default")


@pytest.fixture
def copy(second: Path, tmp_path: Path) -> Path:
    """A version taken elsewhere."""
    return shutil.copytree(second, tmp_path / "taken" / "away")


def states(place: Path | str) -> list[tuple[str, tuple[str, ...]]]:
    """What a check of a site finds."""
    return [(one.version, one.faults) for one in verify.check(str(place))]


def flip(path: Path) -> None:
    """One bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_version_copied_elsewhere_verifies(laboratory: Laboratory, copy: Path) -> None:
    said = laboratory.replab("verify", str(copy))
    assert said.startswith(f"{SECOND}: ")
    assert "as published; not signed" in said


def test_a_whole_site_verifies(laboratory: Laboratory, second: Path) -> None:
    said = laboratory.replab("verify", "site")
    assert said.startswith("the site: ")
    assert f"\n{FIRST}: " in said
    assert f"\n{SECOND}: " in said


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a table": (lambda folder: flip(folder / "tables" / "cells.parquet"), "tables/cells.parquet does not have the hash"),
    "a page": (lambda folder: flip(folder / "report" / "matrix.html"), "report/matrix.html does not have the hash"),
    "gone": (lambda folder: (folder / "tables" / "claims.json").unlink(), "tables/claims.json is missing"),
    "more": (lambda folder: (folder / "report" / "more.html").write_text("x"), "report/more.html is not listed in SHA256SUMS"),
    "a link": (lambda folder: (folder / "report" / "away.html").symlink_to("index.html"), "report/away.html is not listed in SHA256SUMS"),
    "the list": (lambda folder: (folder / "SHA256SUMS").write_text("nonsense\n"), "SHA256SUMS: line 1 is no hash with a path"),
    "a way out": (lambda folder: (folder / "SHA256SUMS").write_text(f"{'0' * 64}  ../../secret\n"), "line 1 names '../../secret'"),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_a_tampered_version_does_not_verify_and_the_file_is_named(laboratory: Laboratory, copy: Path, kind: str) -> None:
    change, words = TAMPERED[kind]
    change(copy)
    said = laboratory.replab("verify", str(copy), code=TamperedError.exit_code)
    assert words in said


@pytest.fixture
def address(laboratory: Laboratory, second: Path) -> Iterator[str]:
    """The site behind a web server."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(laboratory.site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_site_and_a_version_verify_at_an_address(laboratory: Laboratory, address: str) -> None:
    assert states(address) == [("the site", ()), (FIRST, ()), (SECOND, ())]
    assert f"{SECOND}: " in laboratory.replab("verify", f"{address}/latest/")
    said = laboratory.replab("verify", f"{address}/nothing", code=TamperedError.exit_code)
    assert "this is no published version" in said
    said = laboratory.replab("verify", "http://127.0.0.1:1", code=TamperedError.exit_code)
    assert "cannot be read: [Errno 111] Connection refused" in said


def test_a_tampered_file_is_noticed_at_an_address(copy: Path) -> None:
    flip(copy / "tables" / "pairs.parquet")
    (found,) = verify.check(copy.as_uri())
    assert found.faults == ("tables/pairs.parquet does not have the hash that SHA256SUMS names",)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two SSH keys, and a list of signers that names the first."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True)
    (folder / "signers").write_text(f'lab@example.org namespaces="{sums.NAMESPACE}" {(folder / "ours.pub").read_text()}')
    return folder


def test_a_signed_version_says_who_signed_it(laboratory: Laboratory, second: Path, keys: Path, tmp_path: Path) -> None:
    site, signers = tmp_path / "site", str(keys / "signers")
    laboratory.replab("publish", "2026.1.0", "--site", str(site), "--sign", str(keys / "ours"))
    version = site / "2026.1.0"
    assert "signed by lab@example.org with the key SHA256:" in laboratory.replab("verify", str(version), "--signers", signers)
    assert "whose it is, only a list of signers can tell" in laboratory.replab("verify", str(version))
    listed = json.loads((site / "versions.json").read_text())["versions"]
    assert listed[0]["signed"]

    flip(version / "tables" / "cells.parquet")  # and the list made to fit
    text = sums.text(sums.of_folder(version))
    (version / sums.SUMS).write_text(text)
    said = laboratory.replab("verify", str(version), code=TamperedError.exit_code)
    assert "SHA256SUMS.sig: the signature does not belong to the list of hashes" in said
    (version / sums.SIGNATURE).unlink()
    said = laboratory.replab("verify", str(version), "--signers", signers, code=TamperedError.exit_code)
    assert "it is not signed" in said
    sums.sign(version, keys / "theirs")
    said = laboratory.replab("verify", str(version), "--signers", signers, code=TamperedError.exit_code)
    assert "signed by nobody whom signers names" in said


def test_on_the_same_machine_every_repeatable_result_comes_back_bit_for_bit(laboratory: Laboratory, first: Path, tmp_path: Path) -> None:
    """Environments are built anew from the published locks, and the published code runs, not the one at hand."""
    taken = shutil.copytree(first, tmp_path / "taken")
    said = laboratory.replab("replay", "--trust", str(taken), "--out", str(tmp_path / "replay"), "--cores", "2")
    found = json.loads((tmp_path / "replay" / "replay.json").read_text())
    assert found["counts"]["same"] == found["total"] - found["counts"]["unsteady"] > 30
    assert "came back bit for bit (100 %)" in said
    assert {one["id"].partition(":")[0] for one in found["cells"]} == {"tiny.restless"}
    assert {one["kind"] for one in found["cells"]} == {"unsteady"}
    assert "set aside: known not to repeat" in said
    assert [one["how"] for one in found["environments"]] == ["built anew from the published lock"] * 2
    assert len([*(tmp_path / "replay" / "environments" / "environments").glob("*/bin/python")]) == 2
    page = tmp_path / "replay" / "index.html"
    assert "bit for bit" in page.read_text()
    assert "<script>alert('planted')" not in page.read_text()
    assert_links_lead_somewhere([page])


def test_a_replay_tells_other_bits_from_other_values_and_says_why(laboratory: Laboratory, copy: Path, tmp_path: Path) -> None:
    """A version whose manifest claims other bits for two cells, and names another processor: one is within the envelope, one is not."""
    path = copy / "store" / "manifest.parquet"
    table = pd.read_parquet(path)
    chosen = table.id.isin(["tiny.square:float32:d0@numpy-2.5:eager:default:cpu", "tiny.tanh:float32:d0@numpy-2.5:eager:default:cpu"])
    assert chosen.sum() == 2
    table.loc[chosen, "sha256"] = "0" * 64
    table.to_parquet(path)
    about = json.loads((copy / "publication.json").read_text())
    words = about["environments"]["numpy-2.5"]["platform"].split()
    about["environments"]["numpy-2.5"]["platform"] = " ".join([*words[:2], "AnotherVendor-1-2", *words[3:]])
    (copy / "publication.json").write_text(json.dumps(about))
    (copy / sums.SUMS).write_text(sums.text(sums.of_folder(copy)))
    said = laboratory.replab(
        "replay", "--trust", str(copy), "--out", str(tmp_path / "replay"), "--cells", "tiny.[st]*:float32", "--cached", code=1
    )
    found = json.loads((tmp_path / "replay" / "replay.json").read_text())
    by_case = {one["id"].partition(":")[0]: one for one in found["cells"]}
    assert by_case["tiny.square"]["kind"] == "within"
    assert by_case["tiny.tanh"]["kind"] == "other"
    assert by_case["tiny.square"]["reason"].startswith("other processor: AnotherVendor-1-2 → ")
    assert found["environments"][0]["how"] == "from the cache, by the same lock"
    assert "1 result with other bits, within what rounding explains." in said
    assert "1 result did not come back." in said


def test_code_that_nobody_signed_does_not_run_unasked(laboratory: Laboratory, copy: Path, tmp_path: Path) -> None:
    said = laboratory.replab("replay", str(copy), "--out", str(tmp_path / "replay"), code=NotTrusted.exit_code)
    assert "nobody signed it" in said
    assert "its code will run with your rights" in said
    assert "Name whom you trust with --signers FILE, or say --trust" in said
    assert not (tmp_path / "replay").exists()


def test_a_tampered_version_is_not_replayed(laboratory: Laboratory, copy: Path, tmp_path: Path) -> None:
    flip(copy / "workflow" / "experiments" / "tiny" / "impl_numpy.py")
    said = laboratory.replab("replay", "--trust", str(copy), "--out", str(tmp_path / "replay"), code=TamperedError.exit_code)
    assert "workflow/experiments/tiny/impl_numpy.py does not have the hash" in said
    assert not (tmp_path / "replay").exists()


def test_a_pattern_that_matches_nothing_is_one_sentence(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    said = laboratory.replab(
        "replay", "--trust", str(second), "--cells", "ops.exp", "--out", str(tmp_path / "replay"), code=ReplayError.exit_code
    )
    assert "no published cell matches 'ops.exp'" in said


def test_results_of_one_machine_spare_another_the_work(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    """A bundle merged into empty results: the workflow there starts no sandbox for what was merged, and knows where it comes from."""
    packed = tmp_path / "out" / "some.bundle"
    said = laboratory.replab("bundle", "tiny.[td]*@numpy-2.5", "--out", str(packed), *SELECTED)
    assert ": 6 results, " in said, "tanh and doubled, each in float32, float64, and in float64 on the float32 grid"
    assert "every hash as listed" in laboratory.replab("verify", str(packed))
    there = tmp_path / "results"
    assert "6 results merged, 0 were here already" in laboratory.replab("merge", "--trust", str(packed), "-c", f"results={there}")
    held = {path.name for path in (there / "store" / "cells").rglob("*.safetensors")}
    assert len(held) == 6
    assert {path.name for path in (there / "store" / "blobs").rglob("*.safetensors")}, "doubled is large"
    provenance = json.loads(next((there / "store" / "merged").glob("*.json")).read_text())
    assert provenance["environments"]["numpy-2.5"]["platform"]
    before = {path: path.stat().st_mtime_ns for path in (there / "store" / "cells").rglob("*.safetensors")}
    laboratory.snakemake("--until", "batch", results=there)
    manifest = json.loads((there / "batches" / "numpy-2.5--tiny--default.json").read_text())
    ran = sum(manifest["ran"].values())
    assert ran == len({one["key"] for one in manifest["cells"] if one["key"]}) - len(held) > 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "0 results merged, 6 were here already" in laboratory.replab("merge", "--trust", str(packed), "-c", f"results={there}")


def rewrite(packed: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Unpack a bundle, change its members, pack it again with hashes that fit."""
    start = len(frame("0" * 64))
    with packed.open("rb") as file:
        file.seek(start)
        with pa.input_stream(file, compression="zstd") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            members = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    change(members)
    members["SHA256SUMS"] = f"{hashlib.sha256(members['bundle.json']).hexdigest()}  bundle.json\n".encode()
    with packed.open("wb") as file:
        file.write(frame("0" * 64))
        with pa.output_stream(file, compression="zstd") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    rest = packed.read_bytes()[start:]
    packed.write_bytes(frame(hashlib.sha256(rest).hexdigest()) + rest)


def _flip_member(members: dict[str, bytes]) -> None:
    name = [one for one in members if one.startswith("cells/")][-1]
    members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])


def _flip_and_list(members: dict[str, bytes]) -> None:
    """The list made to fit: only the record inside of the cell tells."""
    _flip_member(members)
    name = [one for one in members if one.startswith("cells/")][-1]
    head = json.loads(members["bundle.json"])
    head["files"][name]["sha256"] = hashlib.sha256(members[name]).hexdigest()
    members["bundle.json"] = json.dumps(head).encode()


def _escape(members: dict[str, bytes]) -> None:
    members["../../escaped"] = b"x"


def _drop(members: dict[str, bytes]) -> None:
    del members[[one for one in members if one.startswith("cells/")][-1]]


@pytest.fixture(scope="session")
def bundle(laboratory: Laboratory, second: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All results of one environment."""
    packed = tmp_path_factory.mktemp("bundles") / "all.bundle"
    laboratory.replab("bundle", "tiny.*@numpy-2.5", "--out", str(packed), *SELECTED)
    return packed


@pytest.mark.parametrize("change", [_flip_member, _flip_and_list, _escape, _drop])
def test_a_bundle_with_a_wrong_hash_is_refused_and_nothing_is_merged(
    laboratory: Laboratory, bundle: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    packed, there = tmp_path / "x.bundle", tmp_path / "results"
    shutil.copyfile(bundle, packed)
    rewrite(packed, change)
    said = laboratory.replab("merge", "--trust", str(packed), "-c", f"results={there}", code=TamperedError.exit_code)
    assert str(packed) in said
    assert not (tmp_path / "escaped").exists()
    assert not [*there.rglob("*.safetensors")]


def test_what_is_no_bundle_is_one_sentence(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    (tmp_path / "x.bundle").write_bytes(b"no bundle")
    said = laboratory.replab(
        "merge", "--trust", str(tmp_path / "x.bundle"), "-c", f"results={tmp_path / 'r'}", code=TamperedError.exit_code
    )
    assert "is damaged or no bundle" in said
    said = laboratory.replab("bundle", "ops.exp", "--out", str(tmp_path / "y"), "-c", "variants=default", code=BundleError.exit_code)
    assert "no result matches 'ops.exp'" in said


def read_back(remote: Path, branch: str, target: Path) -> Path:
    """A fresh clone of a branch."""
    subprocess.run(["git", "clone", "--quiet", "--branch", branch, str(remote), str(target)], check=True, capture_output=True)
    return target


def only(version: Path, site: Path) -> Path:
    """A site with this version alone; returns the folder of the version there."""
    shutil.copytree(version, site / version.name)
    with Site(root=site).alone():
        Site(root=site).refresh()
    return site / version.name


def test_versions_are_pushed_to_a_branch_of_a_real_repository(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    """Two publications, pushed one after the other: both are read back whole, history and foreign files are kept."""
    remote, site = tmp_path / "remote.git", tmp_path / "site"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    only(laboratory.site / FIRST, site)
    said = laboratory.replab("deploy", "--site", str(site), "--to", f"{remote}#pages")
    assert said.splitlines()[-1] == f"deployed to {remote}#pages: {FIRST}"
    one = read_back(remote, "pages", tmp_path / "one")
    assert states(one) == [("the site", ()), (FIRST, ())]

    (one / "CNAME").write_text("lab.example.org\n")  # somebody else's file, pushed meanwhile
    for command in (
        ["add", "CNAME"],
        ["-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "-m", "own name"],
        ["push", "--quiet"],
    ):
        subprocess.run(["git", "-C", str(one), *command], check=True, capture_output=True)

    laboratory.replab("deploy", "--to", f"{remote}#pages")
    two = read_back(remote, "pages", tmp_path / "two")
    assert states(two) == [("the site", ()), (FIRST, ()), (SECOND, ())]
    assert (two / "CNAME").is_file()
    assert (two / ".nojekyll").is_file()
    assert not [path for path in two.rglob("*") if path.is_symlink()]
    assert not [path for path in two.iterdir() if path.name.startswith((".lock", ".states", ".current", ".building"))]
    assert json.loads((two / "latest" / "publication.json").read_text())["version"] == SECOND
    assert (two / "changes" / f"{FIRST}...{SECOND}.html").is_file()
    assert_links_lead_somewhere([two / "index.html", *two.glob("changes/*.html"), two / "latest" / "index.html"])
    log = subprocess.run(["git", "-C", str(two), "log", "--format=%s"], capture_output=True, text=True, check=True).stdout.split("\n")
    assert log[:3] == [f"Publish {SECOND}", "own name", f"Publish {FIRST}"]

    said = laboratory.replab("deploy", "--to", f"{remote}#pages")
    assert "has all of it already" in said


def test_a_version_that_is_other_on_the_branch_is_refused(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    remote, site, other = tmp_path / "remote.git", tmp_path / "site", tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    only(second, site)
    laboratory.replab("deploy", "--site", str(site), "--to", f"{remote}#pages")
    before = subprocess.run(["git", "-C", str(remote), "rev-parse", "pages"], capture_output=True, check=True).stdout
    changed = only(second, other)
    (changed / "README.md").write_text("other words")
    (changed / sums.SUMS).write_text(sums.text(sums.of_folder(changed)))
    (other / "versions.json").unlink()
    with Site(root=other).alone():
        Site(root=other).refresh()
    said = laboratory.replab("deploy", "--site", str(other), "--to", f"{remote}#pages", code=DeployError.exit_code)
    assert f"holds {SECOND} with other content" in said
    assert subprocess.run(["git", "-C", str(remote), "rev-parse", "pages"], capture_output=True, check=True).stdout == before


def test_a_folder_gets_plain_files(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    target = tmp_path / "www"
    laboratory.replab("deploy", "--to", str(target))
    assert states(target) == [("the site", ()), (FIRST, ()), (SECOND, ())]
    assert not [path for path in target.rglob("*") if path.is_symlink()]
    assert "nothing new" in laboratory.replab("deploy", "--to", str(target))
    assert states(target) == [("the site", ()), (FIRST, ()), (SECOND, ())]


def test_a_remote_that_is_not_there_is_one_sentence(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    said = laboratory.replab("deploy", "--to", f"{tmp_path / 'nowhere.git'}#pages", code=DeployError.exit_code)
    assert "git ls-remote failed" in said
    assert "See whether the address is right" in said
