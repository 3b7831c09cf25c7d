"""People who come to a running service with a browser and nothing else: a code, a password, a second factor, the rules.

Nothing of the product is imported: what is done here is what the pages ask for, and RFC 6238 is written from the RFC.
"""

from __future__ import annotations

import base64
import hmac
import re
import struct
import time
from typing import Any

import httpx2

PASSWORD = "sierra colada nogal 77"


def one_time_password(key: str, at: float | None = None) -> str:
    """Six digits for a base32 key (RFC 6238: SHA-1, 30 seconds)."""
    step = int((time.time() if at is None else at) // 30)
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    at_byte = digest[19] & 15
    return f"{(struct.unpack('>I', digest[at_byte : at_byte + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


class Visitor:
    """One browser. cookies: what it was last given, sent back by hand, since the service is asked without TLS here."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.cookie = ""
        self.set_cookies: list[str] = []

    def ask(self, method: str, path: str, *, csrf: bool = True, **rest: Any) -> httpx2.Response:
        headers = {"Origin": self.address, **rest.pop("headers", {})}
        if self.cookie:
            headers["Cookie"] = self.cookie
            if csrf and method != "GET" and "data" not in rest:
                headers["Sojourn-CSRF"] = self.me()["session"]["csrf"]
        answer = httpx2.request(method, self.address + path, headers=headers, timeout=30, **rest)
        if said := answer.headers.get("set-cookie"):
            self.set_cookies.append(said)
            self.cookie = said.partition(";")[0]
        return answer

    def get(self, path: str, **rest: Any) -> httpx2.Response:
        return self.ask("GET", path, **rest)

    def me(self) -> Any:
        answer = self.get("/v1/me")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def opens(self, email: str, code: str, password: str = PASSWORD) -> httpx2.Response:
        """The first time: the code that was handed over, and a password."""
        return self.ask("POST", "/sign-in/first", data={"email": email, "code": code, "password": password})

    def adds_a_second_factor(self) -> str:
        """Adds one; the key of the authenticator."""
        (key,) = re.findall(r"Key: <code>(\w+)</code>", self.get("/second-factor").text)
        form = {"csrf": self.me()["session"]["csrf"], "code": one_time_password(key)}
        answer = self.ask("POST", "/second-factor", data=form)
        assert answer.status_code == 200, answer.text
        return key

    def accepts_the_rules(self) -> httpx2.Response:
        answer = self.ask("PUT", "/v1/me/rules", json={"edition": self.me()["rules"]})
        assert answer.status_code == 200, answer.text
        return answer

    def enters(self, email: str, code: str) -> str:
        """All of it, the first time; the key of the authenticator."""
        answer = self.opens(email, code)
        assert answer.status_code == 303, answer.text
        key = self.adds_a_second_factor()
        self.accepts_the_rules()
        return key

    def reads(self, student: str, seconds: float = 3) -> httpx2.Response:
        """A student, asked again while what has just been said of the reader is not known to every process yet."""
        ends = time.monotonic() + seconds
        while True:
            answer = self.get(f"/v1/students/{student}")
            if answer.status_code == 200 or time.monotonic() > ends:
                return answer
            time.sleep(0.3)
