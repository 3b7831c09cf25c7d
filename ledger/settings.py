"""Settings: one frozen object, read once from the environment. Nothing else reads the environment."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import structlog
from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.errors import Misconfigured

log = structlog.get_logger()


class Settings(BaseSettings):
    """What an operator may set. Every name is prefixed ``SOJOURN_``; ``_FILE`` names a file that holds the value.

    A variable that is empty counts as absent, as compose files leave them.
    """

    model_config = SettingsConfigDict(
        env_prefix="SOJOURN_",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    database_url: str | None = Field(None, description="Any PostgreSQL 15 or newer. Absent: the embedded server.")
    database_url_file: Path | None = Field(None, description="File that holds the database's URL.")
    read_url_file: Path | None = Field(None, description="File that holds the replica's URL.")
    read_url: str | None = Field(None, description="A replica for reads. Absent: reads go to the primary.")
    data: Path | None = Field(None, description="Folder of the embedded server and its keys.")
    xdg_data_home: str = Field(
        "", validation_alias="XDG_DATA_HOME", description="Where the user's data folders are, by the XDG specification."
    )
    pg_bin: Path | None = Field(None, description="Folder of PostgreSQL's programs for the embedded server.")
    master_key: str | None = Field(
        None, description="32 bytes, base64 or hexadecimal, that wrap every key. Several, by comma: the first wraps."
    )
    master_key_file: Path | None = Field(None, description="File that holds the master key.")
    signing_key: str | None = Field(
        None, repr=False, description="Go note key that signs checkpoints. Several, by comma: the first signs."
    )
    signing_key_file: Path | None = Field(None, description="File that holds the signing key.")
    signed: Path | None = Field(
        None,
        description="Folder of the last checkpoints that this host signed. Absent: that of the signing key's file.",
    )
    checkpoint_seconds: float = Field(5.0, ge=0.1, description="Seconds between two checkpoints of a log, at least.")
    witnesses: str = Field("", description="Keys, by comma, of those who may cosign checkpoints.")
    actor: str | None = Field(None, description="Who acts on the command line. Absent: the user of the system.")
    oidc_issuer: str | None = Field(None, description="Address of the OpenID provider.")
    oidc_audience: str | None = Field(None, description="Audience that tokens of the provider must name.")
    oidc_client_id: str | None = Field(
        None, description="Name under which the provider knows the sign-in in a browser."
    )
    oidc_client_secret: str | None = Field(
        None, repr=False, description="Secret of that client. Absent: it is a public client."
    )
    oidc_client_secret_file: Path | None = Field(None, description="File that holds the client's secret.")
    public_url: str | None = Field(None, description="Address under which browsers reach this service.")
    organisation: str = Field("Sojourn", description="Name under which disclosures of this service are recorded.")
    support: str = Field("", description="Whom people ask for help: an address or a number, on every page.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    log_format: Literal["json", "text", "auto"] = Field("auto", description="auto: text on a terminal, json elsewhere.")
    rate_requests: int = Field(
        500, ge=0, description="Requests that one caller may send each second, for long. 0: no limit of any kind."
    )
    rate_burst: int = Field(5_000, ge=1, description="Requests that one caller may send at once.")
    rate_tries: int = Field(
        60, ge=0, description="Requests a minute from one address where a secret may be tried. 0: no limit."
    )
    trusted_proxies: str = Field(
        "", description="Addresses or networks, by comma, of proxies that say truly whom they speak for."
    )
    group_events_max: int = Field(20_000, ge=1, description="Most events in one commit of the sequencer.")
    audit_random: int = Field(
        200, ge=0, description="Links of a month that are checked blind, drawn by chance. 0: none."
    )
    audit_near: int = Field(
        200, ge=0, description="Links of a month that are checked blind, those nearest the threshold. 0: none."
    )
    audit_apart: int = Field(
        200, ge=0, description="Pairs kept apart that are mixed among them, no more than links. 0: none."
    )
    backup_days: int | None = Field(
        None,
        ge=0,
        description="Days for which backups are kept. Absent: certificates of disposal say that nobody said.",
    )
    fault: str | None = Field(None, description="Tests only: NAME[:N], a named point at which the process dies.")

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _private_on_the_way(cls, value: str | None) -> str | None:
        if value is not None and (wrong := wrong_with_address(value)):
            raise PydanticCustomError("address", "{wrong}", {"wrong": wrong})
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        for part in parts:
            try:
                ip_network(part)
            except ValueError:
                raise PydanticCustomError(
                    "no_network", "Give addresses or networks such as 10.0.0.0/8, by comma"
                ) from None
        return ",".join(parts)

    @classmethod
    def load(cls, **given: object) -> Settings:
        """Read the environment; what is given wins. Raises Misconfigured naming the key, never a secret."""
        try:
            settings = cls(**given)  # pyright: ignore[reportArgumentType] - pydantic checks them
        except ValidationError as e:
            first = e.errors(include_url=False, include_context=False)[0]
            key = "SOJOURN_" + "_".join(str(part) for part in first["loc"]).upper()
            value = "" if any(word in key for word in _UNTOLD) else f", not {first['input']!r}"
            raise Misconfigured(
                f"{key}: {first['msg'].removesuffix('.')}{value}.", remedy=f"Set {key} right, or unset it."
            ) from None
        urls = {
            name: read_secret(file, f"SOJOURN_{name.upper()}_FILE")
            for name in ("database_url", "read_url")
            if name not in given and getattr(settings, name) is None
            if (file := getattr(settings, f"{name}_file")) is not None
        }
        return settings.model_copy(update=urls) if urls else settings

    def master_secrets(self) -> list[bytes]:
        """The master keys given, the wrapping one first; empty when none is set. Raises Misconfigured."""
        text = self.master_key
        name = "SOJOURN_MASTER_KEY"
        if text is None and self.master_key_file is not None:
            name = "SOJOURN_MASTER_KEY_FILE"
            text = read_secret(self.master_key_file, name)
        return decode_secrets(text or "", name)

    def signing_texts(self) -> list[str]:
        """The signing keys given, the one in use first; empty when none is set. Raises Misconfigured."""
        text = self.signing_key
        if text is None and self.signing_key_file is not None:
            text = read_secret(self.signing_key_file, "SOJOURN_SIGNING_KEY_FILE")
        return (text or "").replace(",", " ").split()

    def client_secret(self) -> str | None:
        """The secret that the OpenID provider knows this service by, if there is one. Raises Misconfigured."""
        if self.oidc_client_secret is None and self.oidc_client_secret_file is not None:
            return read_secret(self.oidc_client_secret_file, "SOJOURN_OIDC_CLIENT_SECRET_FILE") or None
        return self.oidc_client_secret


_UNTOLD = ("KEY", "URL", "SECRET", "ISSUER")
"""In the name of a setting: its value may be a secret or hold one, as an address may."""

_SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""The Prometheus library's own name: it reads it where it counts."""


def shared_counts() -> Path | None:
    """Folder into which this process and its siblings count together, if there is one: see ``ledger.shared_counts``."""
    folder = os.environ.get(_SHARED_COUNTS)
    return Path(folder) if folder else None


def set_shared_counts(folder: Path | None) -> None:
    """Tell this process, and every one that it starts from now on, the folder; None: that there is none."""
    if folder is None:
        os.environ.pop(_SHARED_COUNTS, None)
    else:
        os.environ[_SHARED_COUNTS] = str(folder)


def read_secret(path: Path, name: str) -> str:
    """The text of a secret's file; one that others may read is warned of. Raises Misconfigured."""
    try:
        if path.stat().st_mode & stat.S_IROTH:
            log.warning("others may read a secret", setting=name, remedy="Take it from them: chmod o-r.")
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "it is not text"
        raise Misconfigured(f"{name}: {path} cannot be read ({why}).", remedy="Give a readable file.") from None


def wrong_with_address(address: str) -> str | None:
    """What is wrong with the address of a service that secrets are sent to, as a sentence without its end; or None.

    It must be https, so that nobody on the way reads or answers, except where there is no way: on a loopback host.
    """
    if not address.isascii() or any(c <= " " or c in "\\\x7f" for c in address):
        return "It must be an address in plain ASCII, without spaces"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "It must be an address such as https://login.example.org"
    if parts.scheme not in {"https", "http"} or not host:
        return "It must begin with https:// and name a host"
    if parts.username is not None or parts.password is not None:
        return "It must hold no user name or password"
    if "?" in address or "#" in address:
        return "It must hold no ? and no #"
    if parts.scheme == "http" and not _is_loopback(host):
        return "It must be https, since this host is not the machine itself"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761, 6.3


def environment(**values: str | Path) -> dict[str, str]:
    """An environment for another process: ours, with these settings and no others. values: fields of ``Settings``."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("SOJOURN_")}
    return kept | {f"SOJOURN_{name.upper()}": str(value) for name, value in values.items()}


def decode_secrets(text: str, name: str) -> list[bytes]:
    """Secrets by comma or one a line. Raises Misconfigured."""
    return [decode_secret(part, name) for part in text.replace(",", " ").split()]


def decode_secret(text: str, name: str) -> bytes:
    """32 bytes from base64 or hexadecimal. Raises Misconfigured."""
    text = text.strip()
    try:
        secret = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != 32:
        raise Misconfigured(
            f"{name} is not 32 bytes in base64 or hexadecimal.", remedy="Make one: `openssl rand -base64 32`."
        )
    return secret
