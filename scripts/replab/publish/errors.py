"""What can be wrong with publishing, and with what was published."""

from __future__ import annotations

from replab.errors import LabError


class PublishError(LabError):
    """A version cannot be published: the run is not fit for it, or the version exists with other content."""

    exit_code = 30


class TamperedError(LabError):
    """A published version, or a bundle, is not what its hashes or its signature say."""

    exit_code = 31


class DeployError(LabError):
    """A site cannot be brought to where it was to go."""

    exit_code = 32


class ReplayError(LabError):
    """A published version could not be run again."""

    exit_code = 33


class BundleError(LabError):
    """Results cannot be packed, or a bundle cannot be merged."""

    exit_code = 34


class NotTrusted(LabError):
    """Results or code of others would be taken that nobody known has signed, and nobody said that they may be."""

    exit_code = 35
