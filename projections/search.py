"""Read model ``search``: finds students by what is known of them when they walk in: names, birth date, place, ids,
school, district.

The one invariant: whoever is found is there by a record that is open, and every field that was asked for fits that
record. A retracted record is found by nothing. A student is found once, by whichever of the records linked to it. And a
word of a place, school or district stands by itself as long as somebody is found by it, and no longer.

A question is walked in steps until more students are found than are shown (``search_tiers``): what it costs is bounded
by how many are shown, not by how many bear a common name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Any, Final, NamedTuple

import psycopg

from ledger.events import Recorded
from ledger.events.record import (
    AlternateIdStated,
    DemographicsStated,
    Elements,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
)
from ledger.store.arrays import byteas, int2s, texts
from projections import as_of, linked
from projections.as_of import AsOf
from projections.gone import Gone
from projections.projection import Projection, statement
from projections.record_states import RecordState, RecordStates, decode, encode
from projections.search_terms import (
    EXACT,
    KEPT,
    LAST_NAMES,
    NICKNAME,
    ORDER,
    SOUND,
    Question,
    Wanted,
    as_tsvector,
    less_said,
    question,
    terms_of,
    words_of,
)

# -- table

TABLES = (
    linked.TABLES
    + """
create table {schema}.records (
    record     text collate "C" primary key,
    student_id text collate "C" not null,
    status     text collate "C" not null,
    breadth    smallint not null,
    terms      tsvector not null,
    body       bytea not null
) with (toast_tuple_target = 8160);
comment on table {schema}.records is 'Every record, with the words that it is found by.';
comment on column {schema}.records.student_id is 'The student that the record belongs to now.';
comment on column {schema}.records.breadth is 'How many words its name has.';
comment on column {schema}.records.terms is 'Empty where the record was retracted.';
comment on column {schema}.records.body is 'What is shown of it: the fold''s own state.';
create index records_by_terms on {schema}.records using gin (terms);
create index records_of_student on {schema}.records (student_id);

create table {schema}.words (
    word text collate "C" primary key
);
comment on table {schema}.words is 'Words of places, schools, districts by which records are found, behind a letter.';

alter table {schema}.records alter column breadth set statistics 0;
alter table {schema}.records alter column terms set statistics 0;
alter table {schema}.records alter column body set statistics 0;
alter table {schema}.words alter column word set statistics 0;
"""
)

SHOWN_MAX: Final = 50
"""Students that one search shows at most."""
WORDS_REMEMBERED_MAX: Final = 100_000
"""Words that a fold knows to be written already; after so many it begins anew."""
WORDS_MANY: Final = 100
"""From so many words on the index is tidied before each of them is looked for."""
BEGIN_SO_MAX: Final = 64
"""Words that are looked for where the beginning of a word was given, the shortest."""


class Fit(NamedTuple):
    """Why a student was found. field: that was asked for. how: ``exact``; of names ``nickname``, ``sound``,
    ``other order`` (of the surnames) or ``part`` (a word of it is missing in the record); of a birth date
    ``day and month exchanged``; of a place, school or district ``part``: it begins a word of it."""

    field: str
    how: str


class Hit(NamedTuple):
    """A student that was found. records: uuids of all the student's open records, the one that fits best first.
    states: that keep them, in that order. names, birth_dates: of all, the last said first, each once. fits: of the
    record that fits best."""

    student_id: str
    records: list[str]
    states: list[str]
    names: list[str]
    birth_dates: list[str]
    fits: list[Fit]


class Hits(NamedTuple):
    """students: best first. more: there are others, that fit no better."""

    students: list[Hit]
    more: bool


# -- fold


class SearchFold:
    """Folds a batch: each record whose words may change is written once."""

    def __init__(self) -> None:
        self._states = RecordStates(KEPT)
        self._words: set[str] = set()

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, batch: Sequence[Recorded]) -> None:
        before = _words_before(cursor, schema, less_said(batch))
        records = self._states.take(cursor, schema, batch)
        words = _write(cursor, schema, records)
        self._keep_words(cursor, schema, words)
        self._let_go(cursor, schema, before - words)
        self._states.trim(records)

    def follow(self, cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded]) -> None:
        """Of records that went, what still opens; and of their words those by which somebody is found still."""
        if not gone.records:
            return
        before = _words_before(cursor, schema, gone.records)
        placed = linked.placed_now(cursor, schema, gone.minted())
        words = _write(cursor, schema, self._states.follow(cursor, schema, gone, left, placed))
        self._let_go(cursor, schema, before - words)

    def _keep_words(self, cursor: psycopg.Cursor[Any], schema: str, words: AbstractSet[str]) -> None:
        new = sorted(words - self._words)
        if not new:
            return
        cursor.execute(statement(_WRITE_WORDS, schema), (texts(new),))
        if len(self._words) > WORDS_REMEMBERED_MAX:
            self._words.clear()
        self._words.update(new)

    def _let_go(self, cursor: psycopg.Cursor[Any], schema: str, words: AbstractSet[str]) -> None:
        """Words that somebody was found by; of them those by which nobody is now."""
        if words:
            self._words -= words
            if len(words) >= WORDS_MANY:
                cursor.execute(statement(_TIDY, schema))
            cursor.execute(statement(_DELETE_WORDS, schema), (texts(sorted(words)),))


def _words_before(cursor: psycopg.Cursor[Any], schema: str, records: Collection[str]) -> set[str]:
    """Words of places, schools and districts by which these records are found, as their rows stand."""
    if not records:
        return set()
    rows = cursor.execute(statement(_BODIES, schema), (texts(sorted(records)),), prepare=False, binary=True)
    return words_of(terms_of(decode(body)) for (body,) in rows)


def _write(cursor: psycopg.Cursor[Any], schema: str, records: Sequence[RecordState]) -> set[str]:
    """The words of places, schools and districts by which they are found now."""
    if not records:
        return set()
    found = [terms_of(record) for record in records]
    cursor.execute(
        statement(_WRITE, schema),
        (
            texts([record.record for record in records]),
            texts([record.student_id for record in records]),
            texts(["retracted" if record.retracted else "open" for record in records]),
            int2s([terms.breadth for terms in found]),
            texts([as_tsvector(terms) for terms in found]),
            byteas([encode(record) for record in records]),
        ),
    )
    return words_of(found)


_BODIES = "select body from {schema}.records where record = any(%s)"
# Each look into the index reads all that was written into it and not yet put in its place.
_TIDY = "select gin_clean_pending_list('{schema}.records_by_terms')"
_DELETE_WORDS = """
delete from {schema}.words w using unnest(%s::text[]) as l (word)
where w.word = l.word collate "C"
    and not exists (select from {schema}.records r where r.terms @@ (chr(39) || l.word || chr(39))::tsquery)
"""
_WRITE_WORDS = "insert into {schema}.words select unnest(%s::text[]) on conflict do nothing"
_WRITE = """
insert into {schema}.records (record, student_id, status, breadth, terms, body)
select record, student_id, status, breadth, terms::tsvector, body
from unnest(%s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::bytea[])
    as n (record, student_id, status, breadth, terms, body)
on conflict (record) do update
set student_id = excluded.student_id, status = excluded.status, breadth = excluded.breadth, terms = excluded.terms,
    body = excluded.body
"""


# -- queries

FOUND = as_of.query(
    "search",
    "records",
    "with recursive"
    # As a constant, the levels are read once and not for every record.
    " level as materialized (select * from unnest(%(parts)s::smallint[], %(weights)s::smallint[],"
    " %(gains)s::smallint[], %(levels)s::text[]::tsquery[]) as l (part, weight, gain, query)),"
    " beginning as materialized (select mark, coalesce((select '(' || string_agg('''' || word || '''', ' | ') || ')'"
    " from (select word from search.words where word between low and high order by length(word), word"
    " limit %(begin_so)s) as begins), mark) as words"
    " from unnest(%(marks)s::text[], %(lows)s::text[], %(highs)s::text[]) as b (mark, low, high)),"
    " step as materialized (select number, replace(replace(replace(query,"
    " '''c*''', coalesce((select words from beginning where mark = '''c*'''), '')),"
    " '''d*''', coalesce((select words from beginning where mark = '''d*'''), '')),"
    " '''p*''', coalesce((select words from beginning where mark = '''p*'''), ''))::tsquery as query"
    " from unnest(%(numbers)s::integer[], %(queries)s::text[]) as s (number, query)),"
    " tier as materialized"
    " (select number, fits from unnest(%(tiers)s::text[]::tsquery[]) with ordinality as t (fits, number)),"
    # One row a step. The next one is taken as long as not enough students are known.
    " walk (number, known, students, scores, breadths) as ("
    "select 0, '{}'::text[] collate \"C\", '{}'::text[] collate \"C\", '{}'::integer[], '{}'::smallint[]"
    " union all select walk.number + 1, array(select distinct unnest(walk.known || found.students)),"
    " found.students, found.scores, found.breadths from walk cross join lateral ("
    "select array_agg(student_id) as students, array_agg(score) as scores, array_agg(breadth) as breadths from ("
    "select r.student_id, r.breadth, (select coalesce(sum(gain), 0)::integer from level where r.terms @@ level.query)"
    " as score from step join tier using (number) cross join lateral"
    # The index is asked for what follows from the tier; the record tells the rest (the offset keeps them apart).
    " (select * from search.records where terms @@ step.query offset 0) as r"
    " where number = walk.number + 1 and r.terms @@ tier.fits) as hit) as found"
    " where cardinality(walk.known) <= %(limit)s and walk.number < %(last)s),"
    # Of a student, the record that fits best; of several, the one with the shortest name.
    " best as (select distinct on (student_id) student_id, score, breadth from walk cross join lateral"
    " unnest(students, scores, breadths) as h (student_id, score, breadth) order by student_id, score desc, breadth),"
    " shown as (select * from best order by score desc, breadth, student_id limit %(limit)s + 1)"
    # All open records of those who are shown; what fits comes before what does not.
    " select row_number() over (order by s.score desc, s.breadth, s.student_id, r.terms @@ %(asked)s::tsquery desc,"
    " fit.score desc nulls last, r.breadth, r.record) as place, r.student_id, fit.parts, fit.weights, r.body"
    " from shown s join search.records r using (student_id) cross join lateral"
    " (select sum(weight) as score, array_agg(part) as parts, array_agg(weight) as weights from"
    " (select part, max(weight) as weight from level where r.terms @@ level.query group by part) as best) as fit"
    " where r.status = 'open'",
    " order by found.place",
)


async def search(conn: psycopg.AsyncConnection[Any], wanted: Wanted, limit: int = SHOWN_MAX) -> tuple[AsOf, Hits]:
    """What is reflected, and the students that fit all that is asked for, best first.

    Where more fit than are shown, others may fit as well in the same tier: they have other ids (``search_tiers``).

    conn: in autocommit. Raises EmptyField where a field has nothing to look for, or none is given; StoreUnavailable.
    """
    asked = question(wanted)
    levels = asked.levels
    queries = [(number, query) for number, tier in enumerate(asked.steps, 1) for query in tier.queries]
    reflected, rows = await as_of.ask(
        conn,
        FOUND,
        {
            "asked": asked.query,
            "tiers": [tier.fits for tier in asked.steps],
            "parts": [level.part for level in levels],
            "weights": [level.weight for level in levels],
            "gains": [level.gain for level in levels],
            "levels": [level.query for level in levels],
            "numbers": [number for number, _ in queries],
            "queries": [query for _, query in queries],
            "last": len(asked.steps),
            "marks": [beginning.mark for beginning in asked.beginnings],
            "lows": [beginning.low for beginning in asked.beginnings],
            "highs": [beginning.high for beginning in asked.beginnings],
            "begin_so": BEGIN_SO_MAX,
            "limit": limit,
        },
    )
    hits = [_hit(asked, list(of_student)) for _, of_student in groupby(rows, key=lambda row: row[1])]
    return reflected, Hits(hits[:limit], len(hits) > limit)


def _hit(asked: Question, rows: Sequence[tuple[Any, ...]]) -> Hit:
    """The hit of a student's rows, the best of them first."""
    _, student_id, parts, weights, _ = rows[0]
    records = [decode(row[4]) for row in rows]
    said = sorted(
        ((fact.said, fact.elements) for record in records for _, fact in record.of_kind("D")),
        key=lambda entry: entry[0],
        reverse=True,
    )
    return Hit(
        student_id,
        [record.record for record in records],
        list(dict.fromkeys(record.state for record in records)),
        list(dict.fromkeys(_full_name(elements) for _, elements in said)),
        list(dict.fromkeys(elements["birth_date"] for _, elements in said if "birth_date" in elements)),
        _fits(asked.fields, dict(zip(parts, weights, strict=True))),
    )


def _full_name(elements: Elements) -> str:
    return " ".join(elements[key] for key in _NAME if key in elements)


def _fits(fields: Sequence[str], weights: dict[int, int]) -> list[Fit]:
    """A field of several words fits as its worst word does."""
    found: dict[str, list[int | None]] = {}
    for part, field in enumerate(fields):
        found.setdefault(field, []).append(weights.get(part))
    in_order = found.pop(ORDER, [1]) != [None]
    fits: list[Fit] = []
    for field, each in found.items():
        how = "part" if None in each else _HOW[field].get(min(w for w in each if w is not None), "exact")
        fits.append(Fit(field, "other order" if field == LAST_NAMES and how == "exact" and not in_order else how))
    return fits


_NAME: Final = ("first_name", "middle_name", "last_name_1", "last_name_2", "suffix")
_OF_NAMES: Final = {EXACT: "exact", NICKNAME: "nickname", SOUND: "sound"}
_HOW: Final[dict[str, dict[int, str]]] = {
    "name": _OF_NAMES,
    "first_name": _OF_NAMES,
    LAST_NAMES: _OF_NAMES,
    "birth_date": {SOUND: "day and month exchanged"},
    "place": {SOUND: "part"},
    "school": {SOUND: "part"},
    "district": {SOUND: "part"},
    "student_id": {},
    "state_student_id": {},
    "alternate_state_student_id": {},
    "state": {},
}
"""Field to the weight of a way that it fits, to the name of the way; all others are exact."""

PROJECTION = Projection(
    name="search",
    version=5,
    log="ledger",
    events=frozenset(
        {
            RecordOpened,
            DemographicsStated,
            AlternateIdStated,
            MoveQualified,
            Enrolled,
            ResidencyChanged,
            FactCorrected,
            FactRetracted,
            RecordRetracted,
            RecordReinstated,
        }
    )
    | linked.ACTS,
    tables=TABLES,
    keys={"records": "record", "words": "word", **linked.KEYS},
    fold=SearchFold,
    follow=lambda *told: SearchFold().follow(*told),
)
