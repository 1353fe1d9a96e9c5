"""What engines are told, word by word; no engine is needed for these."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from replab.engines import containers, seccomp
from replab.engines.container import Container, container_name
from replab.engines.drivers.docker import arguments
from replab.engines.drivers.podman import create_words
from replab.engines.launchers import is_abandoned, launcher_label
from replab.engines.policy import POINTS, load_policy
from replab.engines.registry import ENGINES, get_engine
from replab.errors import ConfigError

CONTAINER = Container(
    name="replab-0123",
    image="sha256:aa",
    argv=("/opt/lab/bin/python", "/r/probe/main.py"),
    user="1000:1000",
    env={"LANG": "C.UTF-8"},
    folder="/r/out",
    readable=("/r/probe", "/r/data", "/r/data/deeper"),
    memory_mb=512,
    cpus=1.0,
    processes=64,
    seconds=99,
    scratch_mb=16,
    open_files=1024,
)


def test_docker_is_told_the_policy() -> None:
    told = arguments(CONTAINER, {"org.replab.launcher": "me"})
    mounts = [(one["Source"], one["Target"], one["ReadOnly"]) for one in told.pop("mounts")]
    ulimits = [(one["Name"], one["Soft"], one["Hard"]) for one in told.pop("ulimits")]
    assert told.pop("log_config")["Type"] == "none"
    assert mounts == [("/r/out", "/r/out", False), ("/r/data", "/r/data", True), ("/r/probe", "/r/probe", True)]
    assert ulimits == [("core", 0, 0), ("nofile", 1024, 1024)]
    assert told == {
        "image": "sha256:aa",
        "name": "replab-0123",
        "entrypoint": ["timeout"],
        "command": ["--signal=KILL", "99", "env", "-i", "LANG=C.UTF-8", "/opt/lab/bin/python", "/r/probe/main.py"],
        "labels": {"org.replab.launcher": "me"},
        "user": "1000:1000",
        "working_dir": "/r/out",
        "network_mode": "none",
        "ipc_mode": "private",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": 512 * 2**20,
        "memswap_limit": 512 * 2**20,
        "nano_cpus": 1_000_000_000,
        "pids_limit": 64,
        "shm_size": 16 * 2**20,
        "tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777"},
        "stdin_open": False,
        "tty": False,
        "detach": True,
    }


def test_podman_is_told_the_policy() -> None:
    words = create_words(CONTAINER, {"org.replab.launcher": "me"})
    line = " ".join(words)
    processes = words[words.index("nofile=1024:1024") + 2]
    assert line == (
        "create --name replab-0123 --pull never --user 1000:1000 --workdir /r/out --entrypoint timeout --network none --ipc private "
        "--read-only --read-only-tmpfs=false --cap-drop ALL --security-opt no-new-privileges --memory 512m --memory-swap 512m --cpus 1 "
        "--pids-limit 64 --shm-size 16m --tmpfs /tmp:rw,noexec,nosuid,nodev,size=16m,mode=1777 --ulimit core=0:0 --ulimit nofile=1024:1024 "
        f"--ulimit {processes} --log-driver none --no-healthcheck --mount type=bind,source=/r/out,target=/r/out "
        "--mount type=bind,source=/r/data,target=/r/data,readonly --mount type=bind,source=/r/probe,target=/r/probe,readonly "
        "--label org.replab.launcher=me sha256:aa --signal=KILL 99 env -i LANG=C.UTF-8 /opt/lab/bin/python /r/probe/main.py"
    )
    assert processes.startswith("nproc=")


def test_a_leased_gpu_is_asked_for_by_index() -> None:
    """No GPU is needed to see what would be asked for; ``docs/containers.md`` says what was tried on a real one."""
    leased = replace(CONTAINER, gpus=("1",))
    (asked,) = arguments(leased, {})["device_requests"]
    assert (asked["Driver"], asked["DeviceIDs"], asked["Capabilities"]) == ("nvidia", ["1"], [["gpu"]])
    words = create_words(leased, {})
    assert words[words.index("--device") + 1] == "nvidia.com/gpu=1"
    assert "device_requests" not in arguments(CONTAINER, {})
    assert "--device" not in create_words(CONTAINER, {})


def test_without_root_the_user_outside_is_the_user_inside() -> None:
    assert "--userns keep-id" in " ".join(create_words(replace(CONTAINER, keep_id=True), {}))


def test_every_point_of_the_policy_has_a_check_in_the_probe(root: Path) -> None:
    tree = ast.parse((root / "scripts/sandbox/probe/isolation.py").read_text())
    table = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "CHECKS")
    assert {key.value for key in table.keys} == set(POINTS) == set(load_policy().points)


def test_a_damaged_policy_is_told_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "containers"
    folder.mkdir()
    file = folder / "policy.toml"
    with pytest.raises(ConfigError) as caught:
        load_policy(file)
    assert str(caught.value) == "containers/policy.toml: does not exist. Container engines start nothing without a policy"
    whole = (Path(__file__).parents[2] / "containers/policy.toml").read_text()
    file.write_text(whole.replace("processes = 512", "processes = 0"))
    load_policy.cache_clear()
    with pytest.raises(ConfigError) as caught:
        load_policy(file)
    assert str(caught.value) == "containers/policy.toml: limits.processes: must be a positive whole number, not 0"
    file.write_text(whole.replace('network = "no', 'internet = "no'))
    load_policy.cache_clear()
    with pytest.raises(ConfigError) as caught:
        load_policy(file)
    assert str(caught.value) == "containers/policy.toml: points: there must be one sentence for each check; look at internet, network"
    load_policy.cache_clear()


def test_podman_loses_the_calls_by_which_a_process_gives_itself_rights() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [
            {"names": ["read", "unshare", "clone", "clone3", "mount"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["setns"], "action": "SCMP_ACT_ALLOW"},
        ],
    }
    rules = seccomp.narrowed(profile)["syscalls"]
    assert rules[0] == {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
    assert {name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]} == {"read", "clone"}
    clone = next(rule for rule in rules if rule["names"] == ["clone"])
    assert clone["args"] == [{"value": 0x7E020000, "valueTwo": 0, "index": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    assert json.loads(json.dumps(profile)) == profile, "the list it was made from is untouched"


def test_a_living_launcher_is_not_taken_for_an_abandoned_one() -> None:
    label = launcher_label()
    machine, pid, started = label.split(" ")
    assert not is_abandoned(label)
    assert is_abandoned(f"{machine} {pid} {float(started) - 100:.2f}"), "another process had this id before"
    assert is_abandoned(f"{machine} 4194305 {started}"), "no such process can be"
    assert not is_abandoned(f"elsewhere/pid:[1] 4194305 {started}"), "another machine's launcher is not ours to judge"
    assert not is_abandoned("nonsense")


def test_one_output_folder_has_one_name() -> None:
    assert container_name(Path("/r/out")) == container_name(Path("/r/out")) != container_name(Path("/r/other"))


def test_an_unknown_engine_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        get_engine("dokcer")
    assert str(caught.value) == f"engine: unknown engine 'dokcer'. Did you mean 'docker'? Known: {', '.join(ENGINES)}"


def test_an_engine_that_does_not_answer_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sandboxes import ENVIRONMENTS

    from replab.errors import SandboxError

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(SandboxError) as caught:
        get_engine("docker").build(ENVIRONMENTS["numpy-2.5"], tmp_path, print)
    assert str(caught.value) == (
        f"docker: the Docker daemon at unix://{tmp_path}/no.sock does not answer. Start the Docker daemon, or name another one in DOCKER_HOST"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError) as caught:
        get_engine("podman").build(ENVIRONMENTS["numpy-2.5"], tmp_path, print)
    assert str(caught.value) == "podman: podman is not installed. Install podman, and try 'podman run --rm IMAGE true' yourself"


def test_an_environment_without_an_image_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sandboxes import ENVIRONMENTS

    from replab.errors import EnvironmentUnavailable

    monkeypatch.setattr(containers.ContainerEngine, "check", lambda self: None)
    with pytest.raises(EnvironmentUnavailable) as caught:
        get_engine("docker").build(ENVIRONMENTS["numpy-2.5"], tmp_path, print)
    assert str(caught.value) == (
        "numpy-2.5: no image was built from its present lock. Run 'snakemake images --config engine=docker environments=numpy-2.5'"
    )


def test_only_variables_about_the_engine_reach_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///x")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert get_engine("docker").settings()["DOCKER_HOST"] == "unix:///x"
    assert "OMP_NUM_THREADS" not in get_engine("docker").settings()
    assert os.environ["OMP_NUM_THREADS"] == "7"
