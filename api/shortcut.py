"""The busy routes, found by one walk over the path: a route that reads its request itself needs nothing on the way.

Invariant: what is answered here is what the app would answer: the same endpoint gets the same request. Whatever is
not found, another method, a path that no such route has, goes to the app, which knows how to refuse it.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.openapi import Direct


class _Place:
    """How far a path has led. named: further segments as they are written. any: where a parameter stands."""

    __slots__ = ("any", "methods", "named")

    def __init__(self) -> None:
        self.named: dict[str, _Place] = {}
        self.any: _Place | None = None
        self.methods: dict[str, tuple[Direct, tuple[str, ...]]] = {}

    def further(self, segment: str) -> _Place:
        """The place behind a segment of a route, made where it is new."""
        if not _is_parameter(segment):
            return self.named.setdefault(segment, _Place())
        self.any = self.any or _Place()
        return self.any


class Shortcut:
    """A plain ASGI layer over the app. routes: of the app; those that are no ``Direct`` are left to it."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._root = _Place()
        for route in routes:
            if isinstance(route, Direct):
                self._add(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, params = found
        scope["path_params"] = params
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def _add(self, route: Direct) -> None:
        segments = route.path.split("/")[1:]
        if any("{" in segment and not _is_parameter(segment) for segment in segments):
            return  # with a converter, or a parameter amid text: the app's to find
        place = self._root
        for segment in segments:
            place = place.further(segment)
        names = tuple(segment[1:-1] for segment in segments if _is_parameter(segment))
        for method in route.methods or ():
            if method != "HEAD":
                place.methods.setdefault(method, (route, names))  # the first one wins, as in the app

    def _find(self, scope: Scope) -> tuple[Direct, dict[str, str]] | None:
        place = self._root
        values: list[str] = []
        for segment in scope["path"].split("/")[1:]:
            further = place.named.get(segment)
            if further is None:
                further = place.any if segment else None
                if further is None:
                    return None
                values.append(segment)
            place = further
        found = place.methods.get(scope["method"])
        if found is None:
            return None
        route, names = found
        return route, dict(zip(names, values, strict=True))


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("}") and ":" not in segment
