"""Who holds a lease: so that the leases of a process that is certainly dead can be freed at once.

A lease names the machine, the process and when it was started, as Linux tells them. Nobody judges a
process that it cannot see: one of another machine or container, or on a system that tells less; its
lease ends when its time is over. A process that merely hangs, or was stopped, is not dead.
"""

import itertools
import os
import socket
from functools import cache
from hashlib import sha256
from pathlib import Path

from mentorai.core.identifiers import new_id

PROC = Path("/proc")
_counter = itertools.count(1)


def issue_lease() -> str:
    """A fresh lease of this process, at most 36 characters."""
    holder = _name_holder(os.getpid())
    # What one process numbers is never twice, and no other has its name.
    return f"{holder}-{next(_counter):x}" if holder else new_id()


def is_holder_gone(lease: str) -> bool:
    """Whether the process that took a lease is certainly dead, so that nothing of it goes on."""
    machine, _, rest = lease.partition("-")
    parts = rest.split("-")
    if machine != _name_machine() or not machine or len(parts) != 3:
        return False
    try:
        pid, started = int(parts[0], 16), int(parts[1], 16)
    except ValueError:
        return False
    return not _lives(pid, started)


@cache
def _name_holder(pid: int) -> str:
    """Machine, process and start; empty if this system tells less. pid: our own, also of a fork."""
    machine, started = _name_machine(), _read_start(pid)
    return f"{machine}-{pid:x}-{started:x}" if machine and started is not None else ""


@cache
def _name_machine() -> str:
    """What sees the same processes under the same numbers: a boot of a machine, and in it a
    namespace of processes; empty if this system does not tell.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        space = os.stat(PROC / "self/ns/pid").st_ino
        # Otherwise what is told there is of other processes than those with our numbers.
        if os.readlink(PROC / "self") != str(os.getpid()):
            return ""
    except OSError:
        return ""
    # Copies of one virtual machine that was put to sleep share the rest.
    return sha256(f"{boot} {space} {socket.gethostname()}".encode()).hexdigest()[:10]


def _lives(pid: int, started: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is there, and somebody else's.
        return _read_start(pid) in (started, None)
    if _is_buried(pid):
        return False
    return _read_start(pid) in (started, None)


def _is_buried(pid: int) -> bool:
    """Whether it ended with all its threads, and is only a number that its parent did not read."""
    fields = _read_fields(pid)
    if fields is None or fields[0] not in ("Z", "X"):
        return False
    try:
        return len(os.listdir(PROC / str(pid) / "task")) <= 1
    except OSError:
        return False


def _read_start(pid: int) -> int | None:
    """When a process was started, in ticks since the boot; None if that is not told."""
    fields = _read_fields(pid)
    return int(fields[19]) if fields is not None else None


def _read_fields(pid: int) -> list[str] | None:
    """What proc(5) says of a process, from its state on (the third field)."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The name before may hold anything, a parenthesis too.
    return text.rpartition(")")[2].split()
