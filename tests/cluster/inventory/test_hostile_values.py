"""Values of any kind in any setting: never an exception; what is accepted is what was written, and can be rendered."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.findings import findings_table
from cluster.inventory.clusters import declared_clusters
from cluster.secrets.secrets import NAMES, Secrets
from cluster.settings.settings import Settings
from tests.cluster.preflight_hosts import host
from tests.golden.examples import rendered

# Numbers as careless people and other programs write them: of the wrong kind, size or sign.
NUMBERS = st.one_of(st.integers(), st.sampled_from([0, -1, 1, 2**31, 2**63, 10**30]), st.floats())
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=12), st.binary(max_size=4))
ANYTHING = st.recursive(
    PLAIN, lambda one: st.one_of(st.lists(one, max_size=3), st.dictionaries(PLAIN, one, max_size=3)), max_leaves=6
)
NEAR = {
    name: st.sampled_from([field.get_default(call_default_factory=True), None, "", [], {}, True, "yes", "1", 1.0])
    for name, field in Settings.model_fields.items()
}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_value_of_any_setting_is_judged(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(Settings.model_fields)))
    value = data.draw(st.one_of(ANYTHING, NEAR[name]))
    clusters, found = declared_clusters([host("pg1", **{"cluster_address": "10.0.0.1", name: value})], {})
    table = findings_table(found) if found else ""
    assert all(character.isprintable() or character == "\n" for character in table), repr(table)
    if not found:
        (cluster,) = clusters.values()
        accepted = cluster.settings.model_dump()[name] if name != "cluster_address" else str(cluster.nodes[0].address)
        assert accepted == value or value is None or str(accepted) == str(value), (name, value, accepted)
        assert rendered(cluster)


@given(st.text(min_size=1, max_size=12).filter(lambda name: name != "file"), ANYTHING)
def test_a_name_that_no_setting_has_is_no_exception(name: str, value: Any) -> None:
    assert declared_clusters([host("pg1", **{"cluster_address": "10.0.0.1", name: value})], {})


@given(st.one_of(st.text(max_size=30), ANYTHING.map(lambda one: json.dumps(one, default=str, skipkeys=True))))
def test_any_secrets_file_is_read_or_refused(text: str) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "demo" / "secrets.json"
        path.parent.mkdir(mode=0o700)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        path.chmod(0o600)
        try:
            loaded = Secrets.load(path.parent, {})
        except ConfigError as error:
            assert "\nHINT: " in str(error)
        else:
            assert all(str(value) for value in loaded.values())


@given(st.sampled_from(NAMES), st.text(max_size=300))
def test_any_secret_of_the_environment_is_taken_or_refused(name: str, value: str) -> None:
    with TemporaryDirectory() as directory:
        try:
            loaded = Secrets.load(Path(directory) / "demo", {name: value})
        except ConfigError as error:
            assert "\nHINT: " in str(error) and (not value.strip() or value not in str(error) or len(value) < 4)
        else:
            assert str(loaded[name]) == value or value == ""
