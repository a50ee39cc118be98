"""A host name that resolves for some processes alone, and can be made to vanish while they run.

They see a hosts file of their own in the place of the machine's, by a mount namespace, and ask no name server.
"""

import os
import subprocess
from pathlib import Path

# https://man7.org/linux/man-pages/man1/unshare.1.html: without root it takes a user namespace as well.
_UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
_SCRIPT = 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/nsswitch.conf && shift && exec "$@"'


def missing() -> str:
    """Why it can't be done on this machine; empty: it can."""
    try:
        tried = subprocess.run([*_UNSHARE, "mount", "--bind", "/tmp", "/etc"], capture_output=True, check=False)  # noqa: S108  # only mounted, and gone at once
    except FileNotFoundError:
        return "there is no unshare, of util-linux"
    return "" if tried.returncode == 0 else "the machine gives no mount namespaces"


class Name:
    """A name of this machine's loopback, for processes whose command begins with `wrapper`."""

    def __init__(self, folder: Path, host: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._host = host
        self._hosts = folder / "hosts"
        services = folder / "nsswitch.conf"
        # https://man7.org/linux/man-pages/man5/nsswitch.conf.5.html
        services.write_text("passwd: files\ngroup: files\nhosts: files\n", encoding="utf-8")
        self.resolve()
        self.wrapper = (*_UNSHARE, "sh", "-c", _SCRIPT, str(self._hosts), str(services))

    def resolve(self) -> None:
        """Lets it resolve (again)."""
        self._write(f"127.0.0.1 {self._host}\n")

    def vanish(self) -> None:
        """Lets it be unknown."""
        self._write("")

    def _write(self, names: str) -> None:
        # In place: what is mounted is the file, not its path.
        self._hosts.write_text(f"127.0.0.1 localhost\n{names}", encoding="utf-8")
