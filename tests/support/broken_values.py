"""Rows that are wrong in a file that is not: values, keys, letters, rows that belong to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from support.broken_files import ROWS, STUDENTS, BrokenFile, Found, changed, claiming, file_of, text_of

FIRST, SECOND, THIRD = STUDENTS


def cases() -> Iterator[BrokenFile]:
    yield from _values()
    yield from _characters()
    yield from _keys()
    yield from _whose()


def _values() -> Iterator[BrokenFile]:
    for name, row, element, value, rule in (
        ("0000-00-00", 4, "birth_date", "0000-00-00", "malformed"),
        ("00000000", 4, "birth_date", "00000000", "malformed"),
        ("30 February", 4, "birth_date", "20120230", "malformed"),
        ("29 February of a common year", 4, "birth_date", "20130229", "malformed"),
        ("an Excel serial day", 4, "birth_date", "40982", "malformed"),
        ("an American date", 4, "birth_date", "03/14/2012", "malformed"),
        ("a date as a decimal", 4, "birth_date", "20120314.0", "malformed"),
        ("a date with its time", 4, "birth_date", "2012-03-14T00:00:00", "malformed"),
        ("a date in exponents", 4, "birth_date", "2.0120314E7", "malformed"),
        ("a date before 1900", 4, "birth_date", "18991231", "malformed"),
        ("a date in arabic digits", 4, "birth_date", "٢٠١٢٠٣١٤", "malformed"),
        ("one hyphen", 4, "birth_date", "2012-0314", "malformed"),
        ("13 months", 7, "administration_date", "20241316", "malformed"),
        ("a birth in the future", 4, "birth_date", "20250903", "V3"),
        ("a move in the future", 5, "qualifying_arrival_date", "20251001", "V3"),
        ("no first name", 4, "first_name", "", "missing"),
        ("a blank first name", 4, "first_name", "  ", "missing"),
        ("no surname", 15, "last_name_1", "", "missing"),
        ("no birth date", 15, "birth_date", "", "missing"),
        ("a name of 51 letters", 4, "first_name", "x" * 51, "too-long"),
        ("no vaccine code", 7, "administration_date", "", "missing"),
        ("an unknown vaccine", 7, "cvx_code", "9999", "code"),
        ("an enrollment without its date", 6, "enrollment_date", "", "missing"),
        ("an unknown enrollment type", 6, "enrollment_type", "99", "code"),
        ("a course without its title", 12, "course_title", "", "missing"),
        ("no record id", 4, "demographics_record_id", "", "missing"),
        ("record id 0", 4, "demographics_record_id", "0", "range"),
        ("record id 1000", 4, "demographics_record_id", "1000", "too-long"),
        ("a record id in letters", 4, "demographics_record_id", "abc", "malformed"),
        ("a record id below zero", 4, "demographics_record_id", "-1", "malformed"),
        ("a record id as a decimal", 4, "demographics_record_id", "1.0", "malformed"),
    ):
        yield _found(f"value: {name}", changed(row, element, value), Found(row, ROWS[row - 2][0], rule, element))
    for name, row, element, value, rule in (
        ("an unknown sex", 4, "sex", "F", "code"),
        ("a yes in Spanish", 9, "multiple_birth_flag", "Sí", "code"),
        ("an unknown kind of document", 4, "birth_date_verification", "1", "code"),
        ("a middle name of 51 letters", 4, "middle_name", "x" * 51, "too-long"),
        ("half a mail address", 4, "parent_1_email_address", "ines@", "malformed"),
        ("a telephone number with words", 4, "parent_1_phone_number", "ask the school", "malformed"),
        ("a wrong optional date", 6, "residency_verification_date", "20250431", "malformed"),
    ):
        yield _found(
            f"value left out: {name}",
            changed(row, element, value),
            Found(row, ROWS[row - 2][0], rule, element, "warned"),
        )


def _characters() -> Iterator[BrokenFile]:
    for name, value in (
        ("a tab", "Wil\tber"),
        ("a bell", "Wil\x07ber"),
        ("a delete", "Wil\x7fber"),
        ("a line separator", "Wil\u2028ber"),
        ("a mark that turns the reading direction", "Wil\u202eber"),
        ("a control of latin-1", "Wil\x85ber"),
        ("no character at all", "Wil\uffffber"),
    ):
        yield _found(
            f"character: {name}",
            changed(9, "first_name", value),
            Found(9, "D", "control-character", "first_name"),
        )
    broken = text_of(delimiter=",").replace(",Efrain,", ',"Wil\nber",')
    yield BrokenFile(
        "character: a line break in quotes",
        file_of(broken),
        found=(Found(9, "D", "control-character", "first_name"),),
        as_sent=False,
    )
    for name, value in (
        ("a mark of no width about a name", "\u200bEfrain\ufeff"),
        ("a no-break space about a name", "\u00a0Efrain\u00a0"),
    ):
        yield BrokenFile(f"character: {name}", file_of(text_of(changed(9, "first_name", value))))
    for name, value in (
        ("another script", "Уилбер"),
        ("an emoji", "Efrain 🙂"),
        ("the replacement character", "Wilb\ufffdr"),
        ("a double quote in a file with bars", 'Efrain "Wil"'),
        ("SQL", "Robert'); drop table students;--"),
        ("a formula", "=cmd|' /C calc'!A0".replace("|", "")),
        ("a web page's mark", "<script>alert(1)</script>"),
    ):
        yield BrokenFile(f"character: {name}", file_of(text_of(changed(9, "first_name", value))), as_sent=False)


def _keys() -> Iterator[BrokenFile]:
    behind = {2: (3, 4, 5, 6, 7), 8: (9, 10, 11, 12, 13), 14: (15, 16)}
    left = {2: (SECOND, THIRD), 8: (FIRST, THIRD), 14: (FIRST, SECOND)}
    for name, row, element, value, rule in (
        ("no state student identifier", 2, "state_student_identifier", "", "missing"),
        ("a state student identifier of 16 letters", 2, "state_student_identifier", "X" * 16, "too-long"),
        ("no action", 8, "action_code", "", "missing"),
        ("an unknown action", 8, "action_code", "X", "code"),
        ("no reporting state", 14, "reporting_state_code", "", "missing"),
        ("an unknown state", 14, "reporting_state_code", "ZZ", "code"),
        ("another state's row", 14, "reporting_state_code", "CA", "V22"),
    ):
        yield BrokenFile(
            f"S row: {name}",
            file_of(text_of(changed(row, element, value))),
            found=(Found(row, "S", rule, element), *(_child(number, "student-refused") for number in behind[row])),
            applied=left[row],
        )
    twice = [row.replace("OR7740013", "OR7740012") for row in ROWS]
    yield BrokenFile(
        "one student twice",
        file_of(text_of(twice)),
        found=(
            Found(8, "S", "duplicate-student", "state_student_identifier"),
            *(_child(number, "student-refused") for number in behind[8]),
        ),
        applied=(FIRST, THIRD),
    )
    shared = [row.replace("|0000002|", "|0000001|") for row in ROWS]
    yield BrokenFile(
        "two students with one student record id",
        file_of(text_of(shared)),
        found=tuple(
            Found(number, ROWS[number - 2][0], "duplicate-student-record-id", _of_s(number, "student_record_id"))
            for number in range(2, 14)
        ),
        applied=(THIRD,),
    )
    for name, value, rule in (
        ("0040001", "0040001", "range"),
        ("0", "0", "range"),
        ("in letters", "one", "malformed"),
        ("that is blank", "", "missing"),
    ):
        rows = changed(14, "student_record_id", value)
        yield BrokenFile(
            f"S row: a student record id {name}",
            file_of(text_of(rows)),
            found=(
                Found(14, "S", rule, "student_record_id"),
                Found(15, "D", "orphan"),
                Found(16, "Q", "orphan"),
            ),
            applied=(FIRST, SECOND),
        )
        if value:
            yield BrokenFile(
                f"S row and its child rows: a student record id {name}",
                file_of(text_of([row.replace("|0000003|", f"|{value}|") for row in ROWS])),
                found=(
                    Found(14, "S", rule, "student_record_id"),
                    Found(15, "D", "student-refused"),
                    Found(16, "Q", "student-refused"),
                ),
                applied=(FIRST, SECOND),
            )


def _whose() -> Iterator[BrokenFile]:
    rows = list(ROWS)
    for name, row, before, after in (
        ("that nobody has", 11, "|0000002|", "|0000009|"),
        ("in letters", 11, "|0000002|", "|two|"),
        ("that is blank", 11, "|0000002|", "||"),
    ):
        other = list(rows)
        other[row - 2] = other[row - 2].replace(before, after)
        yield _found(f"child row: a student record id {name}", other, Found(row, "E", "orphan"))
    first = [rows[2], *rows[:2], *rows[3:]]
    yield _found("child row: before its S row", first, Found(2, "D", "orphan"))
    for name, row, rule in (
        ("of an unknown letter", "X|0000001|001", "unknown-letter"),
        ("of a small letter", "e|0000001|002|20250421|01", "unknown-letter"),
        ("of two letters", "EE|0000001|002|20250421|01", "unknown-letter"),
        ("of words", "End of file", "unknown-letter"),
        ("of delimiters alone", "|||", "unknown-letter"),
    ):
        more = [*rows, row]
        yield _found(f"a row {name}", more, Found(17, "?", rule), header=claiming(more))
    wide = list(rows)
    wide[5] = wide[5] + "|" * 9 + "more"
    yield _found("a row with more fields than its table", wide, Found(7, "I", "too-many-fields"))
    split = [row.replace("|Efrain|", "|Wil|ber|") for row in rows]
    yield BrokenFile(
        "a delimiter inside a value",
        file_of(text_of(split)),
        found=(
            Found(9, "D", "malformed", "birth_date"),
            Found(9, "D", "code", "multiple_birth_flag", "warned"),
            Found(9, "D", "code", "birth_date_verification", "warned"),
            Found(9, "D", "malformed", "parent_1_email_address", "warned"),
        ),
        as_sent=False,
    )
    nobody = [rows[2], rows[3]]
    yield BrokenFile(
        "child rows without any S row",
        file_of(text_of(nobody, header=claiming(nobody))),
        found=(Found(2, "D", "orphan"), Found(3, "Q", "orphan")),
        applied=(),
        as_sent=False,
    )
    yield BrokenFile(
        "a row of nothing but its record id",
        file_of(text_of([*rows[:6], "E|0000001|004", *rows[6:]], header=claiming([*rows, "E"]))),
        as_sent=False,
    )


def _found(name: str, rows: Sequence[str], found: Found, *, header: str | None = None) -> BrokenFile:
    content = text_of(rows) if header is None else text_of(rows, header=header)
    return BrokenFile(name, file_of(content), found=(found,), as_sent=False)


def _child(number: int, rule: str) -> Found:
    return Found(number, ROWS[number - 2][0], rule)


def _of_s(number: int, element: str) -> str | None:
    return element if ROWS[number - 2].startswith("S") else None
