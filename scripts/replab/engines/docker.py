"""Engine ``docker``: containers of a Docker daemon."""

from __future__ import annotations

from replab.engines.containers import ContainerEngine

DOCKER_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "HOME", "XDG_RUNTIME_DIR")


class DockerEngine(ContainerEngine):
    """Containers of a Docker daemon, which maps the users of its containers itself also where it is rootless."""

    name = "docker"
    passed = DOCKER_VARIABLES
    mend = "Start the Docker daemon, or name another one in DOCKER_HOST"
