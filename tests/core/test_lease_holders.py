"""A lease tells whether the process that took it is certainly dead."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mentorai.core.identifiers import new_id
from mentorai.core.lease_holders import is_holder_gone, issue_lease

TAKE = (
    "from mentorai.core.lease_holders import issue_lease; print(issue_lease(), flush=True); input()"
)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells enough")


class Holder:
    """A process that took a lease and lives on."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", TAKE], stdin=pipe, stdout=pipe)
        assert self.process.stdout is not None
        self.lease = self.process.stdout.readline().decode().strip()

    def kill(self) -> None:
        """End it, and leave it unread: its number stays taken."""
        self.process.kill()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


@pytest.fixture
def holder() -> Iterator[Holder]:
    made = Holder()
    yield made
    made.process.kill()
    made.process.communicate()


def test_every_lease_is_another_and_fits_its_column() -> None:
    leases = {issue_lease() for _ in range(100)}

    assert len(leases) == 100
    assert max(map(len, leases)) <= 36


def test_holder_that_lives_is_not_gone(holder: Holder) -> None:
    assert not is_holder_gone(holder.lease)
    assert not is_holder_gone(issue_lease())


def test_holder_that_was_stopped_is_not_gone(holder: Holder) -> None:
    holder.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.process.pid, os.WSTOPPED | os.WNOWAIT)

    assert not is_holder_gone(holder.lease)


def test_holder_that_was_killed_is_gone_whether_its_parent_looked_or_not(holder: Holder) -> None:
    holder.kill()
    unread = is_holder_gone(holder.lease)
    holder.process.communicate()

    assert (unread, is_holder_gone(holder.lease)) == (True, True)


def test_holder_is_gone_when_its_number_is_another_process_now() -> None:
    machine, pid, started, count = issue_lease().split("-")
    earlier = f"{int(started, 16) - 1:x}"

    assert is_holder_gone("-".join((machine, pid, earlier, count)))


def test_nobody_judges_what_another_machine_or_an_older_version_took(holder: Holder) -> None:
    holder.kill()
    elsewhere = "0" * 10 + holder.lease[10:]

    assert not is_holder_gone(elsewhere)
    assert not any(map(is_holder_gone, (new_id(), "", "-", holder.lease[:11], "x-y-z-1")))
