"""Proofs as the schema declares them. Hashes are in base64; nothing here is of any child."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

LogName = Literal["ledger", "access"]


class InclusionAnswer(BaseModel):
    """That an event is in the log at its position (RFC 9162, 2.1.3)."""

    log: LogName
    position: int = Field(description="From 1; leaf position - 1.")
    size: int = Field(description="Events of the tree that it is proven in.")
    leaf: str = Field(description="Hash of the event's entry.")
    hashes: list[str] = Field(description="From the leaf up.")
    checkpoint: str | None = Field(description="The signed note of that size; null where none was signed.")


class ConsistencyAnswer(BaseModel):
    """That a tree begins with a smaller one (RFC 9162, 2.1.4)."""

    log: LogName
    from_: int = Field(alias="from")
    to: int
    hashes: list[str]
    checkpoint: str | None = Field(description="The signed note of the larger size; null where none was signed.")


class HeadAnswer(BaseModel):
    """Which event of a stream was its last at the latest checkpoint, or that it had none."""

    log: LogName
    stream: str
    size: int = Field(description="Events that the checkpoint covers.")
    version: int = Field(description="How many events the stream has; 0 where there is no such stream.")
    leaf: str | None = Field(description="Hash of its last event's entry.")
    proof: str = Field(description="As in an evidence bundle: depth, other head, bits, hashes.")
    checkpoint: str
