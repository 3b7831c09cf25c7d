"""A state's regions, the districts that lie in them, and whom to ask at each level."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.errors import BadValue, UnknownState
from ledger.events import Event, Sealed
from ledger.events.jurisdiction import ContactSet, DistrictPlaced, ProfileSet, RegionDefined
from ledger.jurisdiction import (
    Command,
    Jurisdiction,
    contacts_of,
    decide,
    default_jurisdiction,
    evolve,
    fold,
    levels_of,
)
from ledger.mde import FIPS, STATES
from ledger.offices import CONTACT_ROLES, REGIONS_MAX, Contact, DefineRegion, PlaceDistrict, Region, SetContact

WOODBURN, SALEM, TRIBAL, CALIFORNIAN = "4113770", "4110820", "5900123", "0622710"
WILLAMETTE = RegionDefined(region="R2", name="Willamette Valley")
ENDED = replace(WILLAMETTE, ended=True)
PLACED = DistrictPlaced(district=WOODBURN, region="R2")
ANA = Contact(role="data_administrator", name="Ana Ruiz", email="ana.ruiz@esd.example.org", phone="+15035550101")
BEN = Contact(role="records_contact", name="Ben Óleary", email="ben@woodburn.example.org")


def known(level: str, place: str | None, contact: Contact | None) -> ContactSet:
    """The event that says so, opened."""
    if contact is None:
        return ContactSet(level=level, place=place)
    return ContactSet(
        level=level, place=place, role=contact.role, name=contact.name, email=contact.email, phone=contact.phone
    )


def given(*events: Event) -> Jurisdiction:
    return fold(events, default_jurisdiction("OR"))


def region(code: str = "R2", name: str = "Willamette Valley", *, ended: bool = False) -> DefineRegion:
    return DefineRegion(state="OR", region=code, name=name, ended=ended)


def put(district: str = WOODBURN, into: str | None = "R2") -> PlaceDistrict:
    return PlaceDistrict(state="OR", district=district, region=into)


def ask(contact: Contact | None = ANA, level: str = "state", place: str | None = None) -> SetContact:
    return SetContact(state="OR", level=level, place=place, contact=contact)


# -- regions and districts


def test_a_region_is_defined_renamed_ended_and_taken_up_again() -> None:
    history: list[Event] = []
    for command, event in (
        (region(), WILLAMETTE),
        (region(name="  Willamette \t East "), RegionDefined(region="R2", name="Willamette East")),
        (region(ended=True), ENDED),
        (region(), WILLAMETTE),
    ):
        before = given(*history)
        assert decide(command, before) == [event]
        history.append(event)
        assert decide(command, given(*history)) == [], "said again, it says nothing new"
    after = given(*history)
    assert after.offices.regions == {"R2": Region(name="Willamette Valley")}
    assert (after.version, after.offices.regions_version, after.offices.districts_version) == (4, 4, 0)


def test_a_district_is_put_into_a_region_into_another_and_out_of_any() -> None:
    other = RegionDefined(region="R3", name="Gorge")
    state = given(WILLAMETTE, other)
    assert decide(put(into=None), state) == [], "it lies in none"
    for into in ("R2", "R3", None):
        assert decide(put(into=into), state) == [DistrictPlaced(district=WOODBURN, region=into)]
        state = fold([DistrictPlaced(district=WOODBURN, region=into)], state)
        assert decide(put(into=into), state) == []
        assert state.offices.districts == ({WOODBURN: into} if into else {})
    assert state.offices.districts_version == 5


def test_what_is_set_leaves_the_rest_alone() -> None:
    state = given(ProfileSet(time_zone="America/Boise"), WILLAMETTE, PLACED, known("state", None, ANA))
    later = evolve(state, ProfileSet(time_zone="America/Denver"))
    assert later.offices == state.offices
    assert (state.profile.time_zone, state.profile_version) == ("America/Boise", 1)
    assert given(WILLAMETTE) == given(WILLAMETTE), "evolve leaves its argument alone"
    assert default_jurisdiction("OR").offices.regions == {}


@pytest.mark.parametrize(
    ("history", "command", "rule", "element"),
    [
        ([], region(code=""), "regions", "region"),
        ([], region(code="R 2"), "regions", "region"),
        ([], region(code="-R2"), "regions", "region"),
        ([], region(code="R2\n"), "regions", "region"),
        ([], region(code="Ré"), "regions", "region"),
        ([], region(code="x" * 21), "regions", "region"),
        ([], region(name=" "), "regions", "name"),
        ([], region(name="x" * 101), "regions", "name"),
        ([], region(name="Will\0amette"), "regions", "name"),
        ([], region(name="Valley \u202eettemalliW"), "regions", "name"),
        ([], region(ended=True), "regions", "region"),
        ([WILLAMETTE, PLACED], region(ended=True), "regions", "ended"),
        ([WILLAMETTE, known("region", "R2", ANA)], region(ended=True), "regions", "ended"),
        (
            [RegionDefined(region=f"R{n}", name="Region") for n in range(REGIONS_MAX)],
            region(code="one-more"),
            "regions",
            "region",
        ),
        ([], put(), "districts", "region"),
        ([WILLAMETTE, ENDED], put(), "districts", "region"),
        ([WILLAMETTE], put(CALIFORNIAN), "districts", "district"),
        ([WILLAMETTE], put(CALIFORNIAN, None), "districts", "district"),
        ([WILLAMETTE], put("Woodburn"), "districts", "district"),
        ([WILLAMETTE], put("411377"), "districts", "district"),
        ([WILLAMETTE], put("٤١١٣٧٧٠"), "districts", "district"),
    ],
)
def test_a_region_map_that_nobody_could_follow_is_refused(
    history: list[Event], command: Command, rule: str, element: str
) -> None:
    with pytest.raises(BadValue) as refusal:
        decide(command, given(*history))
    assert (refusal.value.rule, refusal.value.element) == (rule, element)
    assert refusal.value.remedy


def test_a_region_that_holds_districts_names_those_that_are_in_the_way() -> None:
    placed = [DistrictPlaced(district=f"41{n:05d}", region="R2") for n in range(8)]
    with pytest.raises(BadValue) as refusal:
        decide(region(ended=True), given(WILLAMETTE, *placed))
    assert "4100000, 4100001, 4100002, 4100003, 4100004 and 3 more" in refusal.value.remedy
    emptied = [DistrictPlaced(district=event.district) for event in placed]
    assert decide(region(ended=True), given(WILLAMETTE, *placed, *emptied)) == [ENDED]


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_places_its_own_districts_and_those_of_tribal_schools(state: str) -> None:
    mapped = fold([WILLAMETTE], default_jurisdiction(state))
    for digits, own in ((FIPS[state], True), ("59", True), ("58", False)):
        command = PlaceDistrict(state=state, district=f"{digits}13770", region="R2")
        if own:
            assert len(decide(command, mapped)) == 1
            continue
        with pytest.raises(BadValue):
            decide(command, mapped)


def test_what_is_no_state_has_no_offices() -> None:
    with pytest.raises(UnknownState):
        decide(DefineRegion(state="ZZ", region="R2", name="R"), default_jurisdiction("ZZ"))


# -- contacts


@pytest.mark.parametrize(("level", "place"), [("state", None), ("region", "R2"), ("district", WOODBURN)])
def test_a_contact_is_set_replaced_and_taken_back(level: str, place: str | None) -> None:
    state = given(WILLAMETTE)
    assert decide(ask(None, level, place), state) == [], "nobody was named"
    for contact in (ANA, BEN, None):
        assert decide(ask(contact, level, place), state) == [known(level, place, contact)]
        state = fold([known(level, place, contact)], state)
        assert decide(ask(contact, level, place), state) == []
        assert state.offices.contacts == ({(level, place): contact} if contact else {})
    assert state.offices.contacts_version == 4


def test_a_contact_is_kept_in_one_form() -> None:
    loose = Contact(
        role=ANA.role, name="  Ana \t Ruiz", email=" ana.ruiz@ESD.example.org", phone="(503) 555-0101 ext. 7"
    )
    [event] = decide(ask(loose), given())
    assert event == known("state", None, replace(ANA, phone="+15035550101 x7"))


@pytest.mark.parametrize(
    ("command", "element", "place"),
    [
        (ask(level="school", place="411377000001"), "level", None),
        (ask(place="OR"), "place", None),
        (ask(level="region"), "level", None),
        (ask(level="district"), "level", None),
        (ask(level="region", place="R9"), "place", None),
        (ask(level="region", place="R3"), "place", None),
        (ask(level="district", place=CALIFORNIAN), "place", None),
        (ask(None, level="district", place="Woodburn"), "place", None),
        (ask(replace(ANA, role="clerk")), "role", "/contact/role"),
        (ask(replace(ANA, name="\n")), "name", "/contact/name"),
        (ask(replace(ANA, name="x" * 101)), "name", "/contact/name"),
        (ask(replace(ANA, email="ana.ruiz")), "email", "/contact/email"),
        (ask(replace(ANA, email="")), "email", "/contact/email"),
        (ask(replace(ANA, phone="")), "phone", "/contact/phone"),
        (ask(replace(ANA, phone="555-0199")), "phone", "/contact/phone"),
    ],
)
def test_a_contact_whom_nobody_could_reach_is_refused(command: SetContact, element: str, place: str | None) -> None:
    ended = RegionDefined(region="R3", name="Gorge", ended=True)
    with pytest.raises(BadValue) as refusal:
        decide(command, given(WILLAMETTE, ended))
    assert (refusal.value.rule, refusal.value.element, refusal.value.place) == ("contacts", element, place)
    assert refusal.value.remedy
    contact = command.contact
    for sent in filter(str.strip, (contact.name, contact.email, contact.phone or "") if contact else ()):
        assert sent not in str(refusal.value), "what was sent is not said again"


def test_a_contact_whose_key_is_gone_is_nobody_and_another_one_can_be_named() -> None:
    erased = replace(known("state", None, ANA), name=None, email=None, phone=None)
    state = given(known("state", None, BEN), erased)
    assert state.offices.contacts == {}, "not the one before either"
    assert decide(ask(None), state) == []
    assert decide(ask(ANA), state) == [known("state", None, ANA)]


def test_an_event_that_nobody_opened_is_not_folded() -> None:
    sealed = replace(known("state", None, ANA), name=Sealed("00" * 16, b""))
    with pytest.raises(AssertionError):
        evolve(given(), sealed)


def test_every_role_of_a_contact_may_be_set() -> None:
    for role in CONTACT_ROLES:
        assert decide(ask(replace(ANA, role=role)), given()) == [known("state", None, replace(ANA, role=role))]


# -- levels

BOTH = [WILLAMETTE, PLACED, known("district", WOODBURN, BEN)]


@pytest.mark.parametrize(
    ("history", "district", "levels"),
    [
        ([], WOODBURN, (None, None, "state")),
        ([], None, (None, None, "state")),
        (BOTH, None, (None, None, "state")),
        (BOTH, WOODBURN, (WOODBURN, "R2", "state")),
        (BOTH, SALEM, (None, None, "state")),
        (BOTH, CALIFORNIAN, (None, None, "state")),
        ([WILLAMETTE, PLACED], WOODBURN, (None, "R2", "state")),
        ([known("district", WOODBURN, BEN)], WOODBURN, (WOODBURN, None, "state")),
        ([*BOTH, known("district", WOODBURN, None)], WOODBURN, (None, "R2", "state")),
        ([*BOTH, DistrictPlaced(district=WOODBURN)], WOODBURN, (WOODBURN, None, "state")),
    ],
)
def test_a_level_is_there_as_far_as_the_state_set_it_up(
    history: list[Event], district: str | None, levels: tuple[str | None, str | None, str]
) -> None:
    assert levels_of(given(*history), district) == levels


def test_who_is_asked_comes_from_the_nearest_level_on() -> None:
    contacts = [known("state", None, ANA), known("region", "R2", replace(ANA, name="Cleo")), *BOTH]
    asked = contacts_of(given(*BOTH, *contacts[:2]), WOODBURN)
    assert [place for place, _ in asked] == [("district", WOODBURN), ("region", "R2"), ("state", None)]
    assert [contact.name for _, contact in asked] == ["Ben Óleary", "Cleo", "Ana Ruiz"]
    assert contacts_of(given(*BOTH), WOODBURN) == [(("district", WOODBURN), BEN)]
    assert contacts_of(given(*BOTH), SALEM) == []


# -- the invariant

_COMMANDS = st.one_of(
    st.builds(region, st.sampled_from(["R1", "R2"]), ended=st.booleans()),
    st.builds(put, st.sampled_from([WOODBURN, SALEM]), st.sampled_from(["R1", "R2", None])),
    st.builds(ask, st.sampled_from([ANA, BEN, None]), st.just("region"), st.sampled_from(["R1", "R2"])),
)


@for_all(st.lists(_COMMANDS, max_size=12))
def test_whatever_is_asked_a_region_that_ended_holds_nothing(commands: list[Command]) -> None:
    state, history = given(), []
    for command in commands:
        try:
            events = decide(command, state)
        except BadValue:
            continue
        history += events
        state = fold(events, state)
        assert decide(command, state) == [], "what holds is not said again"
    standing = {code for code, one in state.offices.regions.items() if not one.ended}
    assert set(state.offices.districts.values()) <= standing
    assert {place for level, place in state.offices.contacts if level == "region"} <= standing
    assert given(*history) == state
