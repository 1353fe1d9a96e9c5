"""Removes what a checkout has made: what ``make clean`` runs, with the Python of the machine.

What can be made again goes at once. Results go only when somebody agreed: on a terminal who is asked, elsewhere ``YES=1``. What lies
outside of the checkout stays, and is named. Python 3.6 and its standard library must do.
"""

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = "results"
MADE_AGAIN = (".replab", ".snakemake", ".venv", ".pytest_cache", ".hypothesis", ".ruff_cache", ".mypy_cache", ".import_linter_cache")


def main():
    """Clean; returns an exit code: 1 where results are there and nobody could be asked, and then nothing was removed."""
    results, agreed = ROOT / RESULTS, os.environ.get("YES", "") not in ("", "0")
    exists = results.is_symlink() or results.exists()
    if exists and not agreed:
        size, files = measure(results)
        sentence = "clean: %s holds %s in %d files, which must be computed again" % (RESULTS, words(size), files)
        if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
            print("%s, and there is no terminal to ask on. Nothing was removed; say: make clean YES=1" % sentence, file=sys.stderr)
            return 1
        agreed = input("%s. Throw them away? [y/N] " % sentence).strip().lower() in ("y", "yes")
    for name in MADE_AGAIN + ((RESULTS,) if agreed else ()):
        remove(ROOT / name)
    kept = [RESULTS] if exists and not agreed else []
    for line in ["%s stays" % name for name in kept] + list(elsewhere()):
        print("clean: %s" % line)
    return 0


def elsewhere():
    """What the lab has made outside of the checkout, and who else uses it."""
    for name in ("results", "cache"):
        text = (ROOT / "config" / "config.yaml").read_text(encoding="utf-8") if (ROOT / "config" / "config.yaml").is_file() else ""
        match = re.search(r"^%s: *['\"]?([^#'\"\n]+?)['\"]? *(#.*)?$" % name, text, re.MULTILINE)
        path = ROOT / (match.group(1) if match else "")
        if match and path.exists() and match.group(1) not in (*MADE_AGAIN, RESULTS):
            yield "%s stays: config.yaml names it as %r" % (path, name)
    cache = uv_cache()
    if cache.is_dir():
        yield "uv's cache %s stays (%s): other projects use it as well; 'uv cache clean' or 'rm -r' empties it" % (
            cache,
            words(measure(cache)[0]),
        )


def uv_cache():
    """Where uv keeps what it has downloaded and unpacked."""
    if os.environ.get("UV_CACHE_DIR"):
        return Path(os.environ["UV_CACHE_DIR"])
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "uv"


def measure(folder):
    """Bytes on disk and number of the files of a folder; a file that has several names there counts once."""
    size, files, seen = 0, 0, set()
    for inner, _, names in os.walk(str(folder)):
        for name in names:
            try:
                status = os.lstat(os.path.join(inner, name))
            except OSError:
                continue
            files += 1
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                size += status.st_blocks * 512
    return size, files


def words(size):
    """Bytes for readers."""
    return "%.1f GB" % (size / 1e9) if size >= 1e9 else "%.1f MB" % (size / 1e6)


def remove(path):
    """Remove a folder, or the link that stands for it; what is not there is no fault."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(str(path))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nclean: interrupted", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        print("clean: %s: %s" % (error.filename, error.strerror), file=sys.stderr)
        sys.exit(1)
