"""Programs that judge ours where this machine has them."""

import shutil

import pytest

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="openssl reads certificates as a judge of its own: install it to have it asked",
)
needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg") is None, reason="dpkg is the judge of versions: on Debian and Ubuntu it is asked"
)
