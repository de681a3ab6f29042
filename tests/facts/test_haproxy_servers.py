"""What HAProxy says of its servers, parsed; and how it is asked."""

import shutil
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from cluster.components.haproxy import runtime_query
from facts.haproxy import HaproxyServers

TestHaproxyServers = make_fact_tests(
    "facts", "haproxy.HaproxyServers", Path(__file__).parent / "haproxy.HaproxyServers"
)


def test_is_none_and_never_empty_where_haproxy_is_down() -> None:
    assert HaproxyServers.default() is None


@pytest.mark.parametrize("output", [["Permission denied"], ["# pxname,svname,status"], [""]])
def test_refuses_an_answer_that_is_no_statistics(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="HAProxy's statistics lack "):
        HaproxyServers().process(output)


@pytest.mark.parametrize("active, code", [("true", 2), ("false", 0)])
def test_an_absent_socket_is_an_error_only_while_the_unit_is_up(tmp_path: Path, active: str, code: int) -> None:
    (tmp_path / "systemctl").symlink_to(shutil.which(active) or f"/bin/{active}")
    command = HaproxyServers().command().replace("/run/haproxy/admin.sock", "/nonexistent/socket")
    done = subprocess.run(["sh", "-c", f"PATH={tmp_path}:$PATH; {command}"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == ("HAProxy does not answer: No such file or directory\n" if code else "")


def test_asks_without_anything_that_debian_does_not_always_have() -> None:
    assert runtime_query("show info").split()[:3] == ["timeout", "5", "perl"]
