"""What the step ``environment`` finds out about an environment on one of its devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from replab import jsons
from replab.contract.fields import AGAIN, checked
from replab.errors import StoreError
from replab.model import Status
from replab.visible import shown

STATES = (Status.OK, UNAVAILABLE := "unavailable", Status.SKIPPED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """An environment as it was found here, or elsewhere."""

    status: str
    """``ok``, ``unavailable`` where it cannot be built here, ``skipped`` where the machine lacks its device."""
    identity: str
    """What its packages are, in one hash."""
    platform: str
    """The machine, C library and compiler, as far as they can move a bit."""
    engine: str
    """What starts its sandboxes."""
    name: str = ""
    device: str = "cpu"
    reason: str = ""
    """Why it is not ``ok``."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """Its declaration, as ``env.toml`` has it."""
    lock_sha256: str = ""
    observed: Mapping[str, object] = field(default_factory=dict)
    """What the probe saw from inside."""
    build_seconds: float = 0.0
    image: Mapping[str, object] | None = None
    """The image that it is, as this and what follows is known of one that was built."""
    isolation: Mapping[str, object] | None = None
    """Which promises its engine keeps."""
    interpreter: Mapping[str, str] | None = None
    """Version and build of its Python."""

    @property
    def ok(self) -> bool:
        """Whether cells can run in it."""
        return self.status == Status.OK

    @property
    def built(self) -> dict[str, str]:
        """What keys of results have of it."""
        return {"identity": self.identity, "platform": self.platform, "engine": self.engine}

    def to_json(self) -> dict[str, object]:
        """As the step writes it: what was not found out is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_elsewhere(cls, data: Mapping[str, object], where: str) -> Facts:
        """As ``from_json``, but for what another version of the lab may have written: what this one does not know is left out."""
        names = {record_field.name for record_field in fields(cls)}
        return cls.from_json({name: value for name, value in data.items() if name in names}, where)

    @classmethod
    def from_json(cls, data: object, where: str) -> Facts:
        """Raises ``StoreError`` where ``data``, of the file ``where``, cannot be facts."""
        arguments = checked(cls, data, where)
        if arguments["status"] not in STATES:
            raise StoreError(f"its status is {shown(arguments['status'])}", where=where, hint=AGAIN)
        return jsons.made(cls, arguments)
