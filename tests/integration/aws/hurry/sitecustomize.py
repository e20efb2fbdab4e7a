"""Read by every Python that Ansible starts in these tests: waits are a tenth as long.

Moto is at once where AWS takes its time, so what the modules wait for is there already, or never comes.
"""

from __future__ import annotations

import time
from typing import SupportsIndex

_sleep = time.sleep


def sleep(seconds: float | SupportsIndex, /) -> None:
    """Sleep a tenth of it; the short naps of Ansible's own loops stay as they are."""
    _sleep(float(seconds) / 10 if float(seconds) > 0.2 else seconds)


time.sleep = sleep
