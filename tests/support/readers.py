"""Many who read children at once over sockets of their own, and keep of every request what came of it, down to a byte.

Each names its request by an id of its own (``X-Request-ID``), so that what was cut off after the first byte can still
be looked up in the access log.
"""

from __future__ import annotations

import re
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import orjson
from psycopg.rows import tuple_row

from ledger.events import Meta
from ledger.intake.sample import write_samples
from ledger.intake.submission import submit
from ledger.store.database import Role
from ledger.store.tokens import create
from support.linking import merge
from support.service_processes import open_store_of

READING_POINTS: Final = ("disclosure.before-entry", "disclosure.entry-durable", "edge.answer-begun")
"""Passed for every answer about a child."""
CHILDREN: Final = 300
"""Of Oregon: so many rows that the answer to its file leaves in two pieces."""
READERS: Final = 8
NIGHT: Final = date(2025, 9, 2)
_META: Final = Meta(actor="registrar")


class Asked(NamedTuple):
    """One kind of reading. header: beside those that all send."""

    method: str
    path: str
    body: bytes = b""
    header: str = ""


class Heard(NamedTuple):
    """What came of a request. received: every byte of the answer, until the line ended."""

    kind: str
    request_id: str
    received: bytes

    @property
    def status(self) -> int | None:
        """None where not even that came whole."""
        found = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", self.received)
        return None if found is None else int(found[1])

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def whole(self) -> bool:
        """Whether all of it came."""
        head, end, body = self.received.partition(b"\r\n\r\n")
        if length := re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head):
            return len(body) == int(length[1])
        return bool(end) and (b"transfer-encoding: chunked" not in head.lower() or body.endswith(b"0\r\n\r\n"))

    def header(self, name: str) -> str:
        found = re.search(rb"(?i)\r\n" + name.encode() + rb": ([^\r]+)", self.received)
        assert found is not None, f"no {name}"
        return found[1].decode()

    @property
    def shows(self) -> bool:
        """Whether anything was shown, or may have been: then there must be an entry."""
        return bool(self.received) and self.status in (200, 304, None)


class Readers:
    """Children of two states in a database, one of them known to both, and everything that may be read of them."""

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        self.settings = settings
        self.heard: list[Heard] = []
        self.asked_ids: list[str] = []
        self.entries: Counter[str] = Counter()
        self._seen = 0
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._enough_at = 0
        with open_store_of(settings) as store, store.ledger() as ledger:
            files = write_samples(folder, ["OR", "CA"], CHILDREN, 11, NIGHT)
            reports = {file.name[:2]: submit(ledger, file, "registrar") for file in files}
            with ledger.log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
                cursor.execute("select state, minted from ledger.records order by state, minted")
                minted = cursor.fetchall()
            oregon = [student for state, student in minted if state == "OR"]
            california = [student for state, student in minted if state == "CA"]
            self.child = oregon[0]
            act = merge(ledger, self.child, california[0]).id
            case = ledger.proposals.propose_merge(oregon[1], california[1], oregon[1], "One child.", _META).case
            self.head = ledger.log.head()
            with store.database.connect(Role.WRITER) as conn:
                self._token = create(conn, name="reader", role="state_data_administrator", state="OR")
        submission = next(report.submission for report in reports.values() if report.submission.startswith("OR"))
        student = f"/v1/students/{self.child}"
        as_json = "Content-Type: application/json\r\n"
        self.kinds = {
            "student": Asked("GET", student),
            "records": Asked("GET", f"{student}/records"),
            "history": Asked("GET", f"{student}/history"),
            "disclosures": Asked("GET", f"{student}/disclosures"),
            "page": Asked("GET", f"/students/{self.child}"),
            "search": Asked("POST", "/v1/students/search", orjson.dumps({"student_id": self.child}), as_json),
            "worklist": Asked("GET", "/v1/cases"),
            "case": Asked("GET", f"/v1/cases/{case}"),
            "preview": Asked("POST", f"/v1/acts/{act}/reversal?dry_run=true", b"{}", as_json),
            "response": Asked("GET", f"/v1/submissions/{submission}/response"),
        }

    def ask(self, address: str, kind: str, asked: Asked | None = None) -> Heard:
        """Ask once, and hear it out. What is left of an answer when its line breaks is heard too."""
        asked = asked or self.kinds[kind]
        request_id = str(uuid.uuid4())
        host, _, port = address.removeprefix("http://").partition(":")
        text = (
            f"{asked.method} {asked.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            f"Authorization: Bearer {self._token}\r\nX-Request-ID: {request_id}\r\n{asked.header}"
            f"Content-Length: {len(asked.body)}\r\n\r\n"
        )
        received = b""
        with self._lock:
            self.asked_ids.append(request_id)
        try:
            with socket.create_connection((host, int(port)), timeout=60) as line:
                line.sendall(text.encode() + asked.body)
                while piece := line.recv(65_536):
                    received += piece
        except ConnectionError:
            pass  # whoever should have answered is dead
        heard = Heard(kind, request_id, received)
        with self._lock:
            self.heard.append(heard)
            if len(self.heard) >= self._enough_at:
                self._enough.set()
        return heard

    def ask_every_kind(self, address: str) -> None:
        """Ask each once, of read models that are at the head, and what is current once more; all of it is shown."""
        for kind, asked in [(kind, asked) for kind, asked in self.kinds.items() if not asked.header.startswith("If-")]:
            path = f"{asked.path}{'&' if '?' in asked.path else '?'}at_least={self.head}"
            first = asked._replace(path=path) if kind not in ("preview", "history") else asked
            while (heard := self.ask(address, kind, first)).status == 503:
                assert b"/problems/" in heard.body, heard.body
            assert heard.status == 200, heard.received
            assert heard.whole
            if kind in ("student", "records", "history", "page", "case"):
                current = asked._replace(header=f"If-None-Match: {heard.header('etag')}\r\n")
                assert self.ask(address, f"{kind}, current", current).status == 304
                self.kinds[f"{kind}, current"] = current

    def crowd(self, address: str, chance: Random, *, current: bool = True) -> Crowd:
        """Readers at work until the line breaks, or they are told to stop. current: also of what they hold already."""
        kinds = sorted(kind for kind, asked in self.kinds.items() if current or not asked.header.startswith("If-"))
        return Crowd(self, address, kinds, [Random(chance.random()) for _ in range(READERS)])

    def wait_for(self, more: int) -> None:
        """Until so many more were heard."""
        with self._lock:
            self._enough_at = len(self.heard) + more
            self._enough.clear()
        assert self._enough.wait(60)

    def look(self) -> None:
        """Read what the access log has come to."""
        with open_store_of(self.settings) as store, store.ledger() as ledger:
            while page := ledger.access.read(self._seen, 500):
                self.entries.update(one.meta.request or "" for one in page)
                self._seen = page[-1].position

    def assert_nothing_was_shown_unrecorded(self) -> None:
        """Every answer of which anybody received a byte has its entries: of the response to a file, one a piece."""
        self.look()
        for heard in self.heard:
            if heard.shows:
                pieces = 2 if heard.kind == "response" and heard.whole else 1
                assert self.entries[heard.request_id] >= pieces, heard
            else:
                assert heard.status in (None, 503), heard.received

    def recorded_unheard(self) -> Sequence[str]:
        """Requests whose entry is there, and of whose answer nobody received a byte."""
        received = {heard.request_id for heard in self.heard if heard.received}
        return [asked for asked in self.asked_ids if self.entries[asked] and asked not in received]

    def cut_off(self) -> Sequence[Heard]:
        """Answers of which somebody received a part."""
        return [heard for heard in self.heard if heard.received and not heard.whole]


class Crowd:
    """Threads of readers, each asking one thing after the other."""

    def __init__(self, readers: Readers, address: str, kinds: Sequence[str], chances: Sequence[Random]) -> None:
        self._readers = readers
        self._address = address
        self._kinds = kinds
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(chance,)) for chance in chances]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each hear out what it has asked. Once the service is dead they stop by themselves."""
        self._stop.set()
        self.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def _read(self, chance: Random) -> None:
        while not self._stop.is_set():
            if not self._readers.ask(self._address, chance.choice(self._kinds)).whole:
                return
