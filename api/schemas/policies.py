"""Matching policies as the schema declares them. Weights are in bits; nothing here is of any child."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CheckAnswer(BaseModel):
    """What a trained model shows, and the bounds between which it must lie."""

    name: str
    value: float
    low: float
    high: float


class TrainedAnswer(BaseModel):
    """How a policy was made. upto: position to which the log was read for it; null where it was not this ledger's."""

    position: int
    at: str
    by: str = Field(description="Who trained it; of one that a release comes with, who had it put into the ledger.")
    records: int = Field(
        description="That it was trained on, made-up ones where a release comes with it; 0 where that is not told."
    )
    upto: int | None
    checks: list[CheckAnswer]


class PublicationAnswer(BaseModel):
    """From its position on the matcher decides by the policy with these thresholds and guards, until the next one."""

    position: int
    at: str
    by: str
    reason: str
    link: float = Field(description="Bits from which on a record is linked by itself.")
    review: float = Field(description="Bits from which on people are asked.")
    margin: float = Field(
        description="Bits by which two must agree more than either of them and any third student, to be linked."
    )
    guards: list[str] = Field(description="Codes of those that hold.")
    expected_wrong_one_in: int = Field(
        description="Of so many records that are linked at the threshold itself, one is expected to be another child's."
    )


class PolicyListed(BaseModel):
    """A policy. trained: null for the one that this release comes with, before the ledger has it."""

    version: str
    sha256: str
    trained: TrainedAnswer | None
    in_effect: bool
    published: list[PublicationAnswer] = Field(description="Every publication, the last first.")


class PoliciesAnswer(BaseModel):
    """Every policy, the last trained first."""

    position: int = Field(description="Of the last event that says anything of policies; 0 where there is none.")
    policies: list[PolicyListed]


class LevelAnswer(BaseModel):
    """A level of a field, and the log2 of its share in each kind of pairs, in bits."""

    model_config = ConfigDict(extra="forbid")

    level: str
    same: float
    twin: float
    sibling: float
    kin: float
    namesake: float
    unrelated: float


class PolicyAnswer(PolicyListed):
    """A policy with its levels. The tables of how common names are, are not told."""

    code: int = Field(description="Version of the code that prepares and compares.")
    rates: dict[str, float] = Field(description="Pairs of each kind per record, log2.")
    levels: dict[str, list[LevelAnswer]] = Field(description="Field to its levels.")
