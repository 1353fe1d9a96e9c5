"""A version as a Workflow Run RO-Crate: what the workflow is, what it was given, and what it made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.model.person import Person
from rocrate.rocrate import ROCrate

from replab import jsons

METADATA = "ro-crate-metadata.json"
README = "README.md"
LICENSE = "https://spdx.org/licenses/Apache-2.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
PARTS = {
    "report": ("Report", "What the run found, to be opened in a browser."),
    "tables": ("Tables", "A row per cell, pair, curve, cause, measurement and default."),
    "locks": ("Locks", "Every environment as it was asked for, and every package of it by hash."),
    "sbom": ("Bills of materials", "CycloneDX 1.6, one per environment and one for the lab."),
    "plan": ("Plan", "The settings of the run."),
    "store": ("Manifest of the store", "Every planned cell, and the SHA-256 of every result."),
    "workflow": ("Workflow", "The code that was run: rules, programs, experiments, environments."),
}
_MEDIA = {
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".html": "text/html",
    ".cff": "text/yaml",
}
_ALONE = ("publication.json", "CITATION.cff", "LICENSE", README)
_AUTHORS, _PUBLISHER = "#authors", "#publisher"


def write(folder: Path, about: Mapping[str, object], citation: Mapping[str, object], settings: Mapping[str, object]) -> None:
    """Write ``ro-crate-metadata.json`` into a version whose other files are there.

    The folders of a version are described as a whole, its public tables one by one. Equal content gives equal bytes.
    """
    crate = ROCrate(gen_preview=False, version="1.1")
    date = str(about["date"])
    crate.name = f"replab {about['version']}"
    crate.description = str(about["headline"]) or "Results of a reproducibility lab for numeric frameworks."
    crate.datePublished = date
    crate.license = crate.add(ContextEntity(crate, LICENSE, properties={"@type": "CreativeWork", "name": "Apache License 2.0"}))
    authors = [
        str(author.get("name") or f"{author.get('given-names', '')} {author.get('family-names', '')}".strip())
        for author in jsons.tables(citation["authors"])
    ]
    home = {"@type": "Organization", "name": ", ".join(authors), "url": str(citation.get("repository-code") or citation.get("url") or "")}
    publisher = crate.add(ContextEntity(crate, _PUBLISHER, properties={key: value for key, value in home.items() if value}))
    agent = crate.add(Person(crate, _AUTHORS, properties={"name": ", ".join(authors), "affiliation": {"@id": publisher.id}}))
    crate.root_dataset["author"] = agent
    crate.root_dataset["publisher"] = {"@id": publisher.id}
    crate.root_dataset["version"] = about["version"]
    crate.root_dataset["conformsTo"] = [
        crate.add(ContextEntity(crate, address, properties={"@type": "CreativeWork", "name": name, "version": version}))
        for address, (name, version) in PROFILES.items()
    ]
    workflow = crate.add_workflow(
        folder / "workflow" / "Snakefile",
        "workflow/Snakefile",
        main=True,
        lang="snakemake",
        lang_version=about["snakemake"],
        properties={"name": "replab", "description": "Runs numeric experiments in pinned environments and judges the results."},
    )
    workflow["version"] = about["commit"] or about["replab"]
    workflow["encodingFormat"] = "text/plain"
    workflow["conformsTo"] = {"@id": WORKFLOW_PROFILE}
    made = []
    for name, (title, text) in PARTS.items():
        if (folder / name).is_dir():
            folder_entity = crate.add_directory(folder / name, f"{name}/", properties={"name": title, "description": text})
            made += [folder_entity] if name not in ("workflow", "locks", "plan", "sbom") else []
    given = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and _is_described(path.relative_to(folder))):
        name = path.relative_to(folder).as_posix()
        facts = {"name": name, "contentSize": str(path.stat().st_size), "encodingFormat": _MEDIA.get(path.suffix, "text/plain")}
        file_entity = crate.add_file(path, name, properties=facts)
        if name == README:
            file_entity["about"] = {"@id": "./"}
        given += [file_entity] if name.startswith(("locks/", "plan/")) else []
        made += [file_entity] if name.startswith("tables/") else []
    formal, values = [], []
    for key, value in sorted(settings.items()):
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        parameter = crate.add(
            ContextEntity(
                crate,
                f"#setting-{key}",
                properties={
                    "@type": "FormalParameter",
                    "additionalType": "Text",
                    "name": key,
                    "valueRequired": False,
                    "conformsTo": {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
                },
            )
        )
        formal.append(parameter)
        worth = {"@type": "PropertyValue", "name": key, "value": text, "exampleOfWork": {"@id": f"#setting-{key}"}}
        values.append(crate.add(ContextEntity(crate, f"#value-{key}", properties=worth)))
    workflow["input"] = formal
    crate.add(
        ContextEntity(
            crate,
            "#run",
            properties={
                "@type": "CreateAction",
                "name": f"The run that made {about['version']}",
                "description": f"{about['cells']} cells on {about['machine']}",
                "instrument": {"@id": workflow.id},
                "agent": {"@id": agent.id},
                "endTime": about["ended"],
                "actionStatus": "http://schema.org/CompletedActionStatus",
                "object": [{"@id": part.id} for part in (*given, *values)],
                "result": [{"@id": part.id} for part in made],
            },
        )
    )
    crate.root_dataset["mentions"] = {"@id": "#run"}
    data = crate.metadata.generate()
    data["@graph"].sort(key=lambda entity: (entity["@id"] != METADATA, entity["@id"] != "./", entity["@id"]))
    (folder / METADATA).write_text(json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _is_described(path: Path) -> bool:
    """Files that are described themselves; those of the report and of the workflow are described by their folders."""
    return path.parts[0] in ("tables", "locks", "sbom", "plan", "store") or path.as_posix() in _ALONE
