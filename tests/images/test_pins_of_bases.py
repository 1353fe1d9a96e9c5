"""Tags become digests through a real registry; what moved, vanished or lies is told in one sentence."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import daemons
from images_world import push_small
from replab.errors import EnvironmentUnavailable, PinError
from replab.images import bases, pinning, registry as api

OFFLINE = "nowhere.invalid/library/python"


def quiet(_: str) -> None:
    """A log that nobody reads."""


def push_index(registry: daemons.Registry, name: str, tag: str, manifest: str) -> str:
    """An index of two platforms, of which ours is ``manifest``."""
    status, headers, body = registry.request("GET", f"/v2/{name}/manifests/{manifest}", accept=", ".join(api.MANIFEST))
    assert status == 200
    entries = [
        {"mediaType": headers["content-type"], "digest": manifest, "size": len(body), "platform": {"os": "linux", "architecture": which}}
        for which in ("arm64", "amd64")
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": api.INDEX[0], "manifests": entries}).encode()
    connection = http.client.HTTPConnection(registry.host, timeout=10)
    connection.request("PUT", f"/v2/{name}/manifests/{tag}", index, {"Content-Type": api.INDEX[0]})
    assert connection.getresponse().status == 201
    connection.close()
    return f"sha256:{hashlib.sha256(index).hexdigest()}"


def repository(root: Path, *entries: tuple[str, str, str], found: str = "") -> Path:
    """A root whose ``bases.toml`` has the bases (key, image, tag)."""
    (root / "containers").mkdir(parents=True)
    tables = [f'["{key}"]\nimage = "{image}"\ntag = "{tag}"\npython = "/usr/local/bin/python3.11"\n' for key, image, tag in entries]
    (root / "containers" / "bases.toml").write_text("\n".join(tables) + found)
    return root


def test_a_tag_becomes_the_digest_of_its_index_and_of_our_platform(registry: daemons.Registry, tmp_path: Path) -> None:
    manifest = push_small(registry, tmp_path / "image", "pins/one", "plain", "one")
    index = push_index(registry, "pins/one", "both", manifest)
    root = repository(tmp_path / "root", ("a", f"{registry.host}/pins/one", "both"), ("b", f"{registry.host}/pins/one", "plain"))
    pinning.pin(root, "2026-01-01", quiet)
    pins = bases.read_pins(root / bases.LOCK)
    assert (pins["a"].index, pins["a"].manifest) == (index, manifest)
    assert (pins["b"].index, pins["b"].manifest) == (manifest, manifest)
    assert all(pin.verified and pin.source == registry.host and pin.date == "2026-01-01" for pin in pins.values())
    assert pins["a"].reference == f"{registry.host}/pins/one@{index}"


def test_pinning_writes_the_lock_and_nothing_else_and_keeps_what_did_not_change(registry: daemons.Registry, tmp_path: Path) -> None:
    push_small(registry, tmp_path / "image", "pins/two", "1", "two")
    root = repository(tmp_path / "root", ("a", f"{registry.host}/pins/two", "1"))
    pinning.pin(root, "2026-01-01", quiet)
    first = (root / bases.LOCK).read_bytes()
    assert sorted(path.name for path in (root / "containers").iterdir()) == ["bases.lock", "bases.toml"]
    pinning.pin(root, "2026-02-02", quiet)
    assert (root / bases.LOCK).read_bytes() == first
    assert bases.check(root) == []
    assert pinning.upstream(bases.read_pins(root / bases.LOCK).values()) == ([], [])


def test_a_tag_that_moved_is_told_and_pinned_anew(registry: daemons.Registry, tmp_path: Path) -> None:
    old = push_small(registry, tmp_path / "old", "pins/three", "1", "old")
    root = repository(tmp_path / "root", ("a", f"{registry.host}/pins/three", "1"))
    pinning.pin(root, "2026-01-01", quiet)
    new = push_small(registry, tmp_path / "new", "pins/three", "1", "new")
    told, gone = pinning.upstream(bases.read_pins(root / bases.LOCK).values())
    assert (told, gone) == ([f"a: {registry.host}/pins/three:1 has moved to {new}; the lock still names {old}"], [])
    pinning.pin(root, "2026-02-02", quiet)
    pin = bases.read_pins(root / bases.LOCK)["a"]
    assert (pin.index, pin.date) == (new, "2026-02-02")


def test_a_digest_that_vanished_is_told(registry: daemons.Registry, tmp_path: Path) -> None:
    digest = push_small(registry, tmp_path / "image", "pins/four", "1", "four")
    root = repository(tmp_path / "root", ("a", f"{registry.host}/pins/four", "1"))
    pinning.pin(root, "2026-01-01", quiet)
    assert registry.request("DELETE", f"/v2/pins/four/manifests/{digest}")[0] == 202
    told, gone = pinning.upstream(bases.read_pins(root / bases.LOCK).values())
    assert told == []
    assert gone == [
        f"a: the digest of {registry.host}/pins/four has vanished upstream. Keep an archive ('replab images save'), and pin anew"
    ]
    said: list[str] = []
    pinning.pin(root, "2026-02-02", said.append)
    assert said == [f"a: {registry.host}/pins/four:1 has vanished from its registry"]
    assert bases.read_pins(root / bases.LOCK)["a"].index == digest


def test_a_registry_that_answers_with_other_bytes_is_not_believed(registry: daemons.Registry, tmp_path: Path) -> None:
    digest = push_small(registry, tmp_path / "image", "pins/five", "1", "five")
    blob = registry.folder / "docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"
    blob.write_bytes(blob.read_bytes().replace(b'"schemaVersion":2', b'"schemaVersion": 2'))
    other = f"sha256:{hashlib.sha256(blob.read_bytes()).hexdigest()}"
    with pytest.raises(PinError) as caught:
        api.resolve(f"{registry.host}/pins/five", digest)
    assert str(caught.value) == (
        f"{registry.host}/pins/five: the registry answered {registry.host}/pins/five@{digest} with bytes whose digest is {other}. "
        "Do not use this registry until its administrator has found out why"
    )


def test_without_network_published_digests_stand_unverified_and_the_rest_is_unresolved(tmp_path: Path) -> None:
    published = "sha256:" + "ab" * 32
    found = f'[found.a]\nindex = "{published}"\nsource = "two public files"\n'
    root = repository(tmp_path, ("a", OFFLINE, "3.11"), ("b", OFFLINE, "3.12"), found=found)
    said: list[str] = []
    pinning.pin(root, "2026-01-01", said.append)
    assert said == ["nowhere.invalid cannot be reached: its digests stay as they are"]
    pins = bases.read_pins(root / bases.LOCK)
    assert (pins["a"].index, pins["a"].verified, pins["a"].source) == (published, False, "two public files")
    assert (pins["b"].index, pins["b"].verified, pins["b"].source) == ("", False, "unresolved")
    told, gone = pinning.upstream(pins.values())
    assert told == [
        f"b: {OFFLINE}:3.12 is unresolved. Run 'replab pin bases' where nowhere.invalid can be reached",
        "nowhere.invalid cannot be reached: whether its 1 pinned tags moved is not known",
    ]
    assert gone == []
    with pytest.raises(EnvironmentUnavailable) as caught:
        bases.pin_of(root, "b", None, where="tf-9")
    assert str(caught.value) == (
        f"tf-9: the digest of the base image {OFFLINE}:3.12 is not known (b is unresolved in containers/bases.lock). "
        "Run 'replab pin bases' on a machine that reaches nowhere.invalid; a tag is never used in its place"
    )


def test_the_first_pin_with_network_verifies_a_published_digest(registry: daemons.Registry, tmp_path: Path) -> None:
    real = push_small(registry, tmp_path / "image", "pins/six", "1", "six")
    image = f"{registry.host}/pins/six"
    found = f'[found.a]\nindex = "sha256:{"ab" * 32}"\nsource = "a wrong file"\n'
    root = repository(tmp_path / "root", ("a", image, "1"), found=found)
    wrong = bases.Pin(
        key="a", image=image, tag="1", index=f"sha256:{'ab' * 32}", manifest="", date="2026-01-01", verified=False, source="x"
    )
    bases.write_pins(root / bases.LOCK, [wrong])
    assert pinning.upstream([wrong])[1] == [
        f"a: the digest of {image} has vanished upstream. Keep an archive ('replab images save'), and pin anew"
    ]
    pinning.pin(root, "2026-02-02", quiet)
    pin = bases.read_pins(root / bases.LOCK)["a"]
    assert (pin.index, pin.verified) == (real, True)


@pytest.mark.parametrize("old", ['date = "2026-01-01"', "verified = false", "sha256:ab"])
def test_a_lock_that_was_edited_by_hand_is_refused(tmp_path: Path, old: str) -> None:
    found = f'[found.a]\nindex = "sha256:{"ab" * 32}"\nsource = "two public files"\n'
    root = repository(tmp_path, ("a", OFFLINE, "3.11"), found=found)
    lock = pinning.pin(root, "2026-01-01", quiet)
    lock.write_text(lock.read_text().replace(old, old.replace("0", "1").replace("false", "true").replace("ab", "ba")))
    sentence = "containers/bases.lock: the lock was edited by hand. Run 'replab pin bases', or restore the file"
    assert bases.check(root) == [sentence]
    with pytest.raises(PinError, match="edited by hand") as caught:
        bases.pin_of(root, "a", None, where="tf-9")
    assert str(caught.value) == sentence


def test_a_tag_changed_in_bases_toml_makes_the_lock_stale(tmp_path: Path) -> None:
    found = f'[found.a]\nindex = "sha256:{"ab" * 32}"\nsource = "two public files"\n'
    root = repository(tmp_path, ("a", OFFLINE, "3.11"), found=found)
    pinning.pin(root, "2026-01-01", quiet)
    toml = root / bases.BASES
    toml.write_text(toml.read_text().replace('"3.11"', '"3.12"'))
    assert bases.check(root) == [
        f"containers/bases.lock: a was pinned as {OFFLINE}:3.11, bases.toml asks for another. Run 'replab pin bases'"
    ]


class _Hub(BaseHTTPRequestHandler):
    """A registry that wants a token first, as the public ones do, even for public images."""

    manifest = b'{"schemaVersion":2,"config":{},"layers":[]}'

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/token":
            asked = parse_qs(address.query)
            good = asked == {"service": ["hub"], "scope": ["repository:library/python:pull"]}
            self._answer(200, json.dumps({"token": "good" if good else "bad"}).encode())
        elif self.headers.get("Authorization") == "Bearer good":
            self._answer(200, self.manifest)
        else:
            realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="hub",scope="repository:library/python:pull"'
            self._answer(401, b"{}", ("WWW-Authenticate", realm))

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", api.MANIFEST[0]), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_registry_that_wants_a_token_is_asked_with_one(hub: str) -> None:
    digest = f"sha256:{hashlib.sha256(_Hub.manifest).hexdigest()}"
    assert api.resolve(f"{hub}/library/python", "3.11") == api.Digests(digest, digest)


def test_the_carried_bases_are_all_in_the_carried_lock(root: Path) -> None:
    assert bases.check(root) == []
    pins = bases.read_pins(root / bases.LOCK)
    assert sorted(key for key, pin in pins.items() if not pin.index) == ["tensorflow-1.15-nvidia", "tensorflow-2.4-gpu"]
    for key, found in bases.found_digests(root).items():
        assert pins[key].verified or (pins[key].index, pins[key].source) == (found["index"], found["source"])


def test_skopeo_and_the_lab_agree_about_a_digest(registry: daemons.Registry, tmp_path: Path) -> None:
    push_small(registry, tmp_path / "image", "pins/seven", "1", "seven")
    command = ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{registry.host}/pins/seven:1"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert api.resolve(f"{registry.host}/pins/seven", "1").index == said
