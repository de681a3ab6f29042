"""Keys: the one that opens the hosts, and the ones by which we know them."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.lab.paths import lab_directory, locked

PRIVATE_KEY = "id_ed25519"
KNOWN_HOSTS = "known_hosts"


def ensure_key() -> str:
    """Return the public key of the lab's user, made with its private key on first use."""
    private, public = _key_files()
    with locked():
        if not private.exists():
            _make_key(private, public)
    return public.read_text().strip()


def remember_host(port: int, key: str) -> None:
    """
    Write a host's key into ``.lab/known_hosts``, in place of what was there for its port.

    + port: its ssh port as published on the loopback
    + key: type and base64
    """
    name = f"[127.0.0.1]:{port}"
    path = lab_directory() / KNOWN_HOSTS
    with locked():
        lines = path.read_text().splitlines() if path.exists() else []
        others = [line for line in lines if line.split(" ", 1)[0] != name]
        _replace(path, "".join(f"{line}\n" for line in sorted([*others, f"{name} {key}"])))


def _key_files() -> tuple[Path, Path]:
    private = lab_directory() / PRIVATE_KEY
    return private, private.with_suffix(".pub")


def _make_key(private: Path, public: Path) -> None:
    key = Ed25519PrivateKey.generate()
    opened = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    public.write_text(f"{opened.decode()} pyinfra-patroni-lab\n")
    closed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    _replace(private, closed.decode())


def _replace(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
