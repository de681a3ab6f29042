"""The settings of the certificates."""

from __future__ import annotations

from pydantic import model_validator

from cluster.settings.base import Strict, setting


class CertificatesSettings(Strict):
    """The CA and the certificates of the hosts."""

    certificates_ca_certificate: str | None = setting(
        None, "your own CA's certificate (with its chain) on the control machine; absent: the cluster gets its own CA"
    )
    certificates_ca_key: str | None = setting(None, "your own CA's private key on the control machine")
    certificates_directory: str | None = setting(
        None, "directory on the control machine with your own certificates: <host>/<component>.crt and .key, ca.crt"
    )
    certificates_days: int = setting(
        365, "days that a host's certificate is valid; renewed in its last third", ge=7, le=825
    )

    @model_validator(mode="after")
    def _authority_is_whole(self) -> CertificatesSettings:
        if (self.certificates_ca_certificate is None) != (self.certificates_ca_key is None):
            raise ValueError("certificates_ca_certificate and certificates_ca_key are given together or not at all")
        return self
