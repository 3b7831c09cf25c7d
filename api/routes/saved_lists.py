# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""The daily lists that a person keeps under names of her own.

Invariant: hers alone are told, changed and deleted; and what is kept is what is asked, never what was answered. They
are no part of the ledger: nothing of them is in its log.
"""

from __future__ import annotations

import asyncio
import unicodedata
import uuid
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.admission import uuid_named
from api.list_asking import must_suit
from api.openapi import UUID, Direct, operation, operation_id
from api.policy import permitted
from api.principal import Principal
from api.problems import Fault, Invalid
from api.requests import body_of
from api.schemas.lists import NAMES, PARAMETERS, SavedListAnswer, SavedListBody, SavedListsAnswer
from api.services import Services, services_of
from ledger.errors import NotFound
from ledger.mde import STATES
from ledger.store import saved_lists
from ledger.store.saved_lists import SavedList
from projections.lists import BY_NAME

router = APIRouter(
    prefix="/v1/lists/saved", tags=["lists"], route_class=Direct, generate_unique_id_function=operation_id
)

_PRIVATE: Final = {"Cache-Control": "private, no-store"}


@router.get(
    "",
    summary="The lists that one keeps",
    responses={200: {"model": SavedListsAnswer, "description": "By name."}},
    openapi_extra=operation("list.keep", ()),
)
async def get_saved_lists(request: Request) -> Response:
    """What is asked, and no answer: nothing is disclosed by it."""
    account = account_of(await permitted(request))
    told = {"saved": [_saved_told(one) for one in await kept(services_of(request), account)]}
    return Response(orjson.dumps(told), headers=_PRIVATE, media_type="application/json")


async def kept(services: Services, account: uuid.UUID) -> list[SavedList]:
    """An account's lists, by name. Raises StoreUnavailable."""

    def read() -> list[SavedList]:
        with services.ledger.log.connection() as conn:
            return saved_lists.of_account(conn, account)

    return await asyncio.to_thread(read)


@router.post(
    "",
    summary="Keep a list",
    status_code=201,
    responses={
        201: {"model": SavedListAnswer, "description": "Kept."},
        200: {"model": SavedListAnswer, "description": "Kept in the place of the one that had this name."},
    },
    openapi_extra=operation("list.keep", (), SavedListBody),
)
async def post_saved_list(request: Request) -> Response:
    """Under a name of one's own; to send it again is to keep it once. At most 100."""
    account = account_of(await permitted(request))
    said = (await body_of(request)).as_model(SavedListBody, NAMES)
    saved, new = await keep(services_of(request), account, said)
    return Response(orjson.dumps(_saved_told(saved)), 201 if new else 200, _PRIVATE, "application/json")


async def keep(services: Services, account: uuid.UUID, said: SavedListBody) -> saved_lists.Saved:
    """Keep a list for an account. Raises Invalid, BadValue, StoreUnavailable."""
    name = unicodedata.normalize("NFC", " ".join(said.name.split()))
    if not (name and name.isprintable()):
        fault = Fault("/name", "name", "printable", "It holds no letter, or what is not shown.")
        raise Invalid("The list cannot be kept under this name.", remedy="See `errors`.", faults=[fault])
    must_suit(BY_NAME[said.list], said.parameters, "/parameters/")
    if said.parameters.state is not None and said.parameters.state not in STATES:
        fault = Fault("/parameters/state", "state", "form", "It is not the USPS code of a state.")
        raise Invalid("The list cannot be kept so.", remedy="See `errors`.", faults=[fault])

    def save() -> saved_lists.Saved:
        with services.ledger.log.connection() as conn:
            return saved_lists.save(
                conn,
                account,
                name=name,
                list_name=said.list,
                parameters=said.parameters.model_dump(mode="json", exclude_none=True),
                new_id=uuid.uuid4(),
                now=services.clock(),
            )

    return await asyncio.to_thread(save)


@router.delete(
    "/{id}",
    summary="Keep a list no longer",
    status_code=204,
    responses={204: {"description": "It is gone."}},
    openapi_extra=operation("list.keep", (UUID,)),
)
async def delete_saved_list(request: Request) -> Response:
    """One's own. Of another's no more is told than of one that is not there."""
    account = account_of(await permitted(request))
    await forget(services_of(request), account, request.path_params["id"])
    return Response(status_code=204)


async def forget(services: Services, account: uuid.UUID, given: str) -> None:
    """Delete one of an account's lists. Raises NotFound, StoreUnavailable."""
    saved = uuid.UUID(uuid_named(given, "saved list"))

    def delete() -> bool:
        with services.ledger.log.connection() as conn:
            return saved_lists.delete(conn, account, saved)

    if not await asyncio.to_thread(delete):
        raise NotFound("There is no such saved list.", remedy="GET /v1/lists/saved tells which there are.")


# -- inside


def account_of(principal: Principal) -> uuid.UUID:
    """Raises NotFound."""
    if principal.account is None:
        raise NotFound(
            "A token has no account, and keeps no lists.", remedy="A person signs in, and keeps them as hers."
        )
    return uuid.UUID(principal.account)


def _saved_told(saved: SavedList) -> dict[str, Any]:
    parameters = {name: saved.parameters[name] for name in PARAMETERS if name in saved.parameters}
    query = f"?{urlencode(parameters)}" if parameters else ""
    return {
        "id": str(saved.id),
        "name": saved.name,
        "list": saved.list,
        "parameters": parameters,
        "href": f"/v1/lists/{saved.list}{query}",
        "saved_at": saved.saved_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
