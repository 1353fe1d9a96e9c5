"""``replab build``: environments made ready in the cache, so that jobs need no network."""

from __future__ import annotations

from replab.commands.common import console
from replab.engines.registry import get_engine
from replab.errors import ConfigErrors, EnvironmentUnavailable, LabError
from replab.model import Lab


def run(lab: Lab) -> None:
    """Build every environment of the configuration, whatever becomes of one; raises ``ConfigErrors`` with those that failed."""
    engine, failed = get_engine(lab.engine), list[LabError]()
    for environment in lab.environments:
        try:
            built = engine.build(environment, lab.cache, lambda line: console().print(line))
        except EnvironmentUnavailable as error:
            failed.append(error)
        else:
            console().print(f"{environment.name}: ready in {built.folder}")
    if failed:
        raise ConfigErrors(failed)
