"""Unlike neighbours, and left and right, each on its side of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from stats.label_map.locations import Piece
from stats.quality.codes import Code, Finding
from stats.quality.observed import Judged, whole_only

FEW: Final = 3
"""Fewer pairs are no evidence about a whole CT."""

SIDE_TOLERANCE_MM: Final = 5.0
"""How far paired structures at the midline (iliac veins at their confluence) may cross it, and
others each other."""

_AXES: Final = {"right": 0, "front": 1, "above": 2}

Places = Mapping[str, Piece]
"""Where each structure lies: its largest piece, by name."""


@dataclass(frozen=True, slots=True)
class Order:
    """One structure lies to that side of another.

    Attributes:
        first, side, second: `first` lies right of, in front of, or above `second`.
        by: what of them is compared, of the largest piece: its centroid, or its upper end.
    """

    first: str
    side: Literal["right", "front", "above"]
    second: str
    by: Literal["centroid", "top"] = "centroid"

    def holds(self, places: Places) -> bool:
        """Whether they lie so, within `SIDE_TOLERANCE_MM`."""
        axis = _AXES[self.side]
        first, second = (
            piece.high_mm[axis] if self.by == "top" else piece.centroid_mm[axis]
            for piece in (places[self.first], places[self.second])
        )
        return first >= second - SIDE_TOLERANCE_MM


ORDERS: Final = (
    # Gray's Anatomy (1918), the chapters on each organ. Unpaired organs lie on one side of others:
    Order("liver", "right", "spleen"),
    Order("liver", "right", "stomach"),
    Order("inferior_vena_cava", "right", "aorta"),
    # the oblique fissure rises to the back, the horizontal one has the middle lobe below it
    Order("lung_upper_lobe_left", "above", "lung_lower_lobe_left"),
    Order("lung_upper_lobe_right", "above", "lung_lower_lobe_right"),
    Order("lung_upper_lobe_right", "above", "lung_middle_lobe_right"),
    Order("lung_upper_lobe_left", "front", "lung_lower_lobe_left"),
    Order("lung_upper_lobe_right", "front", "lung_lower_lobe_right"),
    Order("lung_middle_lobe_right", "front", "lung_lower_lobe_right"),
    # the spleen reaches up to the ninth rib, the left kidney to the eleventh; a large spleen
    # grows downwards, so that upper ends are compared
    Order("spleen", "above", "kidney_left", "top"),
    Order("liver", "above", "kidney_right", "top"),
    Order("heart_myocardium", "above", "liver"),
    Order("liver", "above", "urinary_bladder"),
    Order("stomach", "above", "urinary_bladder"),
    Order("aorta", "above", "urinary_bladder"),
    Order("small_bowel", "above", "urinary_bladder", "top"),
    # the right ventricle is the heart's front, the left atrium its base, before the oesophagus
    Order("heart_ventricle_right", "front", "heart_atrium_left"),
    Order("trachea", "front", "esophagus"),
    Order("hip_left", "above", "femur_left"),
    Order("hip_right", "above", "femur_right"),
    Order("iliopsoas_left", "front", "autochthon_left"),
    Order("iliopsoas_right", "front", "autochthon_right"),
    Order("gluteus_minimus_left", "front", "gluteus_maximus_left"),
    Order("gluteus_minimus_right", "front", "gluteus_maximus_right"),
)
"""Where unlike neighbours lie, whoever the patient is (situs inversus apart)."""


def place_findings(judged: Judged) -> Iterator[Finding]:
    """Sides exchanged, of one pair, of organs or of all of the CT."""
    yield from _sides(judged)
    yield from _orders(judged)


def _orders(judged: Judged) -> Iterator[Finding]:
    # up and down, and front to back, the border of the CT cuts; right of what is cut stays right
    whole = whole_only(judged)
    known = [
        order
        for order in ORDERS
        if {order.first, order.second} <= (judged if order.side == "right" else whole).keys()
    ]
    places = {name: one.place for name, one in judged.items()}
    broken = [order for order in known if not order.holds(places)]
    across = [order for order in known if order.side == "right"]
    if len(across) > 1 and all(order in broken for order in across):
        names = {name for order in across for name in (order.first, order.second)}
        yield from ((Code.ORGANS_MIRRORED, name) for name in names)
        broken = [order for order in broken if order not in across]
    wrong = {name for order in broken for name in _wrong(order, known, places)}
    yield from ((Code.PLACES_EXCHANGED, name) for name in wrong)


def _wrong(order: Order, known: Sequence[Order], places: Places) -> Sequence[str]:
    """Who of two is wrong: both if all is well once they change places, else the worse one.

    The worse one lies wrongly to more of its other neighbours; where that is neither, both.
    """
    one, other = order.first, order.second
    changed = {**places, one: places[other], other: places[one]}
    theirs = [o for o in known if {one, other} & {o.first, o.second}]
    if all(o.holds(changed) for o in theirs):
        return one, other
    wrong = Counter(name for o in theirs if not o.holds(places) for name in (o.first, o.second))
    return [name for name in (one, other) if wrong[name] == max(wrong[one], wrong[other])]


def _sides(judged: Judged) -> Iterator[Finding]:
    right_mm = {name: one.place.centroid_mm[0] for name, one in judged.items()}
    pairs = [
        (name, partner)
        for name in right_mm
        if "left" in name and (partner := name.replace("left", "right")) in right_mm
    ]
    exchanged = [
        (left, right)
        for left, right in pairs
        if right_mm[left] > right_mm[right] + SIDE_TOLERANCE_MM
    ]
    if FEW <= len(pairs) == len(exchanged):
        yield from ((Code.MIRRORED, name) for pair in exchanged for name in pair)
    elif exchanged:
        # where the middle of a pair lies does not depend on which of the two is which
        midline_mm = median((right_mm[left] + right_mm[right]) / 2 for left, right in pairs)
        for left, right in exchanged:
            astray = [left] if right_mm[left] > midline_mm else []
            astray += [right] if right_mm[right] < midline_mm else []
            yield from ((Code.SIDES_EXCHANGED, name) for name in astray)
