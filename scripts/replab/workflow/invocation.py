"""How Snakemake was started, from its command line: what must be known before anything slow is imported."""

from __future__ import annotations

import sys

LOOKS = (
    "--dry-run",
    "--dryrun",
    "--lint",
    "--summary",
    "--detailed-summary",
    "--dag",
    "--rulegraph",
    "--filegraph",
    "--d3dag",
    "--list",
    "--list-rules",
    "--list-target-rules",
    "--lt",
    "--list-changes",
    "--lc",
    "--list-untracked",
    "--lu",
    "--unlock",
    "--archive",
    "--cleanup-metadata",
    "--cm",
    "--containerize",
    "--print-compilation",
    "--generate-unit-tests",
)
"""Options of Snakemake with which no job runs."""
LOOKING_LETTERS, OTHER_LETTERS = "nSDl", "pkFfiqvtrh"
"""Letters of such options, and of others that have no value."""
SHORTEST = 4
"""Letters, dashes included, below which a shortened option may mean anything."""


def is_dry_run() -> bool:
    """Whether nothing will be run, so that looking needs no claim, and takes nothing away."""
    return any(_only_looks(word) for word in sys.argv[1:])


def _only_looks(word: str) -> bool:
    """Whether a word of Snakemake's command line asks it to tell something; letters may stand together, and long names be shortened."""
    if word.startswith("--"):
        name = word.partition("=")[0]
        return name in LOOKS or (len(name) > SHORTEST and any(option.startswith(name) for option in LOOKS))
    for letter in word[1:] if word.startswith("-") else "":
        if letter in LOOKING_LETTERS:
            return True
        if letter not in OTHER_LETTERS:  # the rest is its value
            return False
    return False


def is_main_process() -> bool:
    """False in the jobs that Snakemake starts as processes of its own, which parse the workflow again."""
    return not any(word == "--mode" or word.startswith("--mode=") for word in sys.argv)
