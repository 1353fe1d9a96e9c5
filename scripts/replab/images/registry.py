"""Asks a container registry what a tag means, through its HTTP API (version 2)."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from replab.errors import PinError

SECONDS = 20
INDEX = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFEST = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
HOSTS = {"docker.io": "registry-1.docker.io"}
"""Where the API of a registry is, if not at its name."""


class Unreachable(Exception):
    """A registry gave no answer; the text is its name."""


class Vanished(Exception):
    """A registry knows no image of that name, tag or digest."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What a tag or digest stands for."""

    index: str
    manifest: str
    """Of linux/amd64; the same as ``index`` where there is only one platform."""


class Platform(TypedDict, total=False):
    """A kind of machine."""

    os: str
    architecture: str


class Listed(TypedDict):
    """The image of one platform."""

    digest: str
    platform: NotRequired[Platform]


class Listing(TypedDict, total=False):
    """An index of images, or the manifest of one."""

    manifests: list[Listed]


def resolve(image: str, reference: str) -> Digests:
    """The digests of ``image`` at a tag or a digest. Raises ``Unreachable``, ``Vanished`` or ``PinError``."""
    body, kind, index = _manifest(image, reference)
    content: Listing = json.loads(body)
    if kind not in INDEX and "manifests" not in content:
        return Digests(index, index)
    for entry in content.get("manifests", ()):
        platform = entry.get("platform", {})
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return Digests(index, str(entry["digest"]))
    raise PinError(f"{image}:{reference} has no image for linux/amd64", where=image)


def _manifest(image: str, reference: str) -> tuple[bytes, str, str]:
    """Body, media type and digest; the digest is computed from the body and compared with what was asked and with what is claimed."""
    host, _, name = image.partition("/")
    url = f"{'http' if is_plain(host) else 'https'}://{HOSTS.get(host, host)}/v2/{name}/manifests/{reference}"
    body, headers = _get(host, url, {"Accept": ", ".join((*INDEX, *MANIFEST))})
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    wanted = reference if reference.startswith("sha256:") else headers.get("docker-content-digest", digest)
    if wanted != digest:
        raise PinError(
            f"the registry answered {image}@{wanted} with bytes whose digest is {digest}",
            where=image,
            hint="Do not use this registry until its administrator has found out why",
        )
    return body, headers.get("content-type", ""), digest


def is_plain(host: str) -> bool:
    """Whether a registry is spoken to by plain HTTP: on loopback, as Docker does."""
    return re.match(r"(localhost|127\.[0-9.]+|\[::1\])(:|/|$)", host) is not None


def _get(host: str, url: str, headers: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    try:
        return _open(url, headers)
    except urllib.error.HTTPError as error:
        if error.code == 401:  # ask for the token that the answer names, as anybody, and try once more
            token = _token(host, error.headers.get("WWW-Authenticate", ""))
            try:
                return _open(url, {**headers, "Authorization": f"Bearer {token}"})
            except urllib.error.HTTPError as again:
                raise _failure(host, url, again.code) from None
            except OSError:
                raise Unreachable(host) from None
        raise _failure(host, url, error.code) from None
    except OSError:
        raise Unreachable(host) from None


def _failure(host: str, url: str, code: int) -> Exception:
    if code in (401, 403, 404):
        return Vanished(url)
    return PinError(f"{host} answered with HTTP status {code}", where=urllib.parse.urlsplit(url).path, hint="Try again later")


def _token(host: str, challenge: str) -> str:
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.lower().startswith("bearer") or "realm" not in fields:
        raise PinError(f"{host} asks for a kind of login that the lab does not know", where=host)
    query = urllib.parse.urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
    try:
        body, _ = _open(f"{fields['realm']}?{query}", {})
    except OSError:
        raise Unreachable(host) from None
    answer = json.loads(body)
    return str(answer.get("token") or answer.get("access_token") or "")


def _open(url: str, headers: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=SECONDS) as answer:  # noqa: S310 - http(s) alone
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}
