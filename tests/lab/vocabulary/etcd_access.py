"""Who is let in by etcd: tried on a host with each certificate that lies there, and with none."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster.pki.certificates import ETCD, HAPROXY, PATRONI, PATRONI_ETCD, PGBACKREST, POSTGRES, CertificatePlace
from cluster.pki.verdicts import Authority, LeafRequest, describe
from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab

OPEN, CLOSED = "open", "closed"
PLACES = {place.component: place for place in (ETCD, PATRONI, PATRONI_ETCD, POSTGRES, HAPROXY, PGBACKREST)}
LET_IN = {ETCD.component, PATRONI_ETCD.component}
PORTS = (2379, 2380)

# A refusal comes after the handshake of TLS 1.3, so an answer is asked for. Either port answers who is let in: the one
# for clients with its version, the one for peers with its members.
_ASK = r"""
printf 'GET /{path} HTTP/1.0\r\n\r\n' |
  timeout 5 openssl s_client -quiet -connect {address}:{port} {login} 2> /dev/null |
  grep -q '^HTTP/1.[01] 200' && echo open || echo closed
"""


def entry(lab: Lab, host: str, component: str, port: int = 2379) -> str:
    """Whether etcd of pg1 lets in who comes with a certificate of a host. + component: whose; empty for none"""
    login = "" if not component else _login(PLACES[component])
    return entered(lab, lab.host(host), login, port)


def entered(lab: Lab, host: Host, login: str, port: int) -> str:
    """The same with the words of openssl that name a certificate."""
    path = "version" if port == 2379 else "members"
    return run_in(host.container, _ASK.format(login=login, address=lab.host("pg1").address4, port=port, path=path))


def _login(place: CertificatePlace) -> str:
    return f"-cert {place.certificate} -key {place.key}"


def wrong_entries(lab: Lab, hosts: Iterable[str]) -> dict[tuple[str, str, int], str]:
    """The certificates on hosts, and none at all, that are let in and must not be, or must be and are not."""
    tried = {
        (name, component, port): entry(lab, name, component, port)
        for name in hosts
        for component in ("", *PLACES)
        if not component or run_in(lab.host(name).container, f"ls {PLACES[component].key} 2> /dev/null || true")
        for port in PORTS
    }
    tried |= {("pg1", "stranger", port): _stranger(lab, port) for port in PORTS}
    return {key: said for key, said in tried.items() if (said == OPEN) != (key[1] in LET_IN)}


def _stranger(lab: Lab, port: int) -> str:
    """Whether one is let in of a CA that nobody here knows, for clients and servers, of the name of a member."""
    host = lab.host("pg1")
    with TemporaryDirectory() as directory:
        authority = Authority.load_or_create(Path(directory) / "stranger", "stranger")
    leaf = authority.issue(LeafRequest(host.container, (host.container,), (), server=True, client=True, days=1))
    run_in(host.container, "cat > /tmp/stranger.pem", stdin=leaf.certificate_pem + leaf.key_pem)
    try:
        return entered(lab, host, "-cert /tmp/stranger.pem -key /tmp/stranger.pem", port)
    finally:
        run_in(host.container, "rm -f /tmp/stranger.pem")


def issuers(lab: Lab, members: Iterable[str]) -> set[str]:
    """Who has issued the certificates that etcd and Patroni's client of it have."""
    found = (run_in(lab.host(name).container, f"cat {p.certificate}") for name in members for p in (ETCD, PATRONI_ETCD))
    return {describe(pem + "\n").issuer_cn for pem in found}
