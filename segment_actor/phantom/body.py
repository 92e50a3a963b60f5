"""A patient's body as an ordered list of solids."""

from __future__ import annotations

from segment_actor.anatomy import Schema
from segment_actor.phantom.builder import Builder
from segment_actor.phantom.organs import add_organs
from segment_actor.phantom.patient import Patient
from segment_actor.phantom.render import Solid
from segment_actor.phantom.skeleton import add_skeleton
from segment_actor.phantom.trunk import add_walls

Z_TOP_MM = 852.0
"""Top of the head in the atlas, mm above the hip joints."""

Z_KNEE_MM = -440.0
"""Just above the knee."""


def build_body(patient: Patient, schema: Schema) -> list[Solid]:
    """All solids of one patient in body millimetres, in painting order."""
    builder = Builder(patient, schema)
    add_walls(builder)
    add_organs(builder)
    add_skeleton(builder)
    return builder.solids
