"""``sojourn matching train``: learnt from the records of a ledger, kept only where every check holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from api.cli.matching.training import reservoir
from ledger.application import Ledger
from ledger.matching.populations.registers import registers
from ledger.matching.shipped import read, shipped
from ledger.store.database import Database
from support.command_line import CommandLine
from support.files import write
from support.kept_apart import keep_apart
from support.matched import said

NAMES = (
    "first_name",
    "middle_name",
    "last_name_1",
    "last_name_2",
    "sex",
    "male_parent_first_name",
    "male_parent_last_name",
    "female_parent_first_name",
    "female_parent_last_name",
    "birth_city",
)


def submit_town(sojourn: CommandLine, folder: Path, children: int) -> int:
    """The records of a made-up population, as their states send them, none of them matched. Answers how many."""
    keep_apart(sojourn.run)
    of_state: defaultdict[str, list[list[str]]] = defaultdict(list)
    told = registers(children, 2)
    for number, sheet in enumerate(told, start=1):
        one = sheet.traits
        elements = {name: getattr(one, name) for name in NAMES}
        elements |= {"multiple_birth_flag": one.multiple_birth}
        if one.birth_date is not None:
            elements["birth_date"] = one.birth_date.strftime("%Y%m%d")
        of_state[one.state].append(said(number, state=one.state, **elements))
    paths = [write(folder / f"{state}.txt", *rows, state=state) for state, rows in sorted(of_state.items())]
    sojourn.run("submit", *paths, code=None)
    return len(told)


def test_a_ledger_of_children_gives_a_policy_that_is_kept_with_its_checks_and_decides_nothing_yet(
    sojourn: CommandLine, database: Database, new_ledger: Callable[..., Ledger], tmp_path: Path
) -> None:
    submit_town(sojourn, tmp_path, 1500)
    ledger, out = new_ledger(database), tmp_path / "policy.json"
    head = ledger.log.head()
    told = sojourn.json("matching", "train", "--name", "autumn", "--out", str(out))
    assert (told["version"], told["sound"], told["position"]) == ("autumn", True, head + 1)
    assert all(check["low"] <= check["value"] <= check["high"] and check["holds"] for check in told["checks"])
    [known] = [one for one in ledger.policies.trained() if one.said.version == "autumn"]
    assert (known.by, known.said.upto, known.said.records) == ("operator anna", head, told["records"])
    assert [check.name for check in known.said.checks] == [check["name"] for check in told["checks"]]
    assert read(out.read_text("utf-8")) == known.policy()
    [in_effect] = ledger.policies.history()
    assert known.policy().thresholds == in_effect.thresholds
    assert [one.version for one in ledger.policies.history()] == [shipped().version]
    assert "There is a policy autumn already." in sojourn.run("matching", "train", "--name", "autumn", code=1).stderr


def test_what_is_no_population_of_children_is_refused_with_every_check_and_nothing_is_kept(
    sojourn: CommandLine, database: Database, new_ledger: Callable[..., Ledger], tmp_path: Path
) -> None:
    alone = [
        said(
            number,
            first_name=f"Ana{chr(97 + number % 26)}",
            last_name_1=f"Cruz{chr(97 + number // 26 % 26)}",
            birth_date=f"2010{number % 12 + 1:02}{number % 27 + 1:02}",
        )
        for number in range(1, 1101)
    ]
    keep_apart(sojourn.run)
    sojourn.run("submit", write(tmp_path / "or.txt", *alone), code=None)
    head = new_ledger(database).log.head()
    out = tmp_path / "policy.json"
    done = sojourn.run("matching", "train", "--out", str(out), code=1)
    assert "BAD " in done.stdout
    assert "nothing was kept" in done.stderr
    assert new_ledger(database).log.head() == head
    assert not out.exists()


def test_too_few_records_and_names_that_no_policy_can_have_are_refused(sojourn: CommandLine) -> None:
    assert "0 records are too few to train on." in sojourn.run("matching", "train", code=1).stderr
    assert "cannot have this name" in sojourn.run("matching", "train", "--name", "a/b", code=1).stderr
    assert (
        "There is a policy sojourn-x already." in sojourn.run("matching", "train", "--name", "sojourn-x", code=1).stderr
    )


def test_a_draw_holds_no_more_than_is_asked_and_is_the_same_from_its_seed() -> None:
    names = [f"{number:03d}" for number in range(200)]
    drawn, there = reservoir(iter(names), 20, 7)
    assert (len(set(drawn)), there, drawn) == (20, 200, sorted(drawn))
    assert reservoir(iter(names), 20, 7) == (drawn, there)
    assert reservoir(iter(names), 20, 8) != (drawn, there)
    assert reservoir(iter(names), 300, 7) == (names, 200)
    often = [name for seed in range(400) for name in reservoir(iter(names), 20, seed)[0]]
    assert min(map(often.count, names)) > 15, "forty each, but for chance"
