"""All archives, by what is peculiar to them."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.hospital import (
    arrangements,
    containers,
    copies,
    damage,
    geometry,
    identity,
    kinds,
    names,
)
from tests.support.hospital.arrangements import SEVEN
from tests.support.hospital.outcome import Layout

__all__ = ["LAYOUTS", "SEVEN"]

LAYOUTS: dict[str, Callable[[], Layout]] = {
    layout.__name__: layout
    for module in (arrangements, copies, identity, names, containers, kinds, geometry, damage)
    for layout in module.LAYOUTS
}
