"""What is answered of a paper of an application, as the schema declares it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AttachmentAnswer(BaseModel):
    """A paper that lies with an application."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f",
                    "application": "01920f8e-0b5e-7cc3-98c4-dc0c0c07398e",
                    "what": "signed-form",
                    "media_type": "application/pdf",
                    "size": 48_213,
                    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                }
            ]
        }
    )

    id: str = Field(description="The paper's UUID: read it at /v1/attachments/{id}.")
    application: str = Field(description="UUID of the application that it lies with.")
    what: Literal["signed-form", "certificate", "other"]
    media_type: Literal["application/pdf", "image/png", "image/jpeg"]
    size: int = Field(description="In bytes.")
    sha256: str = Field(description="Of the paper, hexadecimal.")
