"""The one exception that people read, and words for the operating system's errors."""

from __future__ import annotations

import errno


class LabError(Exception):
    """What went wrong and what to do about it, in words for the person who runs the playbook."""


def explain(error: LabError | OSError) -> str:
    """Return the text of an error; the common ones of the operating system get their fix."""
    if isinstance(error, LabError):
        return str(error)
    where = error.filename or "the destination"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no room left to write {where} ({error.strerror}): free space, or choose a path on a larger file system"
    if error.errno == errno.ENAMETOOLONG:
        return f"the name is too long for the file system: {where}: choose a shorter one"
    if error.errno == errno.EROFS:
        return f"the file system of {where} is read-only: choose a path on another"
    if error.errno in (errno.EACCES, errno.EPERM):
        as_root = "run it as root (in Ansible: `become: true`)"
        return f"{error.strerror}: {where}: {as_root}, or choose a path this user may use"
    return f"{error.strerror or error}: {where}"
