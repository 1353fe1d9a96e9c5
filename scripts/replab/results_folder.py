"""Where everything lies in a folder of results: the only module that knows the names of its files and folders.

Paths only: what a file holds is known to the modules that write and read it. ``rules/*.smk`` name the same files as patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """One folder of results.

    A ``place`` is an environment on one of its devices (``Environment.place``), a ``batch`` the id of one (``ids.batch_id``).
    """

    root: Path

    # What the steps leave for each other.

    @property
    def settings(self) -> Path:
        """The settings that the workflow was started with, for its steps."""
        return self.root / "plan" / "config.json"

    def image(self, build_name: str) -> Path:
        """Which image was built for an environment."""
        return self.root / "images" / f"{build_name}.json"

    def environment(self, build_name: str) -> Path:
        """What was found out about an environment (``replab.store.facts``)."""
        return self.root / "environments" / f"{build_name}.json"

    def published(self, environment: str) -> Path:
        """What became of the programs of articles in an environment."""
        return self.root / "published" / f"{environment}.json"

    def article(self, name: str) -> Path:
        """The page of an article that somebody had run."""
        return self.root / "articles" / name

    def defaults(self, environment: str) -> Path:
        """The defaults that were read in an environment."""
        return self.root / "defaults" / f"{environment}.json"

    def inputs(self, family: str) -> Path:
        """Which input files each case of a family has (``replab.store.input_index``)."""
        return self.root / "inputs" / f"{family}.json"

    @property
    def input_data(self) -> Path:
        """The folder of all input files, each named by the hash of its array."""
        return self.root / "inputs" / "data"

    def manifest(self, batch: str) -> Path:
        """What a batch consists of, and what came of it (``replab.store.manifest``)."""
        return self.root / "batches" / f"{batch}.json"

    def manifests(self) -> list[Path]:
        """The manifests of all batches that have been run."""
        return sorted((self.root / "batches").glob("*.json"))

    def truths(self, family: str, shard: int | str) -> Path:
        """Which truths the step ``truth`` certified for a shard, and which cannot be had."""
        return self.root / "truth" / f"{family}--{shard}.json"

    def judged(self, family: str, shard: int, part: str) -> Path:
        """One table of a shard, before all shards are merged."""
        return self.root / "judged" / f"{family}--{shard}.{part}.parquet"

    def kept(self, family: str, shard: int, part: str) -> Path:
        """The same as the last judging of the shard left it, and (``part`` "keys") what it depended on, case by case."""
        return self.root / "kept" / f"{family}--{shard}.{part}"

    # What is public.

    def table(self, name: str) -> Path:
        """A public table."""
        return self.root / f"{name}.parquet"

    def summary(self, name: str) -> Path:
        """A public file beside the tables: environments, cases, run, published, claims or sources."""
        return self.root / f"{name}.json"

    @property
    def report(self) -> Path:
        """The first page of the report."""
        return self.root / "report" / "index.html"

    # What is kept from run to run.

    @property
    def store(self) -> Path:
        """The folder of results by key (``replab.store.store``)."""
        return self.root / "store"

    @property
    def ledger(self) -> Path:
        """The folder of notes on what each job read and made (``replab.store.ledger``)."""
        return self.root / "ledger"

    def cost(self, job: str) -> Path:
        """What a job used when it last ran."""
        return self.root / "costs" / f"{job}.json"

    # What serves while something runs.

    @property
    def lock(self) -> Path:
        """Held by the workflow that is at work on these results."""
        return self.root / ".lock"

    @property
    def started(self) -> Path:
        """When and how the workflow was started last."""
        return self.root / "progress" / "started.json"

    @property
    def cell_counts(self) -> Path:
        """How many cells each batch has, for the display."""
        return self.root / "progress" / "plan.json"

    @property
    def temporary(self) -> Path:
        """Which folder for temporary files the workflow uses."""
        return self.root / "progress" / "temporary.txt"

    def progress(self, job: str) -> Path:
        """How far a job is, for the display."""
        return self.root / "progress" / f"{job}.json"

    def log(self, job: str) -> Path:
        """What the sandboxes of a job that no rule started said."""
        return self.root / "logs" / f"{job}.log"

    @property
    def all_staging(self) -> Path:
        """The folder of all that is not complete yet."""
        return self.root / "staging"

    def staging(self, job: str) -> Path:
        """The folder that the sandbox of a job writes into."""
        return self.root / "staging" / job

    def batch_lock(self, batch: str) -> Path:
        """Held by the process that runs a batch."""
        return self.root / "staging" / f".{batch}.lock"

    def computing(self, batch: str) -> Path:
        """Which cells a batch computes in which build of its environment; gone when it has ended."""
        return self.root / "staging" / f".{batch}.computing.json"

    # Folders of results inside of this one.

    @property
    def single_cells(self) -> ResultsFolder:
        """What ``replab cell`` writes, apart from what the workflow answers for."""
        return ResultsFolder(self.root / "cell")

    @property
    def again(self) -> ResultsFolder:
        """Where a replay runs cells a second time."""
        return ResultsFolder(self.root / "again")

    def share(self, name: str, other: ResultsFolder) -> None:
        """Give ``other``, which lies in this folder, one of the folders of this one: ``store``, ``environments`` or ``inputs``."""
        (self.root / name).mkdir(parents=True, exist_ok=True)
        other.root.mkdir(parents=True, exist_ok=True)
        link = other.root / name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(Path("..") / name, target_is_directory=True)
