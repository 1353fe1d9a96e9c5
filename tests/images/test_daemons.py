"""The parts that tests start come up, and leave nothing behind."""

from pathlib import Path

import daemons
from images_world import need


def test_two_daemons_run_side_by_side_and_leave_nothing_behind() -> None:
    need(daemons.missing_docker())
    with daemons.docker_daemon() as one, daemons.docker_daemon() as other:
        assert one.socket != other.socket
        assert one.run("info", "--format", "{{.DockerRootDir}}").stdout.strip() == str(one.folder / "data")
        assert other.run("ps", "--quiet").stdout == ""
    for each in (one, other):
        assert not Path(f"/proc/{each.pid}").exists()
        assert not each.folder.exists()


def test_a_killed_daemon_leaves_no_process_behind() -> None:
    need(daemons.missing_docker())
    with daemons.docker_daemon() as running:
        running.kill()
    assert not running.folder.exists()
    named = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _mentions(path, str(running.folder))]
    assert named == []


def _mentions(path: Path, text: str) -> bool:
    try:
        return text.encode() in path.read_bytes()
    except OSError:
        return False


def test_a_registry_answers_and_goes_away() -> None:
    need(daemons.missing_registry())
    with daemons.registry() as running:
        assert running.request("GET", "/v2/")[0] == 200
        assert running.tags("nothing") == []
    assert not Path(f"/proc/{running.pid}").exists()
