"""The field of a time zone: every zone a choice, the chosen one selected, nothing of what was sent in between."""

import re

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Form

from portal.core.calendar import time_zones
from portal.web.fields import ZoneField


class Shop(Form):
    timezone = ZoneField("Time zone")


def shown(zone):
    return str(Shop(MultiDict({"timezone": zone})).timezone(**{"class": "input"}))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires"])
def test_every_zone_is_a_choice_and_the_chosen_one_is_selected(zone):
    page = shown(zone)
    assert tuple(re.findall(r'value="([^"]+)"', page)) == time_zones()
    assert re.findall(r'<option[^>]* selected value="([^"]+)"', page) == [zone]
    assert page.startswith('<select class="input" id="timezone" name="timezone">')


@pytest.mark.parametrize("typed", ["", "Mars/Olympus", '"><script>alert(1)</script>', "utc"])
def test_what_is_no_zone_selects_nothing_and_stays_out_of_the_page(typed):
    assert shown(typed) == shown("")
    assert "script" not in shown(typed) and "selected" not in shown(typed)
