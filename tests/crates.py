"""Validation of RO-Crates without a network: the vocabulary is the copy that the library ``rocrate`` carries."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

TERMS = "https://w3id.org/ro/crate/"
OLDER = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}
"""Terms that RO-Crate 1.1 writes otherwise than 1.3, whose vocabulary the library carries."""


class Local(BaseAdapter):
    """Answers for the vocabulary's address."""

    def send(self, request: PreparedRequest, **_: object) -> Response:  # type: ignore[override]
        """The vocabulary, as JSON-LD."""
        held = json.loads((resources.files("rocrate") / "data" / "ro-crate.jsonld").read_text(encoding="utf-8"))
        held["@context"] |= OLDER
        answer = Response()
        answer.status_code, answer.url, answer.request = 200, str(request.url), request
        answer.headers["Content-Type"] = "application/ld+json"
        answer._content = json.dumps(held).encode()
        return answer

    def close(self) -> None:
        """Nothing is open."""


def issues(folder: Path, profile: str = "workflow-run-crate-0.5", severity: str = "RECOMMENDED") -> list[str]:
    """What roc-validator finds wrong with the crate in ``folder``; each with its severity."""
    settings = models.ValidationSettings(
        rocrate_uri=str(folder), profile_identifier=profile, requirement_severity=getattr(models.Severity, severity), no_cache=True
    )
    HttpRequester.initialize_cache(no_cache=True)
    HttpRequester().session.mount(TERMS, Local())
    found = services.validate(settings)
    return sorted(f"{issue.severity.name}: {issue.message}" for issue in found.get_issues())
