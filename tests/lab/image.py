"""
The images: base, ``bare`` of it, and ``packaged`` of that, each made once from its recipe.

A fourth one, ``tools``, lends a host what it has not installed (see ``faults``).

They are made with ``docker run`` and ``docker commit``: that is the same on every engine,
while ``docker build`` depends on a plugin that Debian's package does not have.
"""

import contextlib
import platform
import shutil
import subprocess
import time
import uuid

from tests.lab import engine, recipe
from tests.lab.docker import DockerError, docker, tail
from tests.lab.errors import LabError
from tests.lab.paths import locked
from tests.lab.spec import LABEL

REPOSITORY = "pyinfra-patroni-lab"
DIGEST_LABEL = f"{LABEL}.recipe"
PULL_SECONDS = 15  # where a base can be made instead
LONG_PULL_SECONDS = 300  # where it cannot
BUILD_SECONDS = 1200


def ensure_image(release: str, flavour: str, *, rebuild: bool = False) -> str:
    """
    Return the tag of an image that is as its recipe says; make it if it is not.

    + rebuild: make it again, with the packages of today
    """
    with locked():
        return _ensure(release, flavour, rebuild=rebuild)


def tag_of(release: str, flavour: str) -> str:
    return f"{REPOSITORY}-{flavour}:{release}"


def exists(tag: str) -> bool:
    return docker("image", "ls", "--quiet", tag) != ""


def _ensure(release: str, flavour: str, *, rebuild: bool) -> str:
    tag = tag_of(release, flavour)
    digest = recipe.digest(release, flavour)
    if _digest_of(tag) == digest and not rebuild:
        return tag
    below = _ensure_base(release) if flavour == "bare" else _ensure(release, "bare", rebuild=False)
    outdated = docker("image", "ls", "--quiet", tag)
    started = time.monotonic()
    _build(tag, below, recipe.script(release, flavour), digest)
    print(f"image {tag} made in {time.monotonic() - started:.0f} s", flush=True)
    _remove_if_unused(outdated)
    return tag


def _digest_of(tag: str) -> str:
    try:
        return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{DIGEST_LABEL}"}}}}', tag)
    except DockerError:
        return ""


def _build(tag: str, below: str, script: str, digest: str) -> None:
    name = f"{REPOSITORY}-build-{uuid.uuid4().hex[:8]}"
    print(f"making image {tag} ...", flush=True)
    try:
        docker(
            *("run", "--name", name, "--hostname", "image", below, "sh", "-c", script),
            timeout_seconds=BUILD_SECONDS,
        )
        docker(
            *("commit", "--change", 'CMD ["/sbin/init"]'),
            *("--change", f"LABEL {DIGEST_LABEL}={digest}", name, tag),
            timeout_seconds=BUILD_SECONDS,
        )
    finally:
        docker("rm", "--force", "--volumes", name)


def _remove_if_unused(image: str) -> None:
    if image:
        # Refused, and rightly, while a host runs on it or another image is made of it.
        with contextlib.suppress(DockerError):
            docker("image", "rm", image)


def _ensure_base(release: str) -> str:
    tag = tag_of(release, "base")
    if exists(tag):
        return tag
    if not exists(f"debian:{release}"):
        refusal = _pull(release)
        if refusal:
            return _make_base(release, tag, refusal)
    docker("tag", f"debian:{release}", tag)
    return tag


def _pull(release: str) -> str:
    """Return why Debian's own image is not to be had; empty when it is here now."""
    seconds = PULL_SECONDS if engine.can_install() else LONG_PULL_SECONDS
    print(f"pulling debian:{release}, up to {seconds} s ...", flush=True)
    try:
        docker("pull", "--quiet", f"debian:{release}", timeout_seconds=seconds)
    except DockerError as error:
        return str(error).splitlines()[-1]
    return ""


def _make_base(release: str, tag: str, refusal: str) -> str:
    if not engine.can_install():
        raise LabError(
            f"the image debian:{release} cannot be pulled ({refusal})",
            "Make a registry reachable; as root on Debian or Ubuntu the lab needs none.",
        )
    if not shutil.which("mmdebstrap"):
        engine.install(["mmdebstrap", "debian-archive-keyring"])
    started = time.monotonic()
    _bootstrap(release, tag)
    print(f"image {tag} made in {time.monotonic() - started:.0f} s", flush=True)
    return tag


def _bootstrap(release: str, tag: str) -> None:
    """Pipe a minimal Debian from its package mirror into the engine."""
    keyring = "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", keyring]
    command += [f"--architectures={_architecture()}", release, "-", *recipe.sources(release)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
        imported = subprocess.run(["docker", "import", "-", tag], stdin=made.stdout, capture_output=True, text=True)
        said = (made.stderr.read() if made.stderr else b"").decode(errors="replace")
    if made.returncode != 0 or imported.returncode != 0:
        if imported.returncode == 0:
            docker("image", "rm", tag)
        raise LabError(f"mmdebstrap {release} failed: {tail(said or imported.stderr)}")


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
