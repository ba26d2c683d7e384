"""What the system lets a process have: which limit an error has met, and how it is raised."""

import errno
import os
import resource


def number(path):
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):  # not there, or "max"
        return None


def cgroup(name):
    """A number of the nearest cgroup (version 2) that has one."""
    try:
        with open("/proc/self/cgroup") as file:
            place = next(line.strip().partition("::")[2] for line in file if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    while True:
        if (found := number(f"/sys/fs/cgroup{place}/{name}")) is not None or place in ("", "/"):
            return found
        place = os.path.dirname(place)


def threads_of_machine():
    try:
        with open("/proc/loadavg") as file:
            return int(file.read().split()[3].split("/")[1])
    except (OSError, ValueError, IndexError):
        return 0


def maps():
    try:
        with open("/proc/self/maps") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


def of_tasks():
    """(name, limit, in use, how to raise it) of what bounds the number of threads and processes."""
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    machine = threads_of_machine()
    return [
        ("pids.max of the cgroup", cgroup("pids.max"), cgroup("pids.current") or 0, "a larger pids limit of the container or service (TasksMax=)"),
        ("RLIMIT_NPROC", None if soft < 0 or os.getuid() == 0 else soft, machine, "ulimit -u"),
        ("kernel.threads-max", number("/proc/sys/kernel/threads-max"), machine, "sysctl kernel.threads-max="),
        ("kernel.pid_max", number("/proc/sys/kernel/pid_max"), machine, "sysctl kernel.pid_max="),
        ("vm.max_map_count", number("/proc/sys/vm/max_map_count"), maps(), "sysctl vm.max_map_count="),
    ]


def tasks():
    known = [one for one in of_tasks() if one[1]]
    reached = [one for one in known if one[2] > 0.9 * one[1]]
    if reached:
        return "; the limit is " + "; ".join(f"{name}, {limit}: raise it by {how}" for name, limit, _, how in reached)
    return "; no limit on their number is near (" + ", ".join(f"{name} {limit}" for name, limit, *_ in known) + "): memory for their stacks is short, or RLIMIT_AS (ulimit -v)"


def open_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f"; the limit is RLIMIT_NOFILE, {soft} of at most {hard}: raise it by ulimit -n, beyond {hard} as root by ulimit -Hn or LimitNOFILE= of the service"


def memory():
    most = cgroup("memory.max")
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    found = [f"memory.max of the cgroup, {most} bytes"] if most else []
    found += [f"RLIMIT_AS, {soft} bytes (ulimit -v)"] if soft > 0 else []
    return "; the limit is " + " or ".join(found or ["the memory of the machine"])


def explain(error):
    """What is to be added to the text of an error: '' where no limit is its cause."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(explain, error.exceptions)), "")
    if isinstance(error, MemoryError):
        return memory()
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return tasks()
    code = getattr(error, "errno", None)
    if code == errno.EMFILE:
        return open_files()
    if code == errno.ENFILE:
        return f"; the limit is fs.file-max, {number('/proc/sys/fs/file-max')}: raise it by sysctl fs.file-max="
    if code == errno.EAGAIN and not isinstance(error, ConnectionError):
        return tasks()
    if code == errno.ENOMEM:
        return memory()
    if isinstance(error, ConnectionRefusedError):
        return ": nobody listens there; has the store ended?"
    return ""
