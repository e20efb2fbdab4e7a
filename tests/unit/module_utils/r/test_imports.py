"""The package is plain Python: every file of it can be imported without Ansible."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULE_UTILS = Path(__file__).resolve().parents[4] / "module_utils"


def test_each_file_is_imported_without_ansible() -> None:
    names = sorted(path.stem for path in (MODULE_UTILS / "labserver/r").glob("[a-z]*.py"))
    assert len(names) > 8
    code = "import sys; sys.modules['ansible'] = None\n" + "".join(f"import labserver.r.{name}\n" for name in names)
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(MODULE_UTILS)!r})\n{code}"], check=True
    )
