#!/usr/bin/python
"""Ansible module: packages of R, loadable, from the distribution or from a repository."""

from __future__ import annotations

DOCUMENTATION = r"""
module: r_package
short_description: Installs packages of R from the distribution or from a repository
description:
  - Installs packages and makes sure that they load. R's own C(install.packages) only warns when a package fails; this
    module checks in a fresh R, and fails with the package, the cause, the fix and the compiler's last lines, after it
    has installed everything that can be installed.
  - Prefers packages that the distribution has built (C(r-cran-*) by apt, C(R-*) by dnf), also for what a package
    needs, and installs them in one transaction; the others come from R's repositories, by one R process.
  - Waits for another R that installs into the same library, and clears away what a killed installation left there.
options:
  name:
    description: Names of packages, as in R's C(library).
    type: list
    elements: str
    required: true
  state:
    description:
      - V(present), they load. What loads is left as it is, in whatever library it is. Something they need is
        replaced only when they ask for a newer version of it.
      - V(latest), they load, in the newest version that the sources which answer have for this R.
      - V(absent), they are removed, from O(library) where it is given and otherwise from all libraries. Fails for
        a package that others need which are not named.
    type: str
    choices: [present, latest, absent]
    default: present
  version:
    description: Exact version, for one package with O(state=present). Another version that is there is replaced. One
      that a repository no longer lists is looked for in its archive.
    type: str
  library:
    description: Folder to install into, made when it is missing. Default is R's first site library. A package that
      loads from here or from one of R's site libraries counts as present, and one of the user's own library does not.
    type: path
  repos:
    description: Addresses of repositories, C(https://), C(http://) or C(file://); one, a list, or a mapping of names to
      them. The first that has a package gives it, and one that does not answer is passed over with a warning. Default
      is what R's own profile says, its option C(repos).
    type: raw
  type:
    description: V(auto) takes what a repository gives, V(binary) only what it has built, V(source) only source.
    type: str
    choices: [auto, binary, source]
    default: auto
  distro:
    description: V(prefer) takes the distribution's package where there is one, new enough for what is asked, and
      otherwise a repository's; V(only) and V(never) one of them only. Counts for the distribution's own R, as no other
      looks into its libraries.
    type: str
    choices: [prefer, only, never]
    default: prefer
  r:
    description: Path of C(R) or C(Rscript). Default is C(R) on the path.
    type: path
  timeout:
    description: Seconds that a repository may take to answer.
    type: int
    default: 30
  distribution_sources:
    description: Packages that neither the distribution has built nor a repository gives, and which are part of a source
      package of the distribution; by apt only. They are compiled, as a last resort, from the newest version that the
      C(deb-src) of the host's own lists would give. The lists of the host stay as they are.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the package of R.
        type: str
        required: true
      source:
        description: Name of the source package. Default is that of the package of R.
        type: str
      folder:
        description: The folder in it that holds the package of R.
        type: str
        default: .
      dependencies:
        description: The packages of R that it needs, as its C(DESCRIPTION) has them. They are installed like others.
        type: str
        default: ""
      packages:
        description: Packages of the distribution that it is compiled with and needs to load.
        type: list
        elements: str
        default: []
      makevars:
        description: Text for its C(src/Makevars), which then is not made by its C(configure).
        type: str
        default: ""
  record:
    description: A name under which C(/var/lib/labserver/<name>.json) keeps which packages this module installed, those
      that others need too. With O(state=absent) what was there before, and what others have come to need, stays,
      and all else that is recorded goes; without a record O(name) goes where the component of that name is recorded.
    type: str
  required:
    description: Whether it is an error that the sources of a package cannot be reached. With V(false) the module then
      succeeds with RV(available=false) and RV(reason). Whatever else goes wrong is an error with both, such as a
      package that does not compile, an unknown name, or a certificate that is not trusted.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says what would be installed, in which version and from where. Without R, which another task may
      install before, versions and sources are empty.
    support: full
  diff_mode:
    description: Shows the packages with their versions before and after, those that are needed by others too.
    support: full
notes:
  - Compiles on all cores, unless E(MAKEFLAGS), in the environment or C(Renviron.site), or R's option C(Ncpus) say else.
  - Temporary files go to E(TMPDIR), or to C(/var/tmp), which is on disk where C(/tmp) may be memory.
author: labserver (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Install what runs loops in parallel
  r_package:
    name: [doMC, foreach, randomForest]

- name: Install a version that runs on an older R, from a repository of its time
  r_package:
    name: xgboost
    version: 1.7.11.1
    repos: https://mirror.example.org/cran/2025-06-01

- name: Install a package that only a source of Debian has, and compile it against Debian's own library
  r_package:
    name: xgboost
    distribution_sources:
      - name: xgboost
        folder: R-package
        dependencies: Matrix (>= 1.1-0), data.table (>= 1.9.6), jsonlite (>= 1.0)
        packages: [libxgboost-dev]
        makevars: |
          PKG_CPPFLAGS = -I.. -I../..
          PKG_LIBS = -lxgboost
          OBJECTS = xgboost_R.o init.o

- name: Install a package where its repository can be reached
  r_package:
    name: tictoc
    required: false
  register: tictoc
"""

RETURN = r"""
available:
  description: Whether all packages that were named are installed and load; with O(state=absent), are removed.
  returned: always
  type: bool
reason:
  description: Why it is not so, for all packages in one text; empty on success.
  returned: always
  type: str
packages:
  description: The packages that were named and load, or in check mode would, by name. Each has its C(version); its
    C(source), which is V(present), V(distribution), V(repository) or V(source), one of the distribution's sources; and
    C(library), the folder that it is in, which is empty in check mode for what the distribution would install.
  returned: always
  type: dict
failures:
  description: Why packages could not be installed, by name; empty on success.
  returned: always
  type: dict
unavailable:
  description: The same for those whose sources are out of reach; empty on success.
  returned: always
  type: dict
library:
  description: The folder that packages from a repository or a source go to.
  returned: when R was found
  type: str
log:
  description: The end of what R, compilers and the distribution's tool printed.
  returned: when R was found
  type: str
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.labserver.download.module import MaskingModule
from ansible.module_utils.labserver.errors import LabError
from ansible.module_utils.labserver.r.diagnosis import explain
from ansible.module_utils.labserver.r.distribution import find_distribution
from ansible.module_utils.labserver.r.install import install_packages
from ansible.module_utils.labserver.r.metadata import parse_dependencies
from ansible.module_utils.labserver.r.remove import remove
from ansible.module_utils.labserver.r.request import DistributionSource, PackageRequest
from ansible.module_utils.labserver.record import Record

NONE: dict[str, Any] = {"available": False, "reason": "", "packages": {}, "failures": {}, "unavailable": {}}


def addresses(repos: object) -> list[str]:
    """Return the addresses of one, a list, or a mapping."""
    values = list(repos.values()) if isinstance(repos, dict) else [repos] if isinstance(repos, str) else repos or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise LabError(
            "`repos` is neither an address, nor a list, nor a mapping of names to addresses: write one of these"
        )
    return [value.strip() for value in values]


def main() -> None:
    """Run the module."""
    module = MaskingModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "latest", "absent"], "default": "present"},
            "version": {"type": "str"},
            "library": {"type": "path"},
            "repos": {"type": "raw"},
            "type": {"type": "str", "choices": ["auto", "binary", "source"], "default": "auto"},
            "distro": {"type": "str", "choices": ["prefer", "only", "never"], "default": "prefer"},
            "r": {"type": "path"},
            "timeout": {"type": "int", "default": 30},
            "distribution_sources": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "source": {"type": "str"},
                    "folder": {"type": "str", "default": "."},
                    "dependencies": {"type": "str", "default": ""},
                    "packages": {"type": "list", "elements": "str", "default": []},
                    "makevars": {"type": "str", "default": ""},
                },
            },
            "record": {"type": "str"},
            "required": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    program = module.get_bin_path(options["r"] or "R")
    record = Record(options["record"]) if options["record"] else None
    if record and options["state"] == "absent" and not record.content:
        # A host that was never set up, or that an earlier release set up, which kept no record
        if not Path(f"/etc/ansible/facts.d/labserver_{options['record']}.fact").exists():
            module.exit_json(changed=False, **NONE)
        record = None
    os.umask(0o022)  # a library that is made is for everyone
    try:
        request = PackageRequest(
            names=list(dict.fromkeys(options["name"])),
            state=options["state"],
            version=options["version"],
            library=options["library"] and os.path.realpath(options["library"]),
            repositories=addresses(options["repos"]),
            kind=options["type"],
            distro=options["distro"],
            program=program or "",
            timeout=options["timeout"],
            cores=len(os.sched_getaffinity(0)),
            record=record,
            sources={
                described["name"]: DistributionSource(
                    name=described["name"],
                    source=described["source"] or described["name"],
                    folder=described["folder"],
                    dependencies=parse_dependencies(described["dependencies"]),
                    packages=described["packages"],
                    makevars=described["makevars"],
                )
                for described in options["distribution_sources"]
            },
        )
        request.check()
        if program is None:
            without_r(module, request)
        act = remove if request.state == "absent" else install_packages
        result = act(request, find_distribution(), check=module.check_mode)
    except LabError as error:
        module.fail_json(msg=str(error), **NONE)
    except OSError as error:
        module.fail_json(msg=explain(error), **NONE)
    for warning in result.warnings:
        module.warn(warning)
    if result.problems and (options["required"] or not result.unreachable):
        verb = "removed" if request.state == "absent" else "installed"
        head = f"{len(result.problems)} of {len(request.names)} R packages could not be {verb}: "
        module.fail_json(msg=head + result.reason(), **result.return_values())
    module.exit_json(**result.return_values())


def without_r(module: MaskingModule, request: PackageRequest) -> None:
    """End where there is no R: nothing to remove, or nothing to be done yet in check mode, or a failure."""
    path = module.params["r"] or "R"
    if request.state == "absent":
        module.exit_json(changed=False, **NONE)
    if module.check_mode:
        module.warn(f"{path} is not there yet: the versions and sources of packages are not known")
        packages = {name: {"version": "", "source": "", "library": ""} for name in request.names}
        module.exit_json(changed=True, **{**NONE, "available": True, "packages": packages})
    fix = (
        "correct `r`" if module.params["r"] else "run role r_base (ansible-playbook site.yml --tags r_base), or set `r`"
    )
    module.fail_json(msg=f"R was not found ({path}): {fix}", **NONE)


if __name__ == "__main__":
    main()
