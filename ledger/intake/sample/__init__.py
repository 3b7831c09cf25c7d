"""Practice submissions: invented families who move between states, as each state's system would write them down.

``lives`` says where a family was, ``schooling`` what its children did there, ``records`` what a state knows of it and
since when, ``names`` how that state writes it, ``files`` what it sends, night by night. The same seed gives the same
bytes; a longer series of nights begins with the files of a shorter one. Every row is valid and warns of nothing: the
difficulty lies where it does in life.
"""

from __future__ import annotations

from ledger.intake.sample.files import HABITS, write_nights, write_samples

__all__ = ["HABITS", "write_nights", "write_samples"]
