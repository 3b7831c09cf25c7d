"""Every rule that a row, a value or a file can break: its code, its level and its words, in English and Spanish.

One list, used by the intake, by single facts over HTTP, by the response file and by the console. A stored finding
holds code, letter and element; the words are looked up here when somebody reads them, in the reader's language.
Words never hold a value: it may be a child's. ``{element}``, ``{form}`` and ``{limit}`` are filled in by the caller.
"""

from __future__ import annotations

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    code: permanent, as stored in findings; V1 to V30 are those of the requirements. level: what it does where neither
    the layout nor a state's profile says otherwise: ``file`` refuses the whole file, ``refused`` refuses the row or
    leaves the element out, ``warned`` only says so. message, remedy: English. message_es, remedy_es: Spanish.
    """

    code: str
    level: str
    message: str
    remedy: str
    message_es: str
    remedy_es: str


def words(code: str, language: str = "en", **fields: str) -> tuple[str, str]:
    """Message and remedy of a rule in ``en`` or ``es``, with the named fields filled in. KeyError: no such rule."""
    rule = RULES[code]
    message, remedy = (rule.message_es, rule.remedy_es) if language == "es" else (rule.message, rule.remedy)
    return message.format_map(fields), remedy.format_map(fields)


def _rule(code: str, level: str, message: str, remedy: str, message_es: str, remedy_es: str) -> Rule:
    return Rule(code=code, level=level, message=message, remedy=remedy, message_es=message_es, remedy_es=remedy_es)


_VALUES = (
    _rule(
        "missing",
        "refused",
        "{element} is missing.",
        "Send it: the row cannot be used without it.",
        "Falta {element}.",
        "Envíe este dato: sin él no se puede usar la fila.",
    ),
    _rule(
        "malformed",
        "refused",
        "{element} is not {form}.",
        "Send {form}.",
        "{element} no es {form}.",
        "Envíe {form}.",
    ),
    _rule(
        "code",
        "refused",
        "{element} is not a code of its list.",
        "Send {limit}.",
        "{element} no es un código de su lista.",
        "Envíe {limit}.",
    ),
    _rule(
        "range",
        "refused",
        "{element} is out of its range.",
        "Send {limit}.",
        "{element} está fuera de su rango.",
        "Envíe {limit}.",
    ),
    _rule(
        "too-long",
        "refused",
        "{element} is too long.",
        "Send at most {limit}.",
        "{element} es demasiado largo.",
        "Envíe como máximo {limit}.",
    ),
    _rule(
        "control-character",
        "refused",
        "{element} holds a control character, such as a tab, a line break or NUL.",
        "Send plain text. Look for a value that was cut or pasted with its line break.",
        "{element} contiene un carácter de control, como un tabulador, un salto de línea o NUL.",
        "Envíe texto simple. Busque un valor cortado o pegado con su salto de línea.",
    ),
    _rule(
        "future",
        "refused",
        "{element} lies in the future.",
        "Send what has happened: a date no later than the Submission Date. Planned moves are sent as move notices.",
        "{element} está en el futuro.",
        "Envíe lo que ya ocurrió, hasta la fecha de envío. Los traslados previstos van como avisos de traslado.",
    ),
    _rule(
        "unknown-element",
        "warned",
        "The table of this row has no such element.",
        "It was left out. Compare its name with the layout.",
        "La fila contiene un elemento que su tabla no tiene.",
        "Se omitió. Compare su nombre con el diseño del archivo.",
    ),
    _rule(
        "student-id",
        "refused",
        "This is not a student id.",
        "A student id is 12 digits, the last of them a check digit. Compare it with where it was read.",
        "No es un identificador de estudiante.",
        "Tiene 12 dígitos y el último es de control. Compárelo con el lugar de donde se leyó.",
    ),
)

_ROWS = (
    _rule(
        "V1",
        "refused",
        "Eligibility Expiration Date does not fit the Qualifying Arrival Date.",
        "It lies between the arrival date and 36 months later, less one day; leave it blank to have it computed.",
        "La fecha de fin de elegibilidad no concuerda con la fecha de llegada que da derecho.",
        "Va desde la llegada hasta 36 meses después, menos un día; déjela en blanco para que se calcule.",
    ),
    _rule(
        "V2",
        "warned",
        "Eligibility Expiration Date lies past the day before the 22nd birthday, or past graduation.",
        "The earlier date is used. Correct the date in your system.",
        "La fecha de fin de elegibilidad pasa del día anterior a los 22 años, o de la graduación.",
        "Se usa la fecha anterior. Corrija la fecha en su sistema.",
    ),
    _rule(
        "V8",
        "refused",
        "The move names neither a state nor a country of origin.",
        "Send Qualifying Move From State for a move inside the United States, From Country for any other.",
        "El traslado no indica ni estado ni país de origen.",
        "Envíe el estado de origen si fue dentro de los Estados Unidos, o el país si no lo fue.",
    ),
    _rule(
        "V9",
        "refused",
        "The record would hold no qualifying move.",
        "Send at least one valid Q row with the student. See whether a Q row of the student was refused.",
        "El expediente quedaría sin ningún traslado que dé derecho.",
        "Envíe con el estudiante al menos una fila Q válida. Vea si se rechazó una fila Q suya.",
    ),
    _rule(
        "V10",
        "refused",
        "{element} is out of order with the other dates of the enrollment.",
        "Withdrawal comes on or after enrollment, residency usually on or before it, verification after residency.",
        "{element} no guarda el orden con las demás fechas de la inscripción.",
        "La baja va desde la inscripción; la residencia suele ser anterior, y su verificación posterior a ella.",
    ),
    _rule(
        "V11",
        "warned",
        "A residency-only enrollment has no Residency Date.",
        "Send the date on which the child entered the district.",
        "Una inscripción solo de residencia no tiene fecha de residencia.",
        "Envíe la fecha en que el menor entró en el distrito.",
    ),
    _rule(
        "V14",
        "refused",
        "{element} stands alone: the graduation date needs its indicator, and the indicator its date.",
        "Send both, or neither.",
        "{element} está sin su pareja: la fecha de graduación necesita su indicador, y el indicador su fecha.",
        "Envíe ambos o ninguno.",
    ),
    _rule(
        "V15",
        "warned",
        "The record names more than one designated graduation school.",
        "Name one at a time: leave it out of the enrollments where it no longer holds.",
        "El expediente nombra más de una escuela designada de graduación.",
        "Nombre una a la vez: quítela de las inscripciones donde ya no vale.",
    ),
    _rule(
        "V17",
        "warned",
        "A course holds either credits and a final grade, or clock hours and a grade to date.",
        "Send the first two for a completed course, the last two for one not completed.",
        "Un curso lleva créditos y nota final, o bien horas de clase y nota a la fecha.",
        "Envíe los dos primeros para un curso terminado, los dos últimos para uno sin terminar.",
    ),
    _rule(
        "V18",
        "refused",
        "{element} is out of range.",
        "Clock hours go from 0 to 1080, credits from 0 to 9.99; the course's years begin before they end.",
        "{element} está fuera de rango.",
        "Las horas van de 0 a 1080, los créditos de 0 a 9.99; los años del curso empiezan antes de terminar.",
    ),
    _rule(
        "V19",
        "refused",
        "{element} does not fit the assessment.",
        "The month is not in the future; types 09, 10 and 11 take an interpretation of the national list.",
        "{element} no concuerda con la evaluación.",
        "El mes no está en el futuro; los tipos 09, 10 y 11 llevan una interpretación de la lista nacional.",
    ),
    _rule(
        "V22",
        "refused",
        "Reporting State Code is not the state that sends the file.",
        "A state may state only its own records. Ask the other state to send this student.",
        "El estado que informa no es el estado que envía el archivo.",
        "Un estado solo informa sus propios expedientes. Pida al otro estado que envíe este estudiante.",
    ),
    _rule(
        "C1",
        "warned",
        "Your system still sends the corrected value.",
        "Correct it in your system, or confirm the old value in the case that was opened.",
        "Su sistema todavía envía el valor corregido.",
        "Corríjalo en su sistema, o confirme el valor anterior en el caso que se abrió.",
    ),
    _rule(
        "renumbered",
        "warned",
        "Many rows of this record were told apart by their Record ID alone.",
        "See whether your system numbers rows afresh; if it never does, let the profile say that they are stable.",
        "Muchas filas de este expediente se distinguieron solo por su Record ID.",
        "Vea si su sistema renumera las filas; si nunca lo hace, que el perfil diga que los números son estables.",
    ),
    _rule(
        "superseded",
        "warned",
        "A later submission has already said something newer here.",
        "Nothing was changed. Send the correction in the next submission if it is still true.",
        "Un envío posterior ya dijo aquí algo más nuevo.",
        "No se cambió nada. Envíe la corrección en el próximo envío si todavía es cierta.",
    ),
    _rule(
        "retract-by-record-id",
        "refused",
        "The row holds a Record ID and nothing else, and this state numbers its rows afresh.",
        "Retract the fact by its fact id (POST retractions), or have the profile say that record ids are stable.",
        "La fila contiene un Record ID y nada más, y este estado renumera sus filas.",
        "Retire el dato por su número de dato (POST retractions), o que el perfil diga que son estables.",
    ),
    _rule(
        "known-record",
        "warned",
        "Action Code I, but the ledger already holds this record.",
        "It was taken as an update.",
        "El código de acción es I, pero el expediente ya existe.",
        "Se tomó como una actualización.",
    ),
    _rule(
        "unknown-record",
        "warned",
        "Action Code U, but the ledger did not hold this record.",
        "It was opened.",
        "El código de acción es U, pero el expediente no existía.",
        "Se abrió.",
    ),
)

_LAYOUT = (
    _rule(
        "unknown-letter",
        "refused",
        "The row begins with no letter of the layout.",
        "Begin each row with one of S, K, D, Q, E, C, A, I.",
        "La fila no empieza con una letra del diseño.",
        "Empiece cada fila con una de S, K, D, Q, E, C, A, I.",
    ),
    _rule(
        "too-many-fields",
        "refused",
        "The row has more fields than its table has elements.",
        "Look for a delimiter inside a value: everything behind it stands one column too far.",
        "La fila tiene más campos que elementos su tabla.",
        "Busque un separador dentro de un valor: todo lo que sigue está una columna más allá.",
    ),
    _rule(
        "orphan",
        "refused",
        "No S row above this row has its Student Record ID.",
        "Send the S row of the student first; child rows may stand anywhere after it.",
        "Ninguna fila S anterior tiene el Student Record ID de esta fila.",
        "Envíe primero la fila S del estudiante; sus filas pueden estar en cualquier lugar después.",
    ),
    _rule(
        "student-refused",
        "refused",
        "The S row of this student was refused.",
        "Mend the S row and send the student again.",
        "Se rechazó la fila S de este estudiante.",
        "Corrija la fila S y envíe de nuevo al estudiante.",
    ),
    _rule(
        "duplicate-student-record-id",
        "refused",
        "Several S rows of the file have this Student Record ID.",
        "Number the students of a file apart: their child rows cannot be told to whom they belong.",
        "Varias filas S del archivo tienen este Student Record ID.",
        "Dé a cada estudiante su número: no se sabe a quién pertenecen las demás filas.",
    ),
    _rule(
        "duplicate-student",
        "refused",
        "An S row above has the same State Student Identifier.",
        "Send a student once in a file, with all rows under one S row.",
        "Una fila S anterior tiene el mismo State Student Identifier.",
        "Envíe a cada estudiante una vez por archivo, con todas sus filas bajo una fila S.",
    ),
)

_FILES = (
    _rule(
        "second-header",
        "file",
        "The file holds a second H row.",
        "Send one H row, the first of the file.",
        "El archivo contiene una segunda fila H.",
        "Envíe una sola fila H, la primera del archivo.",
    ),
    _rule(
        "empty",
        "file",
        "The file is empty.",
        "Send the H row and the rows of each student.",
        "El archivo está vacío.",
        "Envíe la fila H y las filas de cada estudiante.",
    ),
    _rule(
        "no-header",
        "file",
        "The file does not begin with an H row.",
        "Begin it with one H row of six elements.",
        "El archivo no empieza con una fila H.",
        "Empiécelo con una fila H de seis elementos.",
    ),
    _rule(
        "header",
        "file",
        "{element} of the header is missing or wrong.",
        "Send {form}.",
        "{element} del encabezado falta o es incorrecto.",
        "Envíe {form}.",
    ),
    _rule(
        "delimiter",
        "file",
        "The fields of the file are not separated by |, tab or comma.",
        "Separate them by | throughout the file.",
        "Los campos del archivo no están separados por |, tabulador ni coma.",
        "Sepárelos con | en todo el archivo.",
    ),
    _rule(
        "quoting",
        "file",
        "A quoted field is not closed, or goes on behind its quote.",
        "Quote as RFC 4180 says: a quote inside a quoted field is doubled.",
        "Un campo entre comillas no se cierra, o sigue después de las comillas.",
        "Use las comillas como dice RFC 4180: una comilla dentro del campo se duplica.",
    ),
    _rule(
        "encoding",
        "file",
        "The file is not valid UTF-8.",
        "Save it as UTF-8. Accents of other encodings cannot be told apart safely, so nothing was guessed.",
        "El archivo no es UTF-8 válido.",
        "Guárdelo como UTF-8. Los acentos de otras codificaciones no se adivinan.",
    ),
    _rule(
        "line-end",
        "file",
        "The lines of the file end in a lone carriage return.",
        "End each line with a line feed, or with carriage return and line feed.",
        "Las líneas del archivo terminan en un retorno de carro solo.",
        "Termine cada línea con un salto de línea, con o sin retorno de carro delante.",
    ),
    _rule(
        "nul",
        "file",
        "The file holds a NUL byte.",
        "Send plain text: the file was cut off, or is not a text file.",
        "El archivo contiene un byte NUL.",
        "Envíe texto simple: el archivo se cortó, o no es de texto.",
    ),
    _rule(
        "line-too-long",
        "file",
        "A row of the file is too long to be one: over 1 MB, or with a field over 128 kB.",
        "Look for a missing line break or an unclosed quote.",
        "Una fila del archivo es demasiado larga: más de 1 MB, o un campo de más de 128 kB.",
        "Busque un salto de línea que falta o unas comillas sin cerrar.",
    ),
    _rule(
        "too-many-students",
        "file",
        "The file holds more than 40,000 students.",
        "Send them in several submissions of different dates.",
        "El archivo contiene más de 40,000 estudiantes.",
        "Envíelos en varios envíos de fechas distintas.",
    ),
    _rule(
        "V24",
        "file",
        "{element} of the header does not agree with the file.",
        "Totals equal the rows that follow, and Beginning is before Ending. Look whether the file was cut off.",
        "{element} del encabezado no concuerda con el archivo.",
        "Los totales son los de las filas que siguen; el principio es anterior al fin. Vea si el archivo se cortó.",
    ),
    _rule(
        "submission-date",
        "file",
        "The Submission Date lies more than a day after the day of receipt.",
        "Correct the clock of the sending system, or the date in the H row.",
        "La fecha de envío es más de un día posterior al día de recepción.",
        "Corrija el reloj del sistema que envía, o la fecha de la fila H.",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for group in (_VALUES, _ROWS, _LAYOUT, _FILES) for rule in group}
"""Code to rule: all there are."""
