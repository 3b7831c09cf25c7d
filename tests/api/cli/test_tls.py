"""https by uvicorn itself: a certificate that fits is served, TLS 1.2 at least, and one that does not is told."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.cli import serve
from api.cli.tls import tls
from api.edge import Edge
from ledger.errors import Misconfigured
from support.serving import served


def certificate(folder: Path, name: str = "own") -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sojourn.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return chain, secret


async def _scheme(request: Request) -> Response:
    return PlainTextResponse(request.url.scheme)


def test_a_certificate_is_served_and_nothing_before_tls_1_2(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    how = {**serve._server("", 0), **tls(chain, key)}
    for ours in ("host", "port", "log_config", "timeout_graceful_shutdown"):
        del how[ours]
    trusting = ssl.create_default_context(cafile=chain)
    with served(Starlette(routes=[Route("/", _scheme)], middleware=[Middleware(Edge)]), **how) as base:
        address = base.replace("http:", "https:")
        answer = httpx2.get(address, verify=trusting)
        assert answer.text == "https"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(base)
    assert how["ssl_context_factory"](None, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).minimum_version == (
        ssl.TLSVersion.TLSv1_2
    )


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    chain.write_bytes(chain.read_bytes() + key.read_bytes())
    assert tls(chain, None)["ssl_certfile"] == chain


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls(None, None) == {}


def test_what_does_not_fit_is_told_before_anything_starts(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    other, _ = certificate(tmp_path, "other")
    crooked = tmp_path / "crooked.pem"
    crooked.write_text("-----BEGIN NOTHING-----\n")
    for given in ((other, key), (chain, None), (crooked, key), (chain, crooked), (tmp_path / "none.pem", key)):
        with pytest.raises(Misconfigured, match="cannot be used to serve https"):
            tls(*given)
    with pytest.raises(Misconfigured, match="without --tls-certificate"):
        tls(None, key)
