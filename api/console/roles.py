"""The roles in words: what somebody is called, and what he is here for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.console.words import N_

NAMES: Final[Mapping[str, str]] = {
    "secondary_user": N_("Secondary user"),
    "primary_user": N_("Primary user"),
    "district_data_administrator": N_("District data administrator"),
    "regional_data_administrator": N_("Regional data administrator"),
    "state_data_administrator": N_("State data administrator"),
    "region_administrator": N_("State region administrator"),
    "user_administrator": N_("User administrator"),
    "state_batch_submitter": N_("State batch submitter"),
    "recruiter": N_("Recruiter"),
    "eligibility_reviewer": N_("Eligibility reviewer"),
    "government_user": N_("Government user"),
    "privacy_officer": N_("Privacy officer"),
    "auditor": N_("Auditor"),
    "help_desk": N_("Help desk"),
    "operator": N_("Operator"),
    "parent": N_("Parent or guardian"),
    "applicant": N_("No role yet"),
}
"""Role to its name, as the national system calls it."""
