"""A provider by hand for each test, and clocks that the test sets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.openid_by_hand import Clocks, ProviderByHand, provider_by_hand


@pytest.fixture
def by_hand() -> Iterator[ProviderByHand]:
    with provider_by_hand() as running:
        yield running


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()
