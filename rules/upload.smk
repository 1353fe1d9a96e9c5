# A workflow of its own: brings a deployed folder to object storage, by a storage plugin of Snakemake. docs/publishing.md says how.
# Versions never change, so each is uploaded once; what names them (latest, versions.json, index.html) is uploaded last.
from pathlib import Path

FOLDER = Path(config["folder"])
TARGET = str(config["target"]).rstrip("/")
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.name[0] != ".")
VERSIONS = [name for name in NAMES if name[0].isdigit()]
PAGES = [name for name in ("changes", "static") if name in NAMES]
NAMING = ["latest", "versions.json", "index.html"]


localrules:
    all,
    version,
    pages,
    naming,


wildcard_constraints:
    name=r"[^/]+",


rule all:
    input:
        storage(expand(f"{TARGET}/{{name}}", name=NAMING)),


rule version:
    """One version: whatever its date, what is there already stays."""
    input:
        ancient(f"{FOLDER}/{{name}}/SHA256SUMS"),
    output:
        storage(directory(f"{TARGET}/{{name,[0-9].*}}")),
    log:
        "results/logs/upload/{name}.log",
    container:
        None
    params:
        source=lambda wildcards: FOLDER / wildcards.name,
    shell:
        "cp -r {params.source} {output} 2> {log}"


rule pages:
    input:
        f"{FOLDER}/{{name}}",
    output:
        storage(directory(f"{TARGET}/{{name,changes|static}}")),
    log:
        "results/logs/upload/{name}.log",
    container:
        None
    shell:
        "cp -r {input} {output} 2> {log}"


rule naming:
    """The three together, once everything that they name is there."""
    input:
        latest=f"{FOLDER}/latest",
        versions=f"{FOLDER}/versions.json",
        index=f"{FOLDER}/index.html",
        before=storage(expand(f"{TARGET}/{{name}}", name=[*VERSIONS, *PAGES])),
    output:
        latest=storage(directory(f"{TARGET}/latest")),
        versions=storage(f"{TARGET}/versions.json"),
        index=storage(f"{TARGET}/index.html"),
    log:
        "results/logs/upload/naming.log",
    container:
        None
    shell:
        "(cp -r {input.latest} {output.latest} && cp {input.versions} {output.versions} && cp {input.index} {output.index}) 2> {log}"
