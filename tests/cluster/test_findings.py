"""The table that a refusal prints."""

from cluster.findings import Finding, findings_table


def test_no_text_of_anybody_s_reaches_the_terminal_as_an_order() -> None:
    table = findings_table(
        [Finding("group_data/all.py", "a\x1b[2J", "'\uaaf7' and \x07 are no names\nof tags", "Leave it.")]
    )
    assert r"a\x1b[2J" in table and r"'\uaaf7' and \x07 are no names of tags" in table
    assert all(one.isprintable() or one == "\n" for one in table)
