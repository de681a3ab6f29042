"""Versions are ordered as dpkg orders them."""

import subprocess

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cluster.packages.versions import compare, is_older, upstream
from tests.judges import needs_dpkg


def test_upstream_versions() -> None:
    versions = ("17.11-0+deb13u1", "4.0.7-3~deb13u1", "2:3.5.16-4", "3.3.25+dfsg-7", "3.0~rc1-1", "18")
    assert [upstream(version) for version in versions] == ["17.11", "4.0.7", "3.5.16", "3.3.25", "3.0~rc1", "18"]


VERSIONS = st.from_regex(r"([0-9]:)?[0-9][0-9a-b.+~]{0,6}(-[0-9a-b.+~]{1,4})?", fullmatch=True)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_are_ordered(a: str, b: str, c: str) -> None:
    assert (compare(a, b) > 0) == (compare(b, a) < 0)
    assert compare(a, a) == 0
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@needs_dpkg
@hypothesis_settings(deadline=None, max_examples=150)
@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_as_dpkg_orders_them(left: str, right: str) -> None:
    older = subprocess.run(["dpkg", "--compare-versions", left, "lt", right], check=False).returncode == 0
    assert is_older(left, right) == older
