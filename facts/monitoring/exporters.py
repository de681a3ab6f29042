"""Whether what serves metrics on a host answers at its address, asked on the host itself."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from facts.answer import Answer

# It lets nobody in but the scraper; that it shows its certificate is what a host can see of it, and enough.
_ASK = """
for one in {places}; do
  shown=$(timeout 3 openssl s_client -connect "${{one#*=}}" </dev/null 2>/dev/null | grep -c 'BEGIN CERTIFICATE')
  echo "${{one%%=*}}|$shown"
done
"""


class ExporterAnswers(Answer[dict[str, bool]]):
    """
    By the name of an exporter whether it answers: ``{"node_exporter": True}``.

    + places: by that name, where it listens, ``10.0.0.1:9100``
    """

    def command(self, places: Mapping[str, str]) -> str:
        """One handshake with each."""
        return _ASK.format(places=" ".join(quote(f"{name}={place}") for name, place in places.items()))

    def parsed(self, output: list[str]) -> dict[str, bool]:
        """One line for each."""
        return {name: shown != "0" for name, _, shown in (line.partition("|") for line in output if "|" in line)}
