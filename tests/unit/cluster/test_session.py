"""Addresses that are none; real connections are in tests/ray."""

from __future__ import annotations

import pytest

from cluster.session import connect
from segment_actor.errors import SetupError


@pytest.mark.parametrize("address", ["ray://head:10001", "http://127.0.0.1:8265"])
def test_the_address_of_a_dashboard_or_of_ray_client_is_refused_with_the_way_to_go(
    address: str,
) -> None:
    with pytest.raises(SetupError, match="ray job submit"), connect(address):
        pass
