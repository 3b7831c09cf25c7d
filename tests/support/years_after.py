"""One story of years, told once: what was sent and read on a leap day, and what was destroyed of it years later.

Oregon's Solo is a student by herself; Oregon's Ana is one student with California's Anna; Oregon's Move goes on
sending; Washington's Keep is nobody's business. Solo and Ana go.
"""

from __future__ import annotations

import csv
import io
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from ledger.store.embedded import EmbeddedServer
from support.access_watch import NEVER_ISSUED
from support.kept_apart import keep_apart
from support.long_ago import Desk, LongAgo, at
from support.outsider import Child, row
from support.servers import reachable_tmp
from support.sought import everywhere, tables_with

LEAP_DAY: Final = datetime(2020, 2, 29, 20, tzinfo=UTC)
"""Noon in Oregon."""
DUE_ON: Final = "2025-03-02"
"""Five years after 29 February 2020 is 1 March 2025, the last day of keeping (34 CFR 99; retention.md, Years)."""
AUTHORITY: Final = "OAR 166-400-0060"

SOLO: Final = {
    "ssid": "SOLO-8841-77",
    "first": "Citlalicue",
    "last": "Tzompantzin",
    "last_2": "Ixtlilxóchitl",
    "mother": "Xochiquetzal",
    "mother_last": "Malinalxoch",
    "email": "citla@tzompan.example.org",
    "phone": "5035550173",
    "born": "19960229",
    "from_city": "Huejotzinco",
    "school": "Escuela Tonatiuhco",
    "address": "13 Calle Mictlancalli",
    "comment": "Teoyaomicqui",
    "title": "Nahuatlahtolli II",
    "test": "Tlamatinime Exam",
    "score": "Chicomecoa-7",
    "alternate": "TZO-5599-KK",
}
ANA: Final = SOLO | {
    "ssid": "ANA-5512-90",
    "first": "Ayauhcihuatl",
    "last": "Cuauhtlehuanitzin",
    "last_2": "Ñuxochitl",
    "mother": "Papaloxochitl",
    "mother_last": "Tecuichpoch",
    "email": "ayauh@cuauh.example.org",
    "phone": "5035550184",
    "from_city": "Xaltocantepec",
    "school": "Escuela Quiahuiztlan",
    "address": "52 Calle Atlacuihuayan",
    "comment": "Tzitzimitl",
    "title": "Amoxtlacuilolli I",
    "test": "Cuicacalli Exam",
    "score": "Macuilxoch-5",
    "alternate": "CUA-7733-KK",
}
ANNA: Final = ANA | {
    "ssid": "ANNA-3301",
    "first": "Annaxochitl",
    "last": "Californitzin",
    "last_2": "",
    "mother": "",
    "mother_last": "",
    "email": "",
    "phone": "",
    "from_city": "Yumatlan",
    "school": "Escuela Fresnotlan",
    "address": "",
    "comment": "",
    "title": "Geometria",
    "test": "Fresno Exam",
    "score": "211",
    "alternate": "FRE-1",
}
MOVE: Final = ANNA | {
    "ssid": "MOVE-4400",
    "first": "Ollin",
    "last": "Nenemini",
    "alternate": "MOV-1",
    "title": "Historia",
}
KEEP: Final = ANNA | {
    "ssid": "KEEP-2200",
    "first": "Pialia",
    "last": "Mocahuani",
    "alternate": "KEE-1",
    "title": "Poesia",
    "born": "20130509",
}
REFUSED: Final = "Tlalocan"
"""A value of Solo's that no rule lets in: it is kept, sealed, as long as the answers of its file."""
SAID: Final = {
    "proposal": "Huitzilopoch asked it.",
    "no": "Coatlicuetzin said no.",
    "merge": "Tepeyollotzin knows both.",
    "hold": "Mictecacihuatl sues.",
    "release": "Xolotlahtolli settled.",
}

WORDS: Final = (
    *(value for who in (SOLO, ANA) for key, value in who.items() if key != "born"),
    *(text.split()[0] for text in SAID.values()),
    "citla2@tzompan.example.org",
    REFUSED,
)
"""What must be found nowhere: of Solo and Ana of Oregon, and what people wrote about them."""

THEN: Final = {
    "office OR": ("state_data_administrator", "--state", "OR"),
    "office CA": ("state_data_administrator", "--state", "CA"),
    "office WA": ("state_data_administrator", "--state", "WA"),
    "primary OR": ("primary_user", "--state", "OR"),
    "auditor": ("auditor",),
}
NOW: Final = {
    "ana": ("privacy_officer",),
    "ben": ("privacy_officer",),
    "auditor now": ("auditor",),
    "office of OR": ("state_data_administrator", "--state", "OR"),
    "office of CA": ("state_data_administrator", "--state", "CA"),
    "office of WA": ("state_data_administrator", "--state", "WA"),
    "recruiter": ("recruiter", "--state", "OR"),
    "secondary": ("secondary_user", "--state", "OR"),
    "help desk": ("help_desk",),
    "operator": ("operator",),
}
PATHS: Final = ("", "/history", "/records", "/disclosures", "/diff")


@dataclass
class Story:
    """seen: name to what was answered. ids: student id by Oregon's (California's, ...) own id; records: uuid by it."""

    folder: Path
    desk: Desk
    seen: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    disposal: str = ""

    @property
    def data(self) -> Path:
        return self.folder / "d"

    @property
    def house(self) -> LongAgo:
        assert isinstance(self.desk.house, LongAgo)
        return self.desk.house

    def head(self, by: str = "auditor now") -> int:
        return self.desk.does(by, "GET", "/v1/events?after=0&limit=1")["head"]

    def events(self, by: str = "auditor now", after: int = 0) -> list[Any]:
        found: list[Any] = []
        path: str | None = f"/v1/events?after={after}&limit=500"
        while path:
            page = self.desk.does(by, "GET", path)
            found += page["events"]
            path = page["next"]
        return found

    def leaves(self, by: str = "auditor now") -> list[bytes]:
        """Every leaf of the ledger's log that was signed, from the tiles."""
        size = int(self.desk.ask(by, "GET", "/v1/ledger/checkpoint").text.split("\n")[1])
        found: list[bytes] = []
        for tile in range(-(-size // 256)):
            width = min(256, size - 256 * tile)
            path = f"tile/0/{tile:03}" + (f".p/{width}" if width < 256 else "")
            data = self.desk.ask(by, "GET", f"/v1/ledger/{path}").content
            assert len(data) == 32 * width, path
            found += [data[n : n + 32] for n in range(0, len(data), 32)]
        return found

    def digests(self) -> dict[str, tuple[str, int]]:
        return {one["name"]: (one["digest"], one["position"]) for one in self.house.json("project", "status")}

    def shown(self, by: str, student: str, path: str = "", **params: Any) -> Any:
        asked = {**params, "at_least": self.head(by)}

        def answered() -> httpx2.Response | None:
            """None where the read model has not come so far: the remedy is to ask again in a moment."""
            told = self.desk.get(by, f"/v1/students/{student}{path}", **asked)
            return None if told.status_code == 503 else told

        answer = self.until(answered, "a read model does not follow")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        ends = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < ends, what
            time.sleep(0.3)
        return found


def kid(of: dict[str, str], action: str = "I") -> Child:
    """All that a state may send of a child, in the words of this one."""
    rows = [
        row("K", id=of["alternate"], type="02"),
        row(
            *("D",),
            **{
                name: of[name]
                for name in ("first", "last", "last_2", "mother", "mother_last", "email", "phone", "born")
            },
        ),
        row("Q", on="20160418", from_city=of["from_city"], from_state="CA", expires="20190417"),
        row(
            "E", on="20160420", type="01", school=of["school"], address=of["address"], grade="12", comment=of["comment"]
        ),
        row("C", title=of["title"], begins="2015", ends="2016", section="01", term="0827", credits="0.50", grade="B"),
        row("A", title=of["test"], content="Reading", type="01", month="052016", score=of["score"]),
        row("I", code="115", on="20150817", source="01"),
    ]
    return Child(of["ssid"], rows, action=action)


def file_of(state: str, day: datetime, *children: Child) -> str:
    lines = [line for n, one in enumerate(children, 1) for line in one.lines(state, n)]
    on = f"{day:%Y%m%d}020000000"
    header = "|".join(["H", state, on, str(len(children)), str(len(lines)), f"{day.year - 1}0801000000000", on])
    return "\n".join([header, *lines, ""])


def send(story: Story, by: str, state: str, day: datetime, *children: Child) -> list[dict[str, str]]:
    """A night's file over HTTP; the lines of its answer."""
    told = story.desk.does(
        by, "POST", "/v1/submissions", content=file_of(state, day, *children), headers={"Content-Type": "text/plain"}
    )
    path = f"/v1/submissions/{told['submission']}"
    story.until(lambda: story.desk.does(by, "GET", path)["status"] == "completed", path)
    answer = story.desk.ask(by, "GET", f"{path}/response", headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def long_ago(story: Story) -> None:
    """What was sent, joined, refused and read on the leap day."""
    bad = row("I", number="002", code="115", on=REFUSED, source="01")
    solo = kid(SOLO)
    lines = send(
        story, "office OR", "OR", LEAP_DAY, Child(solo.ssid, [*solo.rows, bad], action="I"), kid(ANA), kid(MOVE)
    )
    story.seen["refused rows"] = [line for line in lines if line["outcome"] == "refused"]
    lines += send(story, "office CA", "CA", LEAP_DAY, kid(ANNA)) + send(story, "office WA", "WA", LEAP_DAY, kid(KEEP))
    story.ids = {line["state_student_id"]: line["student_id"] for line in lines if line["student_id"]}
    solo_id, ana_id, anna_id, move_id = (story.ids[of["ssid"]] for of in (SOLO, ANA, ANNA, MOVE))
    for of in (SOLO, ANA, ANNA, MOVE, KEEP):
        told = story.shown("auditor", story.ids[of["ssid"]], "/records")
        story.records[of["ssid"]] = told["records"][0]["record"]
    mail = {"demographics_record_id": "001", "first_name": SOLO["first"], "last_name_1": SOLO["last"]}
    mail |= {"birth_date": "1996-02-29", "parent_1_email_address": "citla2@tzompan.example.org"}
    story.desk.does("office OR", "POST", f"/v1/records/OR/{SOLO['ssid']}/demographics", mail)
    asked = {"left": solo_id, "right": move_id, "master": solo_id, "reason": SAID["proposal"]}
    case = story.desk.does("primary OR", "POST", "/v1/merges", asked)["case"]
    no = {"answer": "no", "reason": SAID["no"]}
    assert story.desk.does("office OR", "POST", f"/v1/cases/{case}/answer", no)["outcome"] == "rejected"
    story.seen["case"] = case
    asked = {"left": ana_id, "right": anna_id, "master": ana_id, "reason": SAID["merge"]}
    case = story.desk.does("primary OR", "POST", "/v1/merges", asked)["case"]
    for by in ("office OR", "office CA"):
        told = story.desk.does(by, "POST", f"/v1/cases/{case}/answer", {"answer": "yes", "reason": SAID["merge"]})
    assert told["outcome"] == "settled", told
    for name, of in (("solo", SOLO), ("ana", ANA), ("keep", KEEP)):
        story.seen[f"{name} then"] = story.shown("auditor", story.ids[of["ssid"]])
        story.seen[f"{name} history then"] = story.shown("auditor", story.ids[of["ssid"]], "/history", limit=1000)
    found = story.desk.does("auditor", "POST", "/v1/students/search", {"name": SOLO["first"]})["students"]
    story.seen["found then"] = [one["student_id"] for one in found]
    story.seen["head then"] = story.head("auditor")
    story.seen["checkpoint then"] = _signed(story, "auditor", story.seen["head then"])
    story.seen["leaves then"] = story.leaves("auditor")
    story.house.run("export", story.folder / "then.zip", "--sealed")


def _signed(story: Story, by: str, size: int) -> str:
    """The first checkpoint that covers so many events."""

    def covers() -> str:
        note = story.desk.ask(by, "GET", "/v1/ledger/checkpoint").text
        return note if int(note.split("\n")[1]) >= size else ""

    return story.until(covers, "no checkpoint is signed")


def set_schedules(story: Story) -> list[Any]:
    said = {"state": "OR", "authority": AUTHORITY}
    made = []
    for record_class, after in (
        ("eligibility", [("eligibility-end", 3)]),
        ("education", [("last-activity", 5), ("birth", 22)]),
    ):
        body = {**said, "record_class": record_class, "after": [{"since": s, "years": y} for s, y in after]}
        made.append(story.desk.does("ana", "PUT", "/v1/retention/schedules", body))
    return made


def disposed(story: Story) -> None:
    """From the schedule to the certificate, and everything that is asked on the way."""
    desk, seen = story.desk, story.seen
    seen["before"] = {"tables": tables_with(story.data, WORDS), "files": everywhere(story.data, WORDS)}
    seen["verified before"] = story.house.run("verify").stdout
    seen["due by default"] = desk.does("ben", "GET", "/v1/retention/due")["due"]
    seen["due by default, told"] = story.house.json("retention", "due")
    course = {"course_title": "Nueva", "begin_academic_year": "2025", "end_academic_year": "2026"}
    seen["move goes on"] = desk.ask("office of OR", "POST", f"/v1/records/OR/{MOVE['ssid']}/courses", course)
    set_schedules(story)
    seen["due"] = desk.does("ben", "GET", "/v1/retention/due")["due"]
    seen["due, told"] = story.house.json("retention", "due", "--state", "OR")
    going = {"record_class": "education", "subjects": [story.records[of["ssid"]] for of in (SOLO, ANA)]}
    head = story.head()
    seen["preview"] = desk.does("ana", "POST", "/v1/retention/disposals?dry_run=true", going)
    seen["written by looking"] = story.head() - head
    seen["events before"] = story.events()
    story.disposal = desk.does("ana", "POST", "/v1/retention/disposals", going)["id"]
    path = f"/v1/retention/disposals/{story.disposal}"
    seen["alone"] = desk.no("ana", "POST", f"{path}/approval", {})
    seen["wrong number"] = desk.no("ben", "POST", f"{path}/approval", {"items": 1})
    over = {"kind": "legal", "students": [story.ids[ANNA["ssid"]]], "reason": SAID["hold"]}
    hold = desk.does("ben", "POST", "/v1/retention/holds", over)["id"]
    held = {"kind": "legal", "students": [story.ids[SOLO["ssid"]]], "reason": SAID["hold"]}
    own = seen["hold"] = desk.does("ben", "POST", "/v1/retention/holds", held)["id"]
    seen["hold told"] = desk.does("ana", "GET", f"/v1/retention/holds/{own}")
    seen["under hold"] = desk.no("ben", "POST", f"{path}/approval", {"items": 2})
    seen["held due"] = desk.does("ben", "GET", "/v1/retention/due?record_class=education")["due"]
    for one in (hold, own):
        desk.does("ben", "POST", f"/v1/retention/holds/{one}/release", {"reason": SAID["release"]})
    seen["digests before"] = story.digests()
    seen["leaves before"] = story.leaves()
    seen["keep before"] = story.shown("auditor now", story.ids[KEEP["ssid"]])
    seen["rows before"] = tables_with(story.data, [story.records[KEEP["ssid"]]], count=True)
    answers: list[Any] = []
    both = [
        threading.Thread(target=lambda by=by: answers.append(desk.ask(by, "POST", f"{path}/approval", {"items": 2})))
        for by in ("ben", "ben")
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    seen["approvals"] = answers
    head = story.head()
    seen["approved again"] = desk.ask("ben", "POST", f"{path}/approval", {"items": 2})
    seen["written again"] = story.head() - head
    seen["told"] = desk.does("ana", "GET", path)
    certified = f"{path}/certificate"
    seen["certificate"] = story.until(
        lambda: (told := desk.does("auditor now", "GET", certified))["checkpoint"] and told, "no proofs come"
    )


def afterwards(story: Story) -> None:
    """What is told of who is gone, and of who is left."""
    desk, seen, solo, ana = story.desk, story.seen, story.ids[SOLO["ssid"]], story.ids[ANA["ssid"]]
    then = {"/diff": {"from": seen["head then"]}}
    readers = ("auditor now", "secondary", "office of CA")
    for path in PATHS:
        seen[f"gone{path}"] = [desk.get(by, f"/v1/students/{solo}{path}", **then.get(path, {})) for by in readers]
    seen["gone then"] = desk.get("auditor now", f"/v1/students/{solo}", as_of=seen["head then"])
    others = ("recruiter", "help desk", "operator")
    seen["to others"] = [[desk.get(by, f"/v1/students/{student}") for by in others] for student in (solo, NEVER_ISSUED)]
    own, never = (
        [desk.ask("office of OR", method, f"/v1/records/OR/{ssid}{kind}", body)
         for method, kind, body in (("DELETE", "", None), ("POST", "/retractions", {"fact": 1}))]
        for ssid in (SOLO["ssid"], "NEVER-0001")
    )  # fmt: skip
    seen["own id"] = own, never
    for name in ("", "/history", "/records", "/disclosures"):
        seen[f"left{name}"] = story.shown("auditor now", ana, name, **({"limit": 1000} if name else {}))
    seen["left then"] = story.shown("auditor now", ana, as_of=seen["head then"])
    seen["left diff"] = story.shown("auditor now", ana, "/diff", **{"from": seen["head then"]})
    seen["left spanish"] = story.shown("auditor now", ana, "/history", limit=1000, language="es")
    seen["keep after"] = story.shown("auditor now", story.ids[KEEP["ssid"]])
    seen["keep history after"] = story.shown("auditor now", story.ids[KEEP["ssid"]], "/history", limit=1000)
    seen["rows after"] = tables_with(story.data, [story.records[KEEP["ssid"]]], count=True)
    seen["found"] = {
        json_key: [
            one["student_id"] for one in desk.does("auditor now", "POST", "/v1/students/search", body)["students"]
        ]
        for json_key, body in {
            "first": {"name": SOLO["first"]},
            "whole": {"name": f"{SOLO['first']} {SOLO['last']}", "birth_date": "1996-02-29"},
            "own": {"state": "OR", "state_student_id": SOLO["ssid"]},
            "alternate": {"state_student_id": SOLO["alternate"]},
            "school": {"school": SOLO["school"]},
        }.items()
    }
    seen["listed"] = story.house.run("students", "--csv").stdout
    seen["case after"] = desk.get("office of OR", f"/v1/cases/{seen['case']}")
    seen["hold after"] = desk.does("ana", "GET", f"/v1/retention/holds/{seen['hold']}")
    seen["by command"] = story.house.run("student", solo, code=None)
    seen["due after"] = desk.does("ben", "GET", "/v1/retention/due")["due"]
    seen["verified after"] = story.house.run("verify").stdout
    seen["leaves after"] = story.leaves()
    seen["doctor after"] = story.house.run("doctor", code=None)


def copied(one: Path, other: Path) -> None:
    """A copy of a data folder with its owners. Whoever was the last to use its server, and was killed for being slow to
    go, has left it running: so somebody else is the last. A user that is still on its way out stops it in its own time,
    and takes files away under whoever copies them: so the server is waited for."""
    with EmbeddedServer(one) as server:
        pass
    deadline = time.monotonic() + 120
    while server.pid() is not None:
        assert time.monotonic() < deadline, "somebody still uses the server"
        time.sleep(0.1)
    subprocess.run(["cp", "-a", one, other], check=True)


@contextmanager
def told() -> Iterator[Story]:
    """Everything up to the disposal and what is told after it. Beside it lies ``backup``: the data folder of before."""
    with reachable_tmp() as folder:
        with at(folder / "d", LEAP_DAY, THEN) as desk:
            keep_apart(desk.house.command)
            story = Story(folder, desk)
            long_ago(story)
        copied(folder / "d", folder / "backup")
        with at(folder / "d", None, NOW, SOJOURN_RATE_TRIES="0", SOJOURN_BACKUP_DAYS="35") as desk:
            story.desk = desk
            disposed(story)
            afterwards(story)
            yield story


def in_days(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days)}"
