"""What TLS 1.2 may encrypt with: nothing in CBC mode, nothing without forward secrecy. TLS 1.3 has no such thing."""

from __future__ import annotations

# As OpenSSL's programs take it. https://docs.openssl.org/3.0/man1/openssl-ciphers/
OPENSSL = "ECDHE+AESGCM:ECDHE+CHACHA20"

# As Go's do; HTTP/2 wants the ones with AES 128. https://etcd.io/docs/v3.5/op-guide/security/
GO = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)
