"""The parts of ``sojourn witness``: where a log is asked, what a witness keeps in a folder, and one look at a log.

Invariant: what is kept is replaced only by what was accepted, and before it is cosigned: a witness never signs what he
would not hold the log to.
"""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson

from ledger.errors import Misconfigured
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.log_keys import log_of
from ledger.proofs.note import COSIGNATURE, Signer, Verifier, cosign
from ledger.proofs.receipts import checkpoint_in, origin_of, receipt
from ledger.proofs.tiles import Tile
from ledger.proofs.verify import parse_consistency
from ledger.proofs.witnessing import Accepted, Held, Source, accept, opened_by
from ledger.store.data_folder import sync

ANSWER_BYTES_MAX: Final = 2 << 20
SECONDS_MAX: Final = 30.0
DETAILS: Final = ("position", "event", "expected", "found")
"""Of a doubt."""

FILE_BYTES_MAX: Final = 64 << 20
"""Of a file that somebody keeps: level-1 hashes of half a thousand million events."""


class Unanswered(Exception):
    """The service or a file could not be read: nothing is known, neither good nor bad. Its words are for the reader."""


class Service:
    """A log over HTTP. url: of the service. token: of anybody who may sign in there, or None."""

    def __init__(self, url: str, log: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._log = log
        headers = {"Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx2.Client(
            timeout=SECONDS_MAX,
            follow_redirects=False,
            trust_env=False,
            verify=httpx2.create_ssl_context(trust_env=False),
            headers=headers,
        )

    def checkpoint(self) -> bytes:
        """The latest, as it is answered. Raises Unanswered."""
        return self._asked(f"/v1/{self._log}/checkpoint")

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Raises Unanswered, Doubt where the log says that it has no such tree, Malformed."""
        path = f"/v1/proofs/consistency?log={self._log}&from={old}&to={new}"
        try:
            return [b64decode(text, validate=True) for text in orjson.loads(self._asked(path))["hashes"]]
        except (ValueError, KeyError, TypeError):
            raise Malformed("What was answered is no proof of consistency.") from None

    def fetch(self, tiles: Sequence[Tile]) -> list[bytes]:
        """Raises Unanswered."""
        return [self._asked(f"/v1/{self._log}/{tile.path()}") for tile in tiles]

    def cosign(self, note: bytes) -> None:
        """Hand in a cosignature. Raises Unanswered."""
        self._asked(f"/v1/{self._log}/cosignatures", note)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _asked(self, path: str, body: bytes | None = None) -> bytes:
        url = self._url + path
        kind = {} if body is None else {"Content-Type": "text/plain; charset=utf-8"}
        try:
            request = self._client.build_request("GET" if body is None else "POST", url, content=body, headers=kind)
            answer = self._client.send(request, stream=True)
            try:
                data = bytearray()
                for piece in answer.iter_raw():
                    data += piece
                    if len(data) > ANSWER_BYTES_MAX:
                        raise Unanswered(f"{url} answers without end.")
            finally:
                answer.close()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Unanswered(f"{url} does not answer ({type(error).__name__}).") from None
        if answer.status_code not in (200, 204):
            raise Unanswered(f"{url} answers {answer.status_code}{_detail(bytes(data))}")
        return bytes(data)


class Folder:
    """What a witness keeps of each log: ``LOG.checkpoint`` and ``LOG.level1``, for good once written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, log: str) -> Held | None:
        """None where nothing is held. Raises Unanswered."""
        note = self._path / f"{log}.checkpoint"
        if not note.exists():
            return None
        tops = self._path / f"{log}.level1"
        return Held(read_file(note), read_file(tops) if tops.exists() else b"")

    def write(self, log: str, held: Held) -> None:
        """Crash point: hashes first. More of them than the checkpoint covers do no harm: they are cut to its size."""
        self._put(f"{log}.level1", held.tops)
        self._put(f"{log}.checkpoint", held.note)

    def write_wrong(self, log: str, size: int, note: bytes) -> Path:
        """Keep a signed checkpoint that does not go on from what is held; where. The first of a size stays. Raises
        Unanswered."""
        path = self._path / f"{log}.wrong-{size}.checkpoint"
        if not path.exists():
            self._put(path.name, note)
        return path

    def _put(self, name: str, data: bytes) -> None:
        put_file(self._path, name, data)


class Witness:
    """One look after another. source: address, or file. clock: now, UTC. See ``sojourn witness`` for the rest."""

    def __init__(
        self,
        source: str,
        clock: Callable[[], datetime],
        *,
        former: Sequence[Verifier] = (),
        keep: Path | None = None,
        receipts: Sequence[bytes] = (),
        signer: Signer | None = None,
        token: str | None = None,
        consistency: Path | None = None,
        write: Path | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._former = former
        self._folder = None if keep is None else Folder(keep)
        self._receipts = receipts
        self._signer = signer
        self._token = token
        self._consistency = consistency
        self._write = write

    def look(self, key: Verifier) -> dict[str, Any]:
        """Accept the log's next checkpoint, keep it, cosign it; what to tell. Raises Unanswered."""
        try:
            return self._look(key, log_of(key.name))
        except Doubt as doubt:
            return _wrong(key, doubt)

    def _look(self, key: Verifier, log: str) -> dict[str, Any]:
        if "://" not in self._source:
            note = checkpoint_in(read_file(Path(self._source)))
            if origin_of(note) not in {one.name for one in self._keys(key)}:
                return {"origin": key.name, "verdict": "UNKNOWN", "what": "The file holds another log's checkpoint."}
            return self._told(key, log, note, Source(self._given), None)
        service = Service(self._source, log, self._token)
        try:
            return self._told(key, log, service.checkpoint(), Source(service.consistency, service.fetch), service)
        finally:
            service.close()

    def _told(self, key: Verifier, log: str, note: bytes, source: Source, service: Service | None) -> dict[str, Any]:
        try:
            accepted, went_on = self._accepted(key, log, note, source)
        except Doubt as doubt:
            return self._kept_as_proof(key, log, note, doubt)
        if self._folder is not None:
            self._folder.write(log, accepted.held)
        # Held for good: from here on it may be cosigned.
        cosigned = None
        if self._signer is not None:
            cosigned = cosign(accepted.held.note, self._signer, int(self._clock().timestamp()))
        told = self._finished(key, log, accepted, went_on, cosigned)
        if cosigned is not None and service is not None:
            try:
                service.cosign(cosigned)
            except Unanswered as unanswered:
                # What was proven is, all the same; only nobody else is shown that it was.
                told["not_taken"] = str(unanswered)
        return told

    def _accepted(self, key: Verifier, log: str, note: bytes, source: Source) -> tuple[Accepted, list[int]]:
        """By what is held, and by each receipt of the log; the sizes that it goes on from. Raises Doubt, Unanswered."""
        keys = self._keys(key)
        held = self._folder.read(log) if self._folder is not None else None
        accepted = accept(note, key, source, held, keys[1:])
        went_on = [accepted.before] if accepted.before is not None else []
        for kept in self._receipts:
            if origin_of(kept) in {one.name for one in keys}:
                receipt_held = Held(checkpoint_in(kept))
                accept(note, key, Source(source.consistency), receipt_held, keys[1:])
                went_on.append(opened_by(receipt_held.note, keys).size)
        return accepted, sorted(went_on)

    def _keys(self, key: Verifier) -> list[Verifier]:
        """A log's, the one in use first."""
        return [key, *(one for one in self._former if log_of(one.name) == log_of(key.name))]

    def _kept_as_proof(self, key: Verifier, log: str, note: bytes, doubt: Doubt) -> dict[str, Any]:
        """What is wrong, with the checkpoint where the log's key has signed it: with what was held before, that is the
        proof, and nobody may answer it a second time."""
        told = _wrong(key, doubt)
        try:
            size = opened_by(note, self._keys(key)).size
        except Doubt:
            return told
        told["note"] = note.decode()
        if self._folder is not None:
            try:
                told["kept"] = str(self._folder.write_wrong(log, size, note))
            except Unanswered as unanswered:
                told["not_kept"] = str(unanswered)
        return told

    def _finished(
        self, key: Verifier, log: str, accepted: Accepted, went_on: list[int], cosigned: bytes | None
    ) -> dict[str, Any]:
        told: dict[str, Any] = {
            "origin": key.name,
            "verdict": "PROVEN",
            "size": accepted.checkpoint.size,
            "root": accepted.checkpoint.root.hex(),
            "went_on_from": went_on,
            "cosigned": self._signer.verifier.name if self._signer is not None else None,
            "note": (cosigned or accepted.held.note).decode(),
        }
        if self._write is not None:
            at = self._clock()
            name = f"receipt-{log}-{accepted.checkpoint.size}.txt"
            put_file(self._write, name, receipt(cosigned or accepted.held.note, accepted.by, at))
            told["receipt"] = str(self._write / name)
        return told

    def _given(self, old: int, new: int) -> list[bytes]:
        if self._consistency is None:
            raise Unanswered(
                f"A checkpoint out of a file needs a proof that it goes on from {old} events: give --consistency FILE,"
                f" as /v1/proofs/consistency?from={old}&to={new} answers it as text."
            )
        size, hashes = parse_consistency(read_file(self._consistency))
        if size != old:
            raise Unanswered(f"The proof goes on from {size} events, and {old} are held.")
        return hashes


def _wrong(key: Verifier, doubt: Doubt) -> dict[str, Any]:
    told: dict[str, Any] = {"origin": key.name, "verdict": "WRONG", "what": doubt.what}
    return told | {name: value for name in DETAILS if (value := getattr(doubt, name)) is not None}


# -- files


def kept_notes(paths: Sequence[Path]) -> list[bytes]:
    """Receipts, or checkpoints, out of files. Raises Misconfigured for what is neither."""
    found = []
    for path in paths:
        try:
            data = read_file(path)
            origin_of(data)
        except (Unanswered, Doubt) as wrong:
            raise Misconfigured(
                f"{path} is no receipt: {wrong}", remedy="Give a receipt or a checkpoint as it was kept."
            ) from None
        found.append(data)
    return found


def signer_in(path: Path) -> Signer:
    """A witness's own key. Raises Misconfigured."""
    try:
        signer = Signer.parse(secret_text(path))
    except Malformed as malformed:
        raise Misconfigured(f"{path} holds no key. {malformed.what}", remedy=_MAKE_KEY) from None
    if signer.verifier.kind != COSIGNATURE:
        raise Misconfigured(f"{path} holds a key of a log, not of a witness.", remedy=_MAKE_KEY)
    return signer


def secret_text(path: Path) -> str:
    """Raises Misconfigured."""
    try:
        return read_file(path).decode().strip()
    except (Unanswered, UnicodeDecodeError):
        raise Misconfigured(f"{path} cannot be read.", remedy="Give a readable file.") from None


def read_file(path: Path) -> bytes:
    """Raises Unanswered."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unanswered(f"{path} cannot be read ({error.strerror}).") from None
    if len(data) > FILE_BYTES_MAX:
        raise Unanswered(f"{path} is longer than anything that is kept.")
    return data


def put_file(folder: Path, name: str, data: bytes) -> None:
    """Whole or not at all, also through a power cut. Raises Unanswered."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(draft).replace(folder / name)
        sync(folder)
    except OSError as error:
        raise Unanswered(f"{folder / name} cannot be written ({error.strerror}).") from None


def _detail(body: bytes) -> str:
    """What a problem says (RFC 9457), as a sentence goes on."""
    try:
        detail = orjson.loads(body)["detail"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "."
    return f": {detail}" if isinstance(detail, str) and detail.isprintable() else "."


_MAKE_KEY: Final = "Make one: `sojourn keys signing NAME --witness`."
