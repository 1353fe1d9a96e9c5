"""What a sandbox keeps its process from, tried from inside: nothing is believed because somebody asked for it.

Every check only looks or is refused by the kernel: no packet leaves, no file stays. One that holds gives an empty text, any other one says
in words what was possible. The words are the same at every run: no count, no process id.
"""

import ctypes
import errno
import io
import os
import socket

# Addresses for documentation: connecting a datagram socket sends nothing, it only asks the kernel for a route.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
ROOT_PLACES = ("/", "/usr", "/etc", "/opt", "/var")
KERNEL_FILES = ("proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "devtmpfs", "securityfs", "debugfs", "tracefs", "bpf", "pstore")
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/.singularity.d")
CLONE_NEWUSER = 0x10000000
MEBIBYTE = 2**20
NO_LIMIT = 2**50  # version 1 of control groups says "no limit" by a number of this kind


def check(wanted):
    """Point -> "" when it holds, else what was possible; ``wanted``: entry ``isolation`` of the request."""
    found = {}
    for name in sorted(CHECKS):
        try:
            found[name] = CHECKS[name](wanted)
        except Exception as error:  # a check that cannot be made has not shown anything
            found[name] = "could not be checked: {}: {}".format(type(error).__name__, error)
    return found


def breaches(wanted, found):
    """``point: what was possible`` for every point that the engine promised and that does not hold."""
    return ["{}: {}".format(name, found.get(name, "there is no such check")) for name in wanted.get("promised", []) if found.get(name, "?")]


def _container(wanted):
    return "" if any(os.path.exists(path) for path in CONTAINER_MARKS) else "this process is in no container"


def _network(wanted):
    for family, address in ELSEWHERE:
        try:
            there = socket.socket(family, socket.SOCK_DGRAM)
        except (OSError, socket.error):
            continue  # not even the kind of socket
        try:
            there.connect((address, 9))
        except (OSError, socket.error):
            continue
        finally:
            there.close()
        return "a socket to another machine can be opened"
    return ""


def _root(wanted):
    if not os.statvfs("/").f_flag & os.ST_RDONLY:
        return "the root file system is mounted for writing"
    for folder in ROOT_PLACES:
        if _can_create(folder):
            return "a file can be made in {}".format(folder)
    return ""


def _can_create(folder):
    path = os.path.join(folder, ".replab-isolation-check")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError as error:
        return error.errno == errno.EEXIST
    os.unlink(path)
    return True


def _output(wanted):
    """No mount can be written to but the output folder and folders that live in memory and end with the sandbox."""
    allowed = [os.path.realpath(path) for path in wanted["writable"]]
    for line in _lines("/proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        place, kind = left.split()[4].replace("\\040", " "), right.split()[0]
        if kind in KERNEL_FILES or kind == "tmpfs" or any((place + "/").startswith(path.rstrip("/") + "/") for path in allowed):
            continue
        if os.access(place, os.W_OK) and not os.statvfs(place).f_flag & os.ST_RDONLY:
            return "{} can be written to".format("/" if place == "/" else "another place than the output folder")
    return ""


def _inputs(wanted):
    for path in wanted["readable"]:
        if os.access(path, os.W_OK):
            return "what it was given to read can be written to"
    return ""


def _user(wanted):
    return "it runs as root" if 0 in os.getresuid() else ""


def _capabilities(wanted):
    status = _status("self")
    if any(int(status.get(name, "1"), 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")):
        return "it holds capabilities, or could take them over"
    return ""


def _privileges(wanted):
    """Nothing that it starts gets more rights, and no namespace of its own gives it any."""
    if _status("self").get("NoNewPrivs") != "1":
        return "a program with set-user-id would get more rights"
    child = os.fork()
    if child == 0:  # whatever is possible here ends with this process
        code = 1
        try:
            code = 0 if _gains_rights() else 2
        finally:
            os._exit(code)
    code = os.WEXITSTATUS(os.waitpid(child, 0)[1])
    return {0: "it can get capabilities, in a user namespace or as root", 2: ""}.get(code, "could not be checked")


def _gains_rights():
    try:
        os.setuid(0)
        return os.geteuid() == 0
    except OSError:
        pass
    return ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) == 0


def _processes(wanted):
    """Every process in sight is an ancestor or a descendant of this one."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parents[int(name)] = int(_status(name).get("PPid", "0"))
    family, one = set(), os.getpid()
    while one:
        family.add(one)
        one = parents.get(one, 0)
    for one in parents:
        walk, seen = one, set()
        while walk and walk not in family and walk not in seen:
            seen.add(walk)
            walk = parents.get(walk, 0)
        if walk != os.getpid() and one not in family:
            return "processes of others can be seen"
    return ""


def _memory(wanted):
    limit = _limit("memory", "memory.limit_in_bytes", "memory.max")
    if limit is None:
        return "there is no limit on memory"
    return "" if limit <= wanted["memory_mb"] * MEBIBYTE else "the limit on memory is higher than asked for"


def _pids(wanted):
    limit = _limit("pids", "pids.max", "pids.max")
    if limit is None:
        return "there is no limit on the number of processes"
    return "" if limit <= wanted["processes"] else "the limit on processes is higher than asked for"


def _cpus(wanted):
    for base in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"):
        quota, period = _lines(base + "/cpu.cfs_quota_us"), _lines(base + "/cpu.cfs_period_us")
        if quota and period:
            text = [quota[0], period[0]]
            break
    else:
        text = (_lines("/sys/fs/cgroup/cpu.max") or ["max 100000"])[0].split()
    if text[0] in ("max", "-1"):
        return "there is no limit on processor time"
    return "" if float(text[0]) / float(text[1]) <= wanted["cpus"] + 0.01 else "the limit on processor time is higher than asked for"


def _environment(wanted):
    return "variables that are not on the list reached the process" if set(os.environ) - set(wanted["variables"]) else ""


def _limit(controller, old, new):
    """The limit of this control group; None for none."""
    for path in ("/sys/fs/cgroup/{}/{}".format(controller, old), "/sys/fs/cgroup/{}".format(new)):
        lines = _lines(path)
        if lines:
            return None if lines[0] == "max" or int(lines[0]) > NO_LIMIT else int(lines[0])
    return None


def _status(process):
    fields = {}
    for line in _lines("/proc/{}/status".format(process)):
        name, _, value = line.partition(":")
        fields[name] = value.strip()
    return fields


def _lines(path):
    try:
        with io.open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()
    except (IOError, OSError):
        return []


CHECKS = {
    "container": _container,
    "network": _network,
    "root": _root,
    "output": _output,
    "inputs": _inputs,
    "user": _user,
    "capabilities": _capabilities,
    "privileges": _privileges,
    "processes": _processes,
    "memory": _memory,
    "cpus": _cpus,
    "pids": _pids,
    "environment": _environment,
}
