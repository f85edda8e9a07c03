"""Schemathesis against a running portal, at a small size; ``make fuzz`` looks further."""

from tests.api.fuzz import fuzz


def test_made_up_requests_find_nothing(capfd):
    findings = fuzz(3, "--seed", "1")
    assert findings == 0, capfd.readouterr().out
