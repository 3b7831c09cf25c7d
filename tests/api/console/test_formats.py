"""Days and states as people read them, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from api.console import formats
from ledger.mde import STATES


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_state_that_may_send_has_a_name(language: str) -> None:
    names = {code: formats.state(code, language) for code in STATES}
    assert {code for code, name in names.items() if len(name) < 4} == set()
    assert len(set(names.values())) == len(names)


def test_a_state_is_called_as_its_reader_calls_it() -> None:
    assert formats.state("DC", "en") == "District of Columbia"
    assert formats.state("DC", "es") == "Distrito de Columbia"
    assert formats.state("NC", "es") == "Carolina del Norte"


def test_what_names_no_state_is_shown_as_it_came() -> None:
    assert formats.state("Jalisco", "es") == "Jalisco"
    assert formats.state(None, "es") == ""


def test_a_day_is_written_with_its_month_by_name_and_one_that_is_none_as_it_came() -> None:
    assert formats.day("2024-02-29", "en") == "Feb 29, 2024"
    assert formats.day(date(2024, 2, 29), "es") == "29 feb 2024"
    assert formats.day("2023-02-29", "es") == "2023-02-29"
    assert formats.day(None, "en") == ""
    assert formats.day("2024-02-29", "en", "long") == "February 29, 2024"
    assert formats.day("2024-02-29", "es", "long") == "29 de febrero de 2024"


def test_an_instant_says_its_zone() -> None:
    assert formats.instant("2026-01-31T23:30:00+00:00", "en") == "Jan 31, 2026, 11:30\u202fPM UTC"
    assert formats.instant("2026-02-01T03:30:00+00:00", "en", "America/Los_Angeles") == "Jan 31, 2026, 7:30\u202fPM PST"
    assert formats.ago(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=2), "es"
    ) == ("hace 2 días")


def test_a_month_is_written_by_name_and_what_is_none_as_it_came() -> None:
    assert formats.month("2025-04", "en") == "Apr 2025"
    assert formats.month("2025-04", "es") == "abr 2025"
    assert formats.month("2025-13", "es") == "2025-13"
