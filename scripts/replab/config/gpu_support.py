"""Whether an environment can compute on a GPU; where it cannot, the lab says so instead of computing on the CPU."""

from __future__ import annotations

from replab.model import Environment


def gpu_refusal(environment: Environment, compute_capability: str, driver: str) -> str | None:
    """Why ``environment`` cannot use a GPU of that compute capability (``9.0``) with that driver (``550.54.14``); ``None`` where it can.

    Code compiled for 8.0 runs on 8.6 and 8.9, never on 7.5 or 9.0. Code in PTX form is compiled by the driver for any newer GPU, which
    takes minutes at first use and gives other machine code.
    """
    cuda = environment.cuda
    if cuda is None or "cuda" not in environment.devices:
        return f"{environment.name} has no GPU build: see 'devices' in containers/{environment.name}/env.toml"
    if _numbers(driver) < _numbers(cuda.driver):
        return f"{environment.name} needs driver {cuda.driver} or newer, and this machine has {driver}"
    major, minor = _numbers(compute_capability)[:2]
    compiled = any((architecture[0] == major and architecture[1] <= minor) for architecture in map(_numbers, cuda.architectures))
    if compiled or (cuda.ptx and _numbers(cuda.ptx) <= (major, minor)):
        return None
    later = f", and serves newer ones from {cuda.ptx} on" if cuda.ptx else ""
    return (
        f"{environment.name} has no kernels for a GPU of compute capability {compute_capability}: "
        f"it was compiled for {', '.join(cuda.architectures)}{later}"
    )


def _numbers(version: str) -> tuple[int, ...]:
    """A dotted version as numbers to compare; ``9`` counts as ``9.0``."""
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    return numbers if len(numbers) > 1 else (*numbers, 0)
