"""Which role holds which privilege: the table of the five roles, compared with what the database says.

The grants themselves stand in the migrations. This is the other side: what must come out, so that a privilege that
somebody gave or took by hand is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.store.database import Role


class Grant(NamedTuple):
    """name: of a schema, table, sequence or function, as PostgreSQL writes it; behind a table, the one column that is
    meant, in brackets. grantee: a role, or ``public``."""

    name: str
    grantee: str
    privilege: str


def differences(conn: psycopg.Connection[Any]) -> tuple[list[Grant], list[Grant]]:
    """What is missing, and what is too much. conn: of any role; the catalogue is open to all."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        held = {Grant(*row) for row in cursor.execute(_HELD).fetchall()}
    wanted = set(_wanted())
    return sorted(wanted - held), sorted(held - wanted)


def mending(missing: Sequence[Grant], surplus: Sequence[Grant]) -> list[str]:
    """The statements, for the owner, that bring about what must be."""
    return [
        *(f"grant {_said(g)} to {g.grantee};" for g in missing),
        *(f"revoke {_said(g)} from {g.grantee};" for g in surplus),
    ]


def _said(grant: Grant) -> str:
    table, _, column = grant.name.partition(" ")
    if column:
        return f"{grant.privilege} {column} on {table}"
    return f"{grant.privilege} on {_kind(grant.name)}{grant.name}"


def _wanted() -> Iterator[Grant]:
    for name, privileges in _GRANTS.items():
        for named in [name.replace("{log}", log) for log in ("ledger", "access")] if "{log}" in name else [name]:
            for privilege, roles in privileges.items():
                yield from (Grant(named, role.value, privilege) for role in roles)


def _kind(name: str) -> str:
    if name.endswith(")"):
        return "function "
    if name == "ledger.student_numbers":
        return "sequence "
    return "" if "." in name else "schema "


_WRITE = (Role.WRITER, Role.DISPOSER)
_FOLD = (*_WRITE, Role.PROJECTOR)
_ALL = (*_FOLD, Role.READER)
_GRANTS: dict[str, dict[str, Sequence[Role]]] = {
    "{log}": {"USAGE": _FOLD},
    "{log}.events": {"SELECT": _FOLD, "INSERT": _WRITE},
    "{log}.head": {"SELECT": _FOLD, "UPDATE": _WRITE},
    "{log}.heads": {"SELECT": _FOLD, "INSERT": _WRITE, "UPDATE": _WRITE},
    "{log}.add_partition()": {"EXECUTE": _WRITE},
    "{log}.begin_append(text[],text[],text[],text[],text[])": {"EXECUTE": _WRITE},
    "ledger.records": {"SELECT": _FOLD, "INSERT": _WRITE},
    "ledger.records (student_id)": {"UPDATE": _WRITE},
    "ledger.records (rows)": {"UPDATE": _WRITE},
    "ledger.records (case_id)": {"UPDATE": _WRITE},
    "ledger.not_same": {"SELECT": _FOLD, "INSERT": _WRITE},
    "ledger.not_same (withdrawn)": {"UPDATE": _WRITE},
    "ledger.open_cases": {"SELECT": _FOLD, "INSERT": _WRITE, "UPDATE": _WRITE, "DELETE": _WRITE},
    "ledger.case_leases": {"SELECT": _WRITE, "INSERT": _WRITE, "UPDATE": _WRITE, "DELETE": _WRITE},
    "ledger.case_records": {"SELECT": _FOLD, "INSERT": _WRITE, "DELETE": _WRITE},
    "ledger.holds": {"SELECT": _FOLD, "INSERT": _WRITE, "UPDATE": _WRITE},
    "ledger.destroyed": {"SELECT": _FOLD, "INSERT": (Role.DISPOSER,)},
    "ledger.tombstones": {"SELECT": _FOLD, "INSERT": (Role.DISPOSER,)},
    "ledger.destroy_guards(text[])": {"EXECUTE": (Role.DISPOSER,)},
    "ledger.answers": {"SELECT": _WRITE, "INSERT": _WRITE, "UPDATE": _WRITE},
    "ledger.responses": {"SELECT": _WRITE, "INSERT": _WRITE, "DELETE": _WRITE},
    "ledger.uploads": {"SELECT": _WRITE, "INSERT": _WRITE, "UPDATE": _WRITE, "DELETE": _WRITE},
    "ledger.accounts": {"SELECT": _FOLD, "INSERT": _WRITE, "UPDATE": _WRITE},
    "ledger.identities": {"SELECT": _FOLD, "INSERT": _WRITE, "UPDATE": _WRITE},
    "ledger.attachments": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), _WRITE),
    "ledger.saved_lists": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), _WRITE),
    "ledger.attachment_parts": dict.fromkeys(("SELECT", "INSERT", "DELETE"), _WRITE),
    "ledger.tokens": {"SELECT": _WRITE, "INSERT": _WRITE, "UPDATE": _WRITE},
    "ledger.credentials": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), _WRITE),
    "ledger.sessions": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), _WRITE),
    "ledger.one_time_codes": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), _WRITE),
    "ledger.student_numbers": {"USAGE": _WRITE},
    "ledger.forget_answers(timestamp with time zone)": {"EXECUTE": _WRITE},
    "vault": {"USAGE": _FOLD},
    "vault.keys": {"SELECT": _FOLD, "INSERT": _WRITE, "DELETE": (Role.DISPOSER,)},
    "tracking": {"USAGE": _ALL},
    "tracking.positions": {
        "SELECT": _ALL,
        "INSERT": _FOLD,
        "UPDATE": _FOLD,
        "DELETE": (Role.PROJECTOR,),
    },
    "tracking.projections": {
        "SELECT": _ALL,
        "INSERT": (Role.PROJECTOR,),
        "UPDATE": (Role.PROJECTOR,),
        "DELETE": (Role.PROJECTOR,),
    },
    "matching": {"USAGE": _FOLD},
    "matching.people": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"), _WRITE),
    "matching.keys": dict.fromkeys(("SELECT", "INSERT", "DELETE", "TRUNCATE"), _WRITE),
    "matching.doubts": dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"), _WRITE),
    "matching.undecided": {
        "SELECT": _FOLD,
        **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "TRUNCATE"), _WRITE),
    },
    "matching.unread": {
        "SELECT": _FOLD,
        **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "TRUNCATE"), _WRITE),
    },
    "matching.state": {"SELECT": _WRITE, "UPDATE": _WRITE},
    "proofs": {"USAGE": _ALL},
    "proofs.checkpoints": {"SELECT": _ALL, "INSERT": _WRITE},
    "proofs.cosignatures": {"SELECT": _ALL, "INSERT": _WRITE},
    "proofs.tiles": {"SELECT": _ALL, "INSERT": _WRITE, "UPDATE": _WRITE},
    "proofs.head_pages": {"SELECT": _ALL, "INSERT": _WRITE, "UPDATE": _WRITE},
}
"""Who holds which privilege; whatever is not here, nobody holds, but for the owner: he holds all save what would change
events or destroy keys."""

_HELD = """
    select name, case grantee when 0 then 'public' else grantee::regrole::text end, privilege_type
      from (
        select n.nspname::text as name, n.oid as schema, nspowner as owner,
               (aclexplode(coalesce(nspacl, acldefault('n', nspowner)))).* from pg_namespace n
        union all
        select c.oid::regclass::text, relnamespace, relowner, (aclexplode(coalesce(relacl,
               acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner)))).*
          from pg_class c where relkind in ('r', 'p', 'S', 'v', 'm')
        union all
        select format('%s (%s)', c.oid::regclass, attname), relnamespace, relowner, (aclexplode(attacl)).*
          from pg_attribute join pg_class c on c.oid = attrelid where attacl is not null
        union all
        select p.oid::regprocedure::text, pronamespace, proowner,
               (aclexplode(coalesce(proacl, acldefault('f', proowner)))).* from pg_proc p
         where prorettype <> 'trigger'::regtype
      ) held join pg_namespace n on n.oid = held.schema
     where n.nspname in ('ledger', 'access', 'vault', 'tracking', 'matching', 'proofs')
       and (grantee <> owner
            or name ~ '^(ledger|access)[.]events' and privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')
            or name = 'vault.keys' and privilege_type in ('DELETE', 'TRUNCATE'))
"""
