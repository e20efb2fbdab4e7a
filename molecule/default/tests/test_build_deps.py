"""What packages that are compiled on the host need."""

from __future__ import annotations

from testinfra.host import Host


def test_a_compiler_and_blas_are_there(host: Host) -> None:
    source = "extern double ddot_(); int main(void) { return 0; }"
    host.check_output("printf %s > /srv/blas.c", source)
    assert host.run("gcc /srv/blas.c -o /srv/blas -llapack -lblas").succeeded
    for program in ("g++", "gfortran", "git"):
        assert host.exists(program)
