"""What /metrics asks of the database: files, lags and hours, as they are when it is asked."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.app import create_app
from api.scrape import due, instant
from api.services import Services
from ledger import telemetry
from ledger.application import Ledger
from ledger.errors import SubmissionRefused
from ledger.events import Meta
from ledger.events.retention import OverAll, OverState
from ledger.intake.applying import Applying
from ledger.intake.submission import submit
from ledger.jurisdiction import Profile
from ledger.store import faults
from projections.projectors import Projectors
from support.files import NEXT_NIGHT, NIGHT, student, write

Told = dict[str, dict[tuple[str, ...], float]]


def told(client: TestClient) -> Told:
    """Sample's name, to the values of its labels, to its number."""
    found: Told = {}
    order = {metric.name: metric.labels for metric in telemetry.declared()}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels[label] for label in order.get(sample.name, ()))] = (
                sample.value
            )
    return found


def caught_up(client: TestClient, ledger: Ledger) -> Told:
    """What is told once every read model is at the head."""
    deadline = time.monotonic() + 30
    while (now := told(client))["projection_position"][("submissions",)] != ledger.log.head():
        assert time.monotonic() < deadline, now
    return now


def test_a_file_taken_is_told_by_its_rows_times_and_findings(
    client: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1), student(2, "E|001|20250631|03")), "oregon")
    before = datetime.now(UTC).timestamp()
    now = caught_up(client, ledger)
    assert now["submissions_received_total"] == {("OR",): 1}
    assert now["submissions_completed_total"] == {("OR",): 1}
    rows = {("OR", "accepted"): 6, ("OR", "unchanged"): 0, ("OR", "refused"): 1}
    assert now["submission_rows_total"] == now["submission_last_rows"] == rows
    assert list(now["submission_last_findings"].values()) == [1]
    assert now["submission_last_completed_timestamp_seconds"][("OR",)] == pytest.approx(before, abs=60)
    assert 0 <= now["submission_last_duration_seconds"][("OR",)] < 60
    assert "submission_running_rows" not in now
    assert "submissions_refused_files" not in now
    assert now["projection_lag_seconds"][("submissions",)] == 0


def test_the_last_file_is_told_and_all_files_are_added_up(client: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1), student(2)), "oregon")
    submit(ledger, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT), "oregon")
    now = caught_up(client, ledger)
    assert now["submissions_completed_total"] == {("OR",): 2}
    assert now["submission_rows_total"][("OR", "accepted")] == 6
    assert now["submission_rows_total"][("OR", "unchanged")] == 3
    assert now["submission_last_rows"] == {("OR", "accepted"): 0, ("OR", "unchanged"): 3, ("OR", "refused"): 0}
    zone = timedelta(hours=7)
    date = datetime(2025, 9, 3, 2, tzinfo=UTC) + zone
    assert now["submission_last_date_timestamp_seconds"] == {("OR",): date.timestamp()}


def test_a_refused_file_is_told_until_another_comes_for_its_date(
    client: TestClient, ledger: Ledger, tmp_path: Path
) -> None:
    before = datetime.now(UTC).timestamp()
    times = []
    for claims in ("9|9", "8|8"):
        with pytest.raises(SubmissionRefused) as refusal:
            submit(ledger, write(tmp_path / "1.txt", student(1), claims=claims), "oregon")
        now = caught_up(client, ledger)
        assert now["submissions_refused_files"] == {("OR", refusal.value.rule): 1}
        times.append(now["submission_last_refused_timestamp_seconds"]["OR", refusal.value.rule])
    assert before - 1 < times[0] < times[1], "the same date by the same rule, and a refusal of its own"
    assert now["submissions_received_total"] == {("OR",): 0}
    assert "submission_last_date_timestamp_seconds" not in now
    submit(ledger, write(tmp_path / "1.txt", student(1)), "oregon")
    now = caught_up(client, ledger)
    assert "submissions_refused_files" not in now
    assert "submission_last_refused_timestamp_seconds" not in now
    assert now["submissions_received_total"] == {("OR",): 1}


def sent(oregon: TestClient, path: Path) -> None:
    assert oregon.post("/v1/submissions", content=path.read_bytes()).status_code == 202


def test_a_file_that_waits_is_told_by_its_age_until_it_is_applied(
    oregon: TestClient, services: Services, ledger: Ledger, tmp_path: Path
) -> None:
    assert services.spools is not None
    path = write(tmp_path / "1.txt", student(1))
    sent(oregon, path)
    sent(oregon, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT))
    since = datetime.now(UTC)
    services.clock = lambda: since + timedelta(seconds=90)
    assert told(oregon)["submission_oldest_waiting_seconds"] == {("OR",): pytest.approx(90, abs=15)}
    applying = Applying(ledger, services.spools)
    applying.start()
    try:
        deadline = time.monotonic() + 30
        while (now := told(oregon)).get("submission_oldest_waiting_seconds") != {("OR",): 0}:
            assert time.monotonic() < deadline, now
    finally:
        applying.stop()


@pytest.mark.parametrize(
    ("night", "late", "counted"), [(NIGHT, False, False), (NEXT_NIGHT, False, False), (NEXT_NIGHT, True, True)]
)
def test_a_file_of_a_host_that_is_gone_is_told_until_it_came_another_way_or_a_later_one_did(
    oregon: TestClient, services: Services, ledger: Ledger, tmp_path: Path, night: str, late: bool, counted: bool
) -> None:
    path = write(tmp_path / "1.txt", student(1))
    answer = oregon.post("/v1/submissions", content=path.read_bytes(), params={"late": str(late).lower()})
    assert answer.status_code == 202
    assert told(oregon)["submission_oldest_waiting_seconds"].keys() == {("OR",)}
    submit(ledger, path if night == NIGHT else write(tmp_path / "2.txt", student(1), night=night), "oregon")
    services.clock = lambda: datetime.now(UTC) + timedelta(seconds=90)
    waits = caught_up(oregon, ledger)["submission_oldest_waiting_seconds"]
    assert (waits[("OR",)] > 0) is counted


class _Ended(Exception):
    pass


def test_a_file_that_broke_off_runs_until_it_goes_on_or_a_newer_one_came(
    client: TestClient, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(name: str) -> None:
        if name == "intake.between-chunks":
            raise _Ended

    with monkeypatch.context() as breaking:
        breaking.setattr(faults, "point", end)
        with pytest.raises(_Ended):
            submit(ledger, write(tmp_path / "1.txt", student(1), student(2)), "oregon", chunk_rows=3)
    now = caught_up(client, ledger)
    assert (now["submission_running_done_rows"], now["submission_running_rows"]) == ({("OR",): 3}, {("OR",): 6})
    assert now["submissions_completed_total"] == {("OR",): 0}
    submit(ledger, write(tmp_path / "2.txt", student(1), night=NEXT_NIGHT), "oregon")
    now = caught_up(client, ledger)
    assert "submission_running_rows" not in now


def test_a_read_model_that_stands_still_is_told_by_the_age_of_what_it_has_not(
    client: TestClient, services: Services, projectors: Projectors, ledger: Ledger, tmp_path: Path
) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1)), "oregon")
    caught_up(client, ledger)
    projectors.stop()
    submit(ledger, write(tmp_path / "2.txt", student(2), night=NEXT_NIGHT), "oregon")
    written = datetime.now(UTC)
    services.clock = lambda: written + timedelta(seconds=90)
    now = told(client)
    assert now["projection_lag_events"][("students",)] > 0
    assert now["projection_lag_seconds"][("students",)] == pytest.approx(90, abs=15)
    assert now["projection_lag_seconds"][("disclosures",)] == 0


def test_where_the_database_is_away_lags_are_no_numbers_and_of_files_nothing_is_told(services: Services) -> None:
    for pool in services.pools:
        pool.conninfo = "host=/nowhere connect_timeout=1"
        pool.timeout = 0.2
    with TestClient(create_app(services)) as client:
        now = told(client)
    for name in ("projection_lag_events", "projection_lag_seconds", "projection_position"):
        assert all(math.isnan(number) for number in now[name].values()), name
        assert len(now[name]) > 4
    assert "submissions_received_total" not in now
    assert now["data_folder_disk_bytes"][()] > now["data_folder_free_bytes"][()] > 0
    assert list(now["sojourn_build_info"].values()) == [1]


@pytest.mark.parametrize(
    ("zone", "hour", "now", "awaited"),
    [
        ("America/Los_Angeles", 6, "2025-09-02T13:00:00+00:00", "2025-09-02T13:00:00+00:00"),
        ("America/Los_Angeles", 6, "2025-09-02T12:59:59+00:00", "2025-09-01T13:00:00+00:00"),
        ("America/New_York", 0, "2025-09-02T03:00:00+00:00", "2025-09-01T04:00:00+00:00"),
        ("America/New_York", 23, "2025-09-02T03:00:00+00:00", "2025-09-02T03:00:00+00:00"),
        # The clocks go back in the night before: 25 hours lie between.
        ("America/Chicago", 6, "2025-11-02T12:00:00+00:00", "2025-11-02T12:00:00+00:00"),
        ("America/Chicago", 6, "2025-11-02T11:59:00+00:00", "2025-11-01T11:00:00+00:00"),
    ],
)
def test_a_file_is_awaited_at_the_state_s_own_hour(zone: str, hour: int, now: str, awaited: str) -> None:
    profile = Profile(time_zone=zone, expected_hour=hour)
    assert due(profile, datetime.fromisoformat(now)) == datetime.fromisoformat(awaited).timestamp()


def test_a_submission_date_is_on_the_state_s_own_clock() -> None:
    profile = Profile(time_zone="Pacific/Honolulu")
    assert instant("2025-09-02T02:00:00", profile) == datetime(2025, 9, 2, 12, tzinfo=UTC).timestamp()


def test_what_waits_for_a_second_person_and_what_holds_is_counted(client: TestClient, ledger: Ledger) -> None:
    empty = told(client)
    assert empty["retention_waiting_disposals"] == empty["retention_oldest_waiting_seconds"] == {(): 0}
    assert empty["retention_disposals_total"] == {("done",): 0, ("refused",): 0, ("withdrawn",): 0}
    by = Meta(actor="ana@example.org")
    holds = [ledger.keeping.place("legal", OverAll(), "No. 7", by) for _ in range(3)]
    ledger.keeping.release(holds[0].id, "settled", by)
    ledger.keeping.place("request", OverState(state="OR"), "No. 8", by, until=ledger.keeping.today("OR"))
    deadline = time.monotonic() + 30
    while (now := told(client))["projection_position"][("retention",)] != ledger.log.head():
        assert time.monotonic() < deadline, now
    assert now["retention_standing_holds"] == {("legal",): 2, ("request",): 1}
