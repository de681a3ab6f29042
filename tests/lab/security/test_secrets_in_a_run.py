"""While a cluster is built, no secret and no key is printed, in an argument, or left where others may read."""

import re
import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.pki.issuers import OWN_AUTHORITIES
from tests.lab.docker import run_in
from tests.lab.paths import ROOT
from tests.lab.spec import Host
from tests.lab.vocabulary.runs import CLUSTER, Built, run, secrets, secrets_directory, site

ALONE = ("pg1",)
SAMPLE_SECONDS = 0.05
LOUD = ("-vvv", "--debug")
KEYS = "find /etc/etcd /etc/patroni /etc/postgresql /etc/haproxy -name '*.key' -o -name '*.pem'"

# Every command line that differs from those seen before, as long as a file is there.
SIGN = "/run/watch"
WATCH = f"touch {SIGN}; while [ -e {SIGN} ]; do ps -eww -o args=; sleep {SAMPLE_SECONDS}; done | awk '!seen[$0]++'"


@dataclass(frozen=True)
class Watched(Built):
    """A cluster whose first run was watched. + arguments: all command lines that were seen meanwhile, by where"""

    arguments: dict[str, str]


@contextmanager
def watching_here() -> Iterator[set[bytes]]:
    """The command lines of all processes of this machine, those of the containers among them where it has them."""
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


@contextmanager
def watching_on(host: Host, directory: Path) -> Iterator[Path]:
    """The command lines of all processes of a host, in a file."""
    path = directory / host.container
    with path.open("wb") as file:
        watcher = subprocess.Popen(["docker", "exec", host.container, "sh", "-c", WATCH], stdout=file)
        try:
            yield path
        finally:
            run_in(host.container, f"rm {SIGN}")
            watcher.wait(timeout=10)


# The keys of the CAs, of which the control machine has one for each kind of door.
AUTHORITIES = tuple(f"{stem}.key" for stem in ("ca", *OWN_AUTHORITIES.values()))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One host with all components, built as loudly as pyinfra can."""
    directory = tmp_path_factory.mktemp("secrecy")
    with site("b-secrecy", directory, hosts=ALONE) as ready:
        host = ready.lab.host("pg1")
        with watching_here() as here, watching_on(host, directory) as there:
            first = run(ready.inventory, CLUSTER, *LOUD, as_json=False)
        arguments = {
            "here": b"\n".join(here).decode(errors="replace"),
            host.container: there.read_text(errors="replace"),
        }
        yield Watched(ready.lab, ready.inventory, first, arguments)


def confidential(built: Built) -> dict[str, str]:
    """What nobody may see, by its name: the secrets, and a line of every private key that tells it from all others."""
    host, found = built.lab.host("pg1").container, dict(secrets(built.lab))
    texts = {path: run_in(host, f"cat {path}") for path in run_in(host, KEYS).split()}
    texts |= {path.name: path.read_text() for path in secrets_directory(built.lab).glob("*.key")}
    for name, text in texts.items():
        found[name] = text.partition("PRIVATE KEY-----\n")[2].splitlines()[1]
    return found


def disguises(text: str) -> Iterator[str]:
    """A text as it is, and as it would look within something that was encoded in base64."""
    yield text
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + text.encode()).decode().rstrip("=")
        yield encoded[offset + 1 if offset else 0 : -1]


ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
LAYERS = 3  # an answer within the answer to several questions is encoded twice


def unwrapped(text: str) -> str:
    """A text, and what is encoded in it in base64, in several layers."""
    layers = [text]
    for _ in range(LAYERS):
        whole = (word[: len(word) - len(word) % 4] for word in ENCODED.findall(layers[-1]))
        layers.append("\n".join(b64decode(word).decode(errors="replace") for word in whole))
    return "\n".join(layers)


def shown(names: dict[str, str], within: str) -> list[str]:
    """The names of what can be read in a text."""
    text = unwrapped(within)
    return [name for name, secret in names.items() if any(disguise in text for disguise in disguises(secret))]


def test_the_loudest_run_prints_no_secret(watched: Watched) -> None:
    log = watched.run.log
    print(f"built in {watched.run.seconds:.1f} s, {len(log.splitlines())} lines, {len(log) // 1024} KiB printed")
    names = confidential(watched)
    assert set(AUTHORITIES) <= set(names) and len(names) > len(secrets(watched.lab)) + len(AUTHORITIES)
    assert shown(names, log) == []
    # The proof that such a thing would be found: this is read from the host in base64, and may be seen.
    certificate = run_in(watched.lab.host("pg1").container, "cat /etc/haproxy/pki/haproxy.pem").splitlines()[2]
    again = run(watched.inventory, CLUSTER, *LOUD, as_json=False).log
    assert shown({"certificate": certificate}, again) == ["certificate"]
    assert shown(names, again) == []


def test_no_argument_of_a_process_holds_a_secret(watched: Watched) -> None:
    names = confidential(watched)
    for where, arguments in watched.arguments.items():
        print(f"{where}: {len(arguments.splitlines())} different command lines seen")
        assert shown(names, arguments) == []
    # The proof that what lives only for a moment was seen, too.
    assert "haproxy -c -f" in watched.arguments[watched.lab.host("pg1").container]


def test_no_file_that_others_may_read_holds_a_secret(watched: Watched) -> None:
    host, values = watched.lab.host("pg1").container, "\n".join(confidential(watched).values())
    find = "find / -xdev -type f -not -path '/proc/*' -not -path '/sys/*' -print0"
    grep = "xargs -0 grep -laF -f /dev/fd/3 2> /dev/null || true"
    for user in ("nobody", "deploy"):
        assert run_in(host, f"exec 3<&0; {find} 2> /dev/null < /dev/null | {grep}", stdin=values, user=user) == ""
    private = run_in(host, f"exec 3<&0; {find} < /dev/null | {grep}", stdin=values)
    assert "/etc/patroni/config.yml" in private.splitlines()  # the search finds what is there


def test_what_the_control_machine_keeps_belongs_to_its_user_alone(watched: Watched) -> None:
    directory = secrets_directory(watched.lab)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (directory, *directory.iterdir())}
    public = {modes.pop(name.replace(".key", ".crt")) for name in AUTHORITIES}
    assert modes == {watched.lab.name: "0o700", "secrets.json": "0o600", **dict.fromkeys(AUTHORITIES, "0o600")}
    assert oct((ROOT / ".secrets").stat().st_mode & 0o777) == "0o700" and public == {"0o644"}
    assert not (ROOT / "pyinfra-debug.log").exists()


@pytest.mark.parametrize("words", [("debug-inventory",), (CLUSTER, "--dry", "--diff", *LOUD)], ids=lambda it: it[0])
def test_neither_the_inventory_nor_a_plan_shows_a_secret(watched: Watched, words: tuple[str, ...]) -> None:
    said = run(watched.inventory, *words, as_json=False).log
    assert watched.lab.host("pg1").container in said
    assert shown(confidential(watched), said) == []


def test_each_encoding_is_recognised() -> None:
    secret = "MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk1"
    for offset in range(9):
        text = b64encode(b"-" * offset + secret.encode() + b"\n-----END").decode()
        assert shown({"it": secret}, text) == ["it"]
    assert shown({"it": secret}, b64encode(secret[:-3].encode()).decode()) == []
