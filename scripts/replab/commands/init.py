"""``replab init``: a folder to work in, for a lab that is installed and not checked out."""

from __future__ import annotations

import shutil
from pathlib import Path

from replab import resources
from replab.commands import new
from replab.commands.common import CONFIG
from replab.config import settings as settings_file
from replab.errors import ConfigError

SNAKEFILE = """\
from replab import resources

configfile: "config/config.yaml"

module replab:
    snakefile: resources.SNAKEFILE
    config: config

use rule * from replab
"""
SETTINGS = """\
# What `snakemake` computes here. All keys: replab's own config/config.yaml; each can be given on the command line: --config points=4096

# A group (core, all), the name of an environment (`replab list environments`), or several separated by commas
environments: numpy-2.5,tf-2.21,torch-2.13

# Families of experiments: all, or names separated by commas. `built-in` among the folders stands for those that come with the lab
families: all
experiments:
  - experiments
"""
IGNORED = "/results/\n/.replab/\n/.snakemake/\n"
PROFILE = Path("profiles") / "default" / "profile.yaml"


def run(folder: Path, family: str) -> Path:
    """Write ``folder`` with settings, a Snakefile and the family ``family`` with one case; returns it.

    Raises ``ConfigError`` when something of it is there already, when a name cannot be used, or when the folder cannot be written.
    """
    if problem := settings_file.path_fault(str(folder)) or settings_file.folder_fault(folder.absolute()):
        raise ConfigError(problem, where=str(folder), hint="Name another folder")
    files = {
        Path("Snakefile"): SNAKEFILE,
        CONFIG: SETTINGS,
        Path(".gitignore"): IGNORED,
        PROFILE: (resources.ROOT / PROFILE).read_text(encoding="utf-8"),
    }
    for name in (*files, Path("experiments")):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise ConfigError("exists already", where=str(folder / name), hint="Name a folder that is new or empty")
    fresh = not folder.exists()
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        new.run(family, folder / "experiments", folder)
    except OSError as error:
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        hint = "Mend the permissions, or name another folder"
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(folder), hint=hint) from None
    return folder
