"""Bundles are checked before a byte of them is unpacked, and what is odd in what others made costs only itself."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replab import sealed
from replab.config import loading
from replab.contract.manifest import ManifestEntry
from replab.errors import LabError, StoreError
from replab.judge import other_platforms
from replab.publish import bundle, sums
from replab.publish.errors import BundleError, NotTrusted, TamperedError
from replab.store import platforms
from replab.store.store import Store, encode
from replab.visible import visible

ENV = 'framework = "numpy"\nversion = "2.4.1"\npython = "3.11"\norder = 1\nmodes = ["eager"]\nrequirements = ["numpy==2.4.1"]\n'
EXPERIMENT = 'title = "T"\nquestion = "Q"\n[cases]\nf = { inputs = { x = { kind = "normal", shape = [3] } }, dtypes = ["float32"] }\n'
FACTS = {"status": "ok", "identity": "i", "platform": "x86_64 here", "engine": "uv", "observed": {"packages": {"numpy": "2.4.1"}}}
CELL = "ops.f:float32:d0@numpy-2.4:eager:default:cpu"
KEY = hashlib.sha256(b"a key").hexdigest()
ENTRY = ManifestEntry(id=CELL, key=KEY, status="ok", reason="", files=[])


def lab_at(root: Path) -> Any:
    """A lab with one case, whose result is in the store with a blob and an observation."""
    for name, text in {
        "containers/numpy-2.4/env.toml": ENV,
        "experiments/ops/experiment.toml": EXPERIMENT,
        "experiments/ops/reference.py": "def f(x):\n    return x\n",
        "experiments/ops/impl_numpy.py": "def f(x):\n    return x\n",
        "results/environments/numpy-2.4.json": json.dumps(FACTS),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    lab = loading.load_lab({"environments": "all"}, root)
    store = Store(lab.results.root / "store")
    seen = json.dumps({"packages": {}}).encode()
    values = np.arange(3, dtype=np.float32)
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    record = {
        "schema": 1,
        "key": KEY,
        "id": CELL,
        "status": "ok",
        "reason": "",
        "seconds": 0.1,
        "first_call_seconds": 0.1,
        "notes": [],
        "outputs": [{"name": "out", "dtype": "float32", "shape": [3], "sha256": digest, "blob": True}],
        "observation": hashlib.sha256(seen).hexdigest(),
    }
    files = {
        store.cell_path(KEY): encode(record, {}),
        store.blob_path(digest): encode({}, {"data": ("F32", values)}),
        store.observation_path(record["observation"]): seen,
    }
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return lab


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    lab = lab_at(tmp_path / "there")
    path = tmp_path / "x.bundle"
    assert bundle.pack(lab, "*", path, [ENTRY])[0] == 1
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []
    return path


def refuse(question: str) -> None:
    raise NotTrusted("nobody signed", where=question)


def write(path: Path, members: dict[str, bytes], raw: bytes | None = None) -> None:
    """A bundle of these members with hashes that fit; ``raw`` stands for the whole tar."""
    with path.open("wb") as file:
        file.write(bundle.frame("0" * 64))
        with pa.output_stream(file, compression="zstd") as stream:
            if raw is not None:
                stream.write(raw)
            else:
                with tarfile.open(fileobj=stream, mode="w|") as archive:
                    for name, content in members.items():
                        info = tarfile.TarInfo(name)
                        info.size = len(content)
                        archive.addfile(info, io.BytesIO(content))
    rest = path.read_bytes()[len(bundle.frame("0" * 64)) :]
    path.write_bytes(bundle.frame(hashlib.sha256(rest).hexdigest()) + rest)


def members_of(path: Path) -> dict[str, bytes]:
    with path.open("rb") as file:
        file.seek(len(bundle.frame("0" * 64)))
        with pa.input_stream(file, compression="zstd") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


def with_head(members: dict[str, bytes], head: object, text: bytes | None = None) -> dict[str, bytes]:
    data = json.dumps(head).encode() if text is None else text
    return {**members, sums.SUMS: f"{hashlib.sha256(data).hexdigest()}  {bundle.HEAD}\n".encode(), bundle.HEAD: data}


@pytest.mark.processes
def test_a_bundle_is_merged_and_its_list_is_kept_sealed(packed: Path, tmp_path: Path) -> None:
    said: list[str] = []
    done = bundle.merge(packed, tmp_path / "results", said.append, lambda _: None)
    assert (done.new, done.known) == (1, 0)
    assert said[0].startswith("x.bundle: 1 results of ")
    assert said[0].endswith("; nobody signed them")
    (kept,) = (tmp_path / "results" / "store" / "merged").glob("*.json")
    assert sealed.read(kept)["environments"] == {"numpy-2.4": FACTS}
    assert bundle.merge(packed, tmp_path / "results", said.append, lambda _: None).known == 1


@pytest.mark.processes
def test_what_nobody_signed_is_not_taken_unasked(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(NotTrusted):
        bundle.merge(packed, tmp_path / "results", lambda _: None, refuse)
    assert not [*(tmp_path / "results").rglob("*.safetensors")]


@pytest.mark.processes
def test_tools_for_zstandard_and_tar_read_a_bundle(packed: Path, tmp_path: Path) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    raw = subprocess.run(["zstd", "-dc", str(packed)], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert archive.getnames()[:2] == [sums.SUMS, bundle.HEAD]


@pytest.mark.processes
def test_a_signed_bundle_says_who_signed_it_and_another_signature_is_refused(packed: Path, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f'lab@example.org namespaces="{sums.NAMESPACE}" {(tmp_path / "ours.pub").read_text()}')
    lab = lab_at(tmp_path / "there")
    for name in ("ours", "theirs"):
        bundle.pack(lab, "*", tmp_path / f"{name}.bundle", [ENTRY], tmp_path / name)
    said: list[str] = []
    assert bundle.merge(tmp_path / "ours.bundle", tmp_path / "results", said.append, refuse, signers).new == 1
    assert "signed by lab@example.org with the key SHA256:" in said[0]
    with pytest.raises(TamperedError, match="signed by nobody whom signers names"):
        bundle.merge(tmp_path / "theirs.bundle", tmp_path / "results", said.append, refuse, signers)
    with pytest.raises(TamperedError, match="nobody signed it"):
        bundle.merge(packed, tmp_path / "results", said.append, refuse, signers)
    with pytest.raises(NotTrusted):  # a key of nobody knows whom
        bundle.merge(tmp_path / "theirs.bundle", tmp_path / "results", said.append, refuse)


@pytest.mark.processes
def test_a_flipped_bit_anywhere_is_noticed(packed: Path, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    draw = random.Random(1)
    for place in [*range(100), *(draw.randrange(len(whole)) for _ in range(200))]:
        data = bytearray(whole)
        data[place] ^= 1 << draw.randrange(8)
        packed.write_bytes(data)
        with pytest.raises((TamperedError, BundleError)), bundle.unpacked(packed, tmp_path / "scratch"):
            pass
    for cut in (0, 5, 90, len(whole) // 2, len(whole) - 1):
        packed.write_bytes(whole[:cut])
        with pytest.raises((TamperedError, BundleError)), bundle.unpacked(packed, tmp_path / "scratch"):
            pass
    assert not (tmp_path / "scratch").exists()


DEEP = b"[" * 200_000 + b"]" * 200_000
HEADS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no machine": lambda head: head.pop("machine"),
    "a machine that is a table": lambda head: head.update(machine={}),
    "a long machine": lambda head: head.update(machine="x" * 5000),
    "a list of environments": lambda head: head.update(environments=[1, 2]),
    "facts that are text": lambda head: head["environments"].update({"numpy-2.4": "text"}),
    "facts without identity": lambda head: head["environments"]["numpy-2.4"].pop("identity"),
    "facts with odd observations": lambda head: head["environments"]["numpy-2.4"].update(observed=[]),
    "a file without hash": lambda head: next(iter(head["files"].values())).pop("sha256"),
    "a file without size": lambda head: next(iter(head["files"].values())).pop("size"),
    "a size that is true": lambda head: next(iter(head["files"].values())).update(size=True),
    "a file that is text": lambda head: head["files"].update({next(iter(head["files"])): "text"}),
    "a file elsewhere": lambda head: head["files"].update({"../x": {"size": 1, "sha256": "0" * 64}}),
    "a cell that is text": lambda head: head.update(cells=["x"]),
    "a cell twice": lambda head: head["cells"].append(head["cells"][0]),
    "another id": lambda head: head["cells"][0].update(id=CELL.replace("ops.f", "ops.g")),
    "an id that is none": lambda head: head["cells"][0].update(id="\x1b[2J"),
    "another status": lambda head: head["cells"][0].update(status="error"),
    "a status that is none": lambda head: head["cells"][0].update(status="fine"),
    "no cells": lambda head: head.pop("cells"),
    "another schema": lambda head: head.update(schema=1),
    "a bomb": lambda head: next(iter(head["files"].values())).update(size=3 << 30),
    "too much for any disk": lambda head: [one.update(size=1 << 60) for one in head["files"].values()],
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.processes
def test_an_odd_list_is_refused_as_a_whole_in_one_sentence(packed: Path, tmp_path: Path, kind: str) -> None:
    members = members_of(packed)
    head = json.loads(members[bundle.HEAD])
    HEADS[kind](head)
    write(packed, with_head(members, head))
    with pytest.raises(TamperedError) as caught:
        bundle.merge(packed, tmp_path / "results", lambda _: None, lambda _: None)
    assert str(packed) in str(caught.value)
    assert visible(str(caught.value)) == str(caught.value)
    assert not [*(tmp_path / "results").rglob("*.json"), *(tmp_path / "results").rglob("*.safetensors")]


@pytest.mark.parametrize(
    "text", [DEEP, b"null", b"[]", b"3", b"\xff", b"", b'{"schema": 2, "cells": ' + DEEP + b"}"], ids=lambda text: str(text[:12])
)
@pytest.mark.processes
def test_a_list_that_is_no_table_is_refused(packed: Path, tmp_path: Path, text: bytes) -> None:
    write(packed, with_head(members_of(packed), None, text))
    with pytest.raises(TamperedError), bundle.unpacked(packed, tmp_path / "scratch"):
        pass


@pytest.mark.processes
def test_a_bomb_is_refused_before_a_byte_of_it_is_written(packed: Path, tmp_path: Path) -> None:
    members = members_of(packed)
    head = json.loads(members[bundle.HEAD])
    name = next(name for name in head["files"] if name.startswith("blobs/"))
    zeros = bytes(100 << 20)
    head["files"][name] = {"size": len(zeros), "sha256": hashlib.sha256(zeros).hexdigest()}
    write(packed, {**with_head(members, head), name: zeros})
    began = time.process_time()
    with (
        pytest.raises(TamperedError, match="would unpack to 100 MiB, which no results do from so little"),
        bundle.unpacked(packed, tmp_path / "scratch"),
    ):
        pass
    assert not (tmp_path / "scratch").exists()
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.DIRTYPE,
        tarfile.XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_SPARSE,
    ],
)
@pytest.mark.processes
def test_a_member_that_is_no_plain_file_is_refused(packed: Path, tmp_path: Path, kind: bytes) -> None:
    members = members_of(packed)
    head = {name: members[name] for name in (sums.SUMS, bundle.HEAD)}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in head.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        odd = tarfile.TarInfo(next(name for name in members if name.startswith("cells/")))
        odd.type, odd.linkname = kind, "/etc/passwd"
        archive.addfile(odd)
    write(packed, {}, data.getvalue())
    with pytest.raises(TamperedError), bundle.unpacked(packed, tmp_path / "scratch"):
        pass
    assert not [*(tmp_path / "scratch").iterdir()]


def test_what_is_no_bundle_is_a_sentence_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("no bundle")
    for name in ("pipe", "text", "nothing", "", "a\0b", "x" * 300):
        with pytest.raises((BundleError, TamperedError)), bundle.unpacked(tmp_path / name, tmp_path / "scratch"):
            pass


@pytest.mark.processes
def test_a_place_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    lab = lab_at(tmp_path / "there")
    entries = [ENTRY]
    for out in (Path("/"), tmp_path, tmp_path / "there" / "results" / "store" / "x" / "..", Path("/dev/null/x"), Path("/proc/x")):
        with pytest.raises(BundleError):
            bundle.pack(lab, "*", out, entries)
    assert not [*tmp_path.rglob("*.tmp")]


@contextlib.contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may grow beyond a size: what is written fails in its middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [10, 150, 600])
@pytest.mark.processes
def test_where_there_is_no_room_nothing_half_written_stays(tmp_path: Path, size: int) -> None:
    lab = lab_at(tmp_path / "there")
    with little_room(size), pytest.raises(BundleError, match=r"x\.bundle: cannot be written: "):
        bundle.pack(lab, "*", tmp_path / "x.bundle", [ENTRY])
    assert [one.name for one in tmp_path.iterdir()] == ["there"]
    bundle.pack(lab, "*", tmp_path / "x.bundle", [ENTRY])
    with little_room(100), pytest.raises(LabError):
        bundle.merge(tmp_path / "x.bundle", tmp_path / "results", lambda _: None, lambda _: None)
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert bundle.merge(tmp_path / "x.bundle", tmp_path / "results", lambda _: None, lambda _: None).new == 1


ODD_FILES: dict[str, bytes] = {
    "no JSON": b"\x00\xff",
    "nothing": b"",
    "deep": DEEP,
    "a list": b"[1, 2]",
    "without a checksum": json.dumps(FACTS).encode(),
    "with a wrong checksum": json.dumps({**FACTS, "sha256": "0" * 64}).encode(),
    "environments are a list": sealed.seal({"environments": [1, 2], "status": 1}),
    "facts are text": sealed.seal({"environments": {"numpy-2.4": "text"}}),
    "facts are a number": sealed.seal({"environments": {"numpy-2.4": 1}, "status": 1}),
    "no identity": sealed.seal({"environments": {"numpy-2.4": {**FACTS, "identity": None}}, "status": "ok"}),
    "a table for an engine": sealed.seal({"environments": {"numpy-2.4": {**FACTS, "engine": {}}}, "status": "ok"}),
    "numbers are observed": sealed.seal({"environments": {"numpy-2.4": {**FACTS, "observed": 3}}, "status": "ok"}),
}


@pytest.mark.parametrize("kind", ODD_FILES)
@pytest.mark.parametrize("folder", [platforms.MERGED, platforms.PLATFORMS])
def test_an_odd_file_of_elsewhere_is_passed_over_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str, kind: str
) -> None:
    lab = lab_at(tmp_path)
    sound = sealed.seal({**FACTS, "engine": "host", "platform": "there"})
    path = lab.results.root / "store" / folder / "docker--numpy-2.4.json"
    for place, data in ((path, ODD_FILES[kind]), (lab.results.root / "store" / platforms.PLATFORMS / "host--numpy-2.4.json", sound)):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    assert [facts.engine for facts in other_platforms.facts_of_others(lab)["numpy-2.4"]] == ["host"]
    said = capsys.readouterr().err
    assert str(path) in said
    assert "passed over" in said


def test_every_flipped_bit_of_what_is_known_of_elsewhere_is_noticed(tmp_path: Path) -> None:
    path, whole = tmp_path / "x.json", sealed.seal(FACTS)
    path.write_bytes(whole)
    assert sealed.read(path) == FACTS
    draw = random.Random(2)
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        with pytest.raises(StoreError):
            sealed.read(path)


def test_every_error_is_of_the_one_family() -> None:
    assert all(issubclass(kind, LabError) for kind in (BundleError, NotTrusted, TamperedError))
