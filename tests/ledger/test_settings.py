"""Settings come from the environment, once; what is wrong is named, and a secret never is."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from ledger.errors import Misconfigured
from ledger.settings import Settings, decode_secret, decode_secrets

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "READ_URL", "DATA", "MASTER_KEY", "MASTER_KEY_FILE", "ACTOR", "LOG_LEVEL", "FAULT"):
        monkeypatch.delenv(f"SOJOURN_{name}", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DATA", "/somewhere")
    monkeypatch.setenv("SOJOURN_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    settings = Settings.load()
    assert (settings.data, settings.log_level) == (Path("/somewhere"), "debug")
    assert settings.xdg_data_home == "/elsewhere"


def test_what_is_given_wins_and_nothing_is_changed_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DATABASE_URL", "postgresql://db/x")
    settings = Settings.load(database_url=None)
    assert settings.database_url is None
    with pytest.raises(ValidationError):
        settings.database_url = "postgresql://db/y"


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DATABASE_URL", "")
    monkeypatch.setenv("SOJOURN_DATA", "")
    settings = Settings.load()
    assert (settings.database_url, settings.data) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("GROUP_EVENTS_MAX", "0"),
        ("AUDIT_RANDOM", "-1"),
        ("RATE_REQUESTS", "-1"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, anybody"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SOJOURN_{name}", value)
    with pytest.raises(Misconfigured, match=f"SOJOURN_{name}: .*not '{value}'") as refused:
        Settings.load()
    assert refused.value.remedy == f"Set SOJOURN_{name} right, or unset it."


def test_proxies_are_addresses_and_networks_and_nobody_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().trusted_proxies == ""
    monkeypatch.setenv("SOJOURN_TRUSTED_PROXIES", " 192.0.2.1, 10.0.0.0/8,2001:db8::/32, ")
    assert Settings.load().trusted_proxies == "192.0.2.1,10.0.0.0/8,2001:db8::/32"


def test_the_sample_of_a_month_is_set_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load()
    assert (settings.audit_random, settings.audit_near, settings.audit_apart) == (200, 200, 200)
    monkeypatch.setenv("SOJOURN_AUDIT_NEAR", "0")
    assert Settings.load().audit_near == 0


def test_keys_are_read_in_both_forms_the_first_one_wraps(tmp_path: Path) -> None:
    old = bytes(32)
    text = f"{base64.b64encode(KEY).decode()}, {old.hex()}"
    assert Settings.load(master_key=text).master_secrets() == [KEY, old]
    (tmp_path / "key").write_text(f"{KEY.hex()}\n{old.hex()}\n")
    assert Settings.load(master_key_file=tmp_path / "key").master_secrets() == [KEY, old]
    assert Settings.load().master_secrets() == []


def test_a_wrong_secret_is_refused_without_being_told(tmp_path: Path) -> None:
    for text in ("short", "zz" * 32, base64.b64encode(KEY[:31]).decode(), "geheim!"):
        with pytest.raises(Misconfigured) as refused:
            decode_secret(text, "SOJOURN_MASTER_KEY")
        assert text not in str(refused.value)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "none", tmp_path / "binary", tmp_path):
        with pytest.raises(Misconfigured, match=r"SOJOURN_MASTER_KEY_FILE: .* cannot be read"):
            Settings.load(master_key_file=file).master_secrets()


def test_no_secret_is_no_secret() -> None:
    assert decode_secrets(" \n,", "x") == []


def test_the_urls_come_from_files_too_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://sojourn:s3cret@db.example.org/sojourn\n")
    for name in ("DATABASE_URL", "READ_URL"):
        monkeypatch.setenv(f"SOJOURN_{name}_FILE", str(file))
    found = Settings.load()
    assert found.database_url == found.read_url == "postgresql://sojourn:s3cret@db.example.org/sojourn"
    assert Settings.load(database_url=None).database_url is None, "what is given wins: the embedded server"
    monkeypatch.setenv("SOJOURN_DATABASE_URL", "postgresql://db/x")
    assert Settings.load().database_url == "postgresql://db/x"
    file.unlink()
    with pytest.raises(Misconfigured, match="SOJOURN_READ_URL_FILE"):
        Settings.load()


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o604, True), (0o644, True)])
def test_a_secret_that_everybody_may_read_is_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    file = tmp_path / "key"
    file.write_text(KEY.hex())
    file.chmod(mode)
    with capture_logs() as lines:
        assert Settings.load(master_key_file=file).master_secrets() == [KEY]
    assert [line["setting"] for line in lines] == (["SOJOURN_MASTER_KEY_FILE"] if warned else [])
    assert KEY.hex() not in str(lines)
