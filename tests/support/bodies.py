"""Bodies of requests: invented children, in the file's shape."""

from __future__ import annotations

from typing import Any

RECORD = "/v1/records/OR/OR5540012"
"""Where the child of these bodies is sent."""

MOVE = {
    "qualifying_arrival_date": "2025-04-18",
    "qualifying_move_from_city": "Madera",
    "qualifying_move_from_state": "CA",
    "qualifying_move_to_city": "Woodburn",
    "qualifying_move_to_state": "OR",
}
ENROLLMENT = {
    "enrollment_date": "2025-04-21",
    "enrollment_type": "01",
    "school_or_project_name": "Valor Middle School",
    "grade_level": "07",
}
CHILD = {
    "first_name": "Marisol",
    "last_name_1": "Quiñones",
    "last_name_2": "Abarca",
    "sex": "Female",
    "birth_date": "2013-05-09",
}
VALUES = ("Marisol", "Quiñones", "Abarca", "Madera", "Valor Middle School", "2013-05-09")
"""What must stand in no log, problem or feed."""


def student(**more: Any) -> dict[str, Any]:
    """One student with a name and a move."""
    return {"student": {}, "demographics": [CHILD], "qualifying_moves": [MOVE], **more}
