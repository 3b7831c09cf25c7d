"""``sojourn serve --tls-certificate``: what uvicorn is told to serve https by itself, TLS 1.2 at least."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import Misconfigured

if TYPE_CHECKING:
    from uvicorn import Config


def tls(certificate: Path | None, key: Path | None) -> dict[str, Any]:
    """Options of uvicorn; none where no certificate is given. Files are read again by each worker that starts.

    Raises Misconfigured where they cannot be read or do not fit together.
    """
    if certificate is None:
        if key is not None:
            raise Misconfigured("--tls-key is given without --tls-certificate.", remedy="Give both, or neither.")
        return {}
    try:
        # A key with a password would be asked for on the terminal: an empty one says that there is none.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as e:  # also what ssl raises
        raise Misconfigured(
            f"{certificate}{f' and {key}' if key else ''} cannot be used to serve https ({_why(e)}).",
            remedy="Give a certificate with its chain and its private key, as PEM, without a password.",
        ) from None
    return {"ssl_certfile": certificate, "ssl_keyfile": key, "ssl_context_factory": _context}


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "no PEM, or a key of another certificate"
    return error.strerror or "unreadable"


def _context(_: Config, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = make()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: what came before it is not to be used
    return context
