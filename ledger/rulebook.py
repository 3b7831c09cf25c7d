"""Every rule that a row, a value or a file can break: its code, its level and its words, in English and Spanish.

One list, used by the intake, by single facts over HTTP, by the response file and by the console. A stored finding
holds code, letter and element; the words are looked up here when somebody reads them, in the reader's language.
Words never hold a value: it may be a child's. ``{element}``, ``{form}`` and ``{limit}`` are filled in by the caller.
"""

from __future__ import annotations

from ledger.rule import Rule
from ledger.rule import make_rule as _rule
from ledger.rulebook_files import FILES
from ledger.rulebook_rows import ROWS, VALUES


def words(code: str, language: str = "en", **fields: str) -> tuple[str, str]:
    """Message and remedy of a rule in ``en`` or ``es``, with the named fields filled in. KeyError: no such rule."""
    rule = RULES[code]
    message, remedy = (rule.message_es, rule.remedy_es) if language == "es" else (rule.message, rule.remedy)
    return message.format_map(fields), remedy.format_map(fields)


_LAYOUT = (
    _rule(
        "mojibake",
        "warned",
        "{element} had accents that were read in a wrong encoding, such as Ã© for é. It was mended.",
        "Have your system read UTF-8 as UTF-8, or correct the value there. What was sent is kept beside it.",
        "{element} tenía acentos leídos en una codificación equivocada, como Ã© por é. Se reparó.",
        "Haga que su sistema lea UTF-8 como UTF-8, o corrija el valor en él. Lo enviado se guarda al lado.",
        does="mends the value, with a warning",
    ),
    _rule(
        "unknown-letter",
        "refused",
        "The row begins with no letter of the layout.",
        "Begin each row with one of S, K, D, Q, E, C, A, I.",
        "La fila no empieza con una letra del diseño.",
        "Empiece cada fila con una de S, K, D, Q, E, C, A, I.",
        does="refuses the row",
    ),
    _rule(
        "too-many-fields",
        "refused",
        "The row has more fields than its table has elements.",
        "Look for a delimiter inside a value: everything behind it stands one column too far.",
        "La fila tiene más campos que elementos su tabla.",
        "Busque un separador dentro de un valor: todo lo que sigue está una columna más allá.",
        does="refuses the row",
    ),
    _rule(
        "orphan",
        "refused",
        "No S row above this row has its Student Record ID.",
        "Send the S row of the student first; child rows may stand anywhere after it.",
        "Ninguna fila S anterior tiene el Student Record ID de esta fila.",
        "Envíe primero la fila S del estudiante; sus filas pueden estar en cualquier lugar después.",
        does="refuses the row",
    ),
    _rule(
        "student-refused",
        "refused",
        "The S row of this student was refused.",
        "Mend the S row and send the student again.",
        "Se rechazó la fila S de este estudiante.",
        "Corrija la fila S y envíe de nuevo al estudiante.",
        does="refuses the row",
    ),
    _rule(
        "duplicate-student-record-id",
        "refused",
        "Several S rows of the file have this Student Record ID.",
        "Number the students of a file apart: their child rows cannot be told to whom they belong.",
        "Varias filas S del archivo tienen este Student Record ID.",
        "Dé a cada estudiante su número: no se sabe a quién pertenecen las demás filas.",
        does="refuses each of these S rows, and all rows of the number",
    ),
    _rule(
        "duplicate-student",
        "refused",
        "An S row above has the same State Student Identifier.",
        "Send a student once in a file, with all rows under one S row.",
        "Una fila S anterior tiene el mismo State Student Identifier.",
        "Envíe a cada estudiante una vez por archivo, con todas sus filas bajo una fila S.",
        does="refuses the S row, and with it all rows of the student",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for group in (VALUES, ROWS, _LAYOUT, FILES) for rule in group}
"""Code to rule: all there are."""
