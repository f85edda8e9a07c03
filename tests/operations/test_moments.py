"""Back to a moment with pgBackRest, by the commands of the operators' document."""

from __future__ import annotations

from tests.operations import moments


def test_a_database_goes_back_to_a_moment_and_only_what_came_later_is_gone(tmp_path):
    report = moments.run(2, tmp_path)
    assert report.wrong == []
    assert report.seconds.keys() == {"stanza-create", "check", "backup", "restore", "recovery"}
