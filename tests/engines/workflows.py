"""``snakemake`` as users call it, with a container engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sandboxes import ROOT

BIN = Path(sys.executable).parent
FAMILIES = "randomness"


class Workflow:
    """``snakemake`` with an engine and a folder of results."""

    def __init__(
        self,
        engine: str,
        results: Path,
        cache: Path,
        lock: Path,
        environments: str = "numpy-2.5,torch-2.13",
        families: str = FAMILIES,
        experiments: Path = ROOT / "experiments",
    ) -> None:
        self.results, self.lock = results, lock
        self.settings = [
            f"engine={engine}",
            f"environments={environments}",
            f"families={families}",
            "variants=default",
            f"results={results}",
            "points=4096",
            f"cache={cache}",
            f"bases={lock}",
            "devices=cpu",
            f"experiments={experiments}",
        ]

    def command(self, *words: str) -> list[str]:
        return [str(BIN / "snakemake"), "--cores", "2", *words, "--config", *self.settings]

    def run(self, *words: str, seconds: float = 400, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, **(env or {})},
        )

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def manifests(self) -> dict[str, dict]:
        return {path.stem: json.loads(path.read_text()) for path in sorted((self.results / "batches").glob("*.json"))}

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted((self.results / "logs").rglob("*.log")))

    def replab(self, *words: str, configured: bool = True, seconds: float = 400) -> subprocess.CompletedProcess[str]:
        """A command of ``replab`` on these results."""
        settings = [part for setting in self.settings for part in ("--config", setting)] if configured else []
        command = [str(BIN / "replab"), *words, *settings]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False)
