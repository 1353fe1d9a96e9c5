"""SHA-256 of every file of a version, in the format of ``sha256sum``; and signatures of that list with SSH keys."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from replab import files
from replab.files import sha256_of
from replab.publish.errors import PublishError, TamperedError
from replab.visible import shown

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
NAMESPACE = "replab-publication"
"""What a signature is for: one made for another purpose does not verify here."""
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def of_file(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    return sha256_of(path)


def of_folder(folder: Path) -> dict[str, str]:
    """Path below ``folder`` → SHA-256 of every file in it, without the list itself and its signature. Raises ``PublishError``."""
    digests = {}
    for name, entry in files.walk(folder):
        if entry.is_dir(follow_symlinks=False) or name in (SUMS, SIGNATURE):
            continue
        if not entry.is_file(follow_symlinks=False):
            raise PublishError("is neither a file nor a folder", where=entry.path, hint="Links are not published")
        if not name.isprintable() or "\\" in name:
            raise PublishError(f"the name {name!r} cannot be listed", where=str(folder), hint="Rename the file")
        digests[name] = of_file(folder / name)
    return dict(sorted(digests.items()))


def text(sums: Mapping[str, str]) -> str:
    """The list as ``sha256sum --check`` reads it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def parse(listed: str, where: str) -> dict[str, str]:
    """Path → SHA-256 of a list. Raises ``TamperedError``; a path that leads out of the folder is one such reason."""
    digests: dict[str, str] = {}
    for number, line in enumerate(listed.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise TamperedError(f"line {number} is no hash with a path", where=where)
        name = match[2]
        if name in digests or name.startswith("/") or ".." in PurePosixPath(name).parts or str(PurePosixPath(name)) != name:
            raise TamperedError(f"line {number} names {shown(name)}", where=where)
        digests[name] = match[1]
    return digests


def sign(folder: Path, key: Path) -> None:
    """Sign the list of ``folder`` with an SSH key: a private one, or a public one whose private half an agent holds.

    Raises ``PublishError``.
    """
    _need(PublishError)
    if not key.is_file():
        raise PublishError("there is no such key", where=str(key), hint="Name a private SSH key, such as ~/.ssh/id_ed25519")
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(folder / SUMS)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not (folder / SIGNATURE).is_file():
        message = " ".join(done.stderr.split()) or f"ssh-keygen ended with {done.returncode}"
        raise PublishError(f"could not sign: {message}", where=str(key), hint="A key with a passphrase needs an agent: ssh-add it first")


def signer(data: bytes, signature: bytes, scratch: Path, allowed: Path | None) -> str:
    """Who signed ``data``, in words: a name of the file ``allowed`` (as OpenSSH's allowed signers), or the key alone without such a file.

    ``scratch`` is a folder for the signature. Raises ``TamperedError`` when the signature is not one of these bytes or of somebody allowed.
    """
    _need(TamperedError)
    held = scratch / SIGNATURE
    held.write_bytes(signature)
    common = ["-n", NAMESPACE, "-s", str(held)]
    if allowed is None:
        code, output = _keygen(["check-novalidate", *common], data)
        if code:
            raise TamperedError("the signature does not belong to the list of hashes", where=SIGNATURE)
        return f"signed with the key {_fingerprint(output)}; whose it is, only a list of signers can tell (--signers FILE)"
    if not allowed.is_file():
        raise TamperedError("there is no such list of signers", where=str(allowed))
    code, output = _keygen(["find-principals", "-f", str(allowed), "-s", str(held)], b"")
    names = output.split("\n")[0].split(",") if not code else []
    for name in names:
        code, output = _keygen(["verify", "-f", str(allowed), "-I", name, *common], data)
        if not code:
            return f"signed by {name} with the key {_fingerprint(output)}"
    if names:
        raise TamperedError("the signature does not belong to the list of hashes", where=SIGNATURE)
    raise TamperedError(f"signed by nobody whom {allowed.name} names", where=SIGNATURE)


def _keygen(arguments: list[str], data: bytes) -> tuple[int, str]:
    done = subprocess.run(["ssh-keygen", "-Y", *arguments], input=data, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(errors="replace").strip()


def _fingerprint(output: str) -> str:
    match = re.search(r"SHA256:\S+", output)
    return match[0] if match else "of unknown fingerprint"


def _need(kind: type[PublishError | TamperedError]) -> None:
    if shutil.which("ssh-keygen") is None:
        raise kind("ssh-keygen is not on the PATH", hint="Install OpenSSH's client")
