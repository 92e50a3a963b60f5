"""Kernels count as soft or sharp by their maker's own names, and no other name counts."""

from __future__ import annotations

import pytest

from segment_actor.reading.dicom.facts.kernel import kernel_name_of, kernel_of

NAMES = {
    "SIEMENS": {
        "soft": ["B10s", "B30f", "B31f", "B41s", "I30f", "J40s", "Br40d", "Bf37", "Hr36", "Qr49"],
        "sharp": ["B50f", "B70f", "B80s", "I50f", "J70h", "Bl57d", "Br59", "U90u", "Hr69h"],
    },
    "GE MEDICAL SYSTEMS": {
        "soft": ["STANDARD", "soft", "DETAIL"],
        "sharp": ["LUNG", "BONE", "BONEPLUS", "BONE PLUS", "EDGE"],
    },
    "Philips": {"soft": ["A", "B", "C"], "sharp": ["D", "E", "L", "YA", "YB", "YC"]},
    "TOSHIBA": {
        "soft": ["FC01", "FC03", "FC08", "FC10", "FC13-H", "FC18", "FC19"],
        "sharp": ["FC30", "FC51", "FC52", "FC55", "FC81", "FC86"],
    },
    "Canon Medical Systems": {"soft": ["FC08"], "sharp": ["FC51"]},
}
CASES = [
    (maker, name, kind)
    for maker, kinds in NAMES.items()
    for kind, names in kinds.items()
    for name in names
]


@pytest.mark.parametrize(("maker", "name", "kind"), CASES)
def test_a_makers_kernel_is_soft_or_sharp(maker: str, name: str, kind: str) -> None:
    assert kernel_of(maker, name) == kind


@pytest.mark.parametrize(
    ("maker", "name"),
    [
        (None, "B30f"), ("SIEMENS", None), ("SIEMENS", ""), ("SIEMENS", "STANDARD"),
        ("SIEMENS", "T20f"), ("SIEMENS", "B300"), ("GE MEDICAL SYSTEMS", "CHST"),
        ("GE MEDICAL SYSTEMS", "FC51"), ("Philips", "Z"), ("TOSHIBA", "FC26"), ("TOSHIBA", "FC70"),
        ("TOSHIBA", "FC001"), ("Image Gear", "BONE"), ("UIH", "B_SOFT_C"), ("", "LUNG"),
    ],
)  # fmt: skip
def test_a_kernel_that_no_rule_knows_is_neither(maker: str | None, name: str | None) -> None:
    assert kernel_of(maker, name) is None


@pytest.mark.parametrize(("maker", "name"), [(maker, name) for maker, name, _ in CASES])
def test_each_kernel_that_is_soft_or_sharp_has_a_name(maker: str, name: str) -> None:
    assert kernel_name_of(maker, [name]) not in (None, "other")


@pytest.mark.parametrize(
    ("maker", "values", "name"),
    [
        ("SIEMENS", ["B31f"], "B31f"),
        ("Siemens Healthineers", ["BR40D", "3"], "Br40d\\3"),
        ("SIEMENS", ["I31s", "3"], "I31s\\3"),
        ("SIEMENS", ["Qr40", "9"], "Qr40"),
        ("SIEMENS", ["Br40d", "Erika"], "Br40d"),
        ("SIEMENS", ["T20s"], "T20s"),
        ("GE MEDICAL SYSTEMS", ["BONE PLUS"], "BONEPLUS"),
        ("GE MEDICAL SYSTEMS", ["BONE+"], "BONEPLUS"),
        ("GE MEDICAL SYSTEMS", ["Stnd"], "STANDARD"),
        ("GE MEDICAL SYSTEMS", ["CHST"], "CHST"),
        ("GE MEDICAL SYSTEMS", ["HD Lung"], "HD LUNG"),
        ("GE MEDICAL SYSTEMS", ["STANDARD", "3"], "STANDARD"),
        ("Philips", ["yb"], "YB"),
        ("Philips", ["XCB"], "XCB"),
        ("TOSHIBA", ["FC08-H"], "FC08-H"),
        ("UIH", ["B_SOFT_C"], "B_SOFT_C"),
    ],
)
def test_a_kernel_is_told_by_its_makers_name(maker: str, values: list[str], name: str) -> None:
    assert kernel_name_of(maker, values) == name


@pytest.mark.parametrize(
    ("maker", "values"),
    [
        ("SIEMENS", ["Erika"]), ("SIEMENS", ["B31f Erika"]), ("SIEMENS", ["Bz31f"]),
        ("SIEMENS", ["B٣١f"]), ("GE MEDICAL SYSTEMS", ["MUELLER"]), ("Philips", ["Z"]),
        ("Canon", ["FC001"]), ("UIH", ["B_SOFT_Z"]), (None, ["B30f"]), ("Maker", ["B30f"]),
        ("Neusoft", ["F20"]),
    ],
)  # fmt: skip
def test_a_name_that_no_maker_gave_is_not_told(maker: str | None, values: list[str]) -> None:
    assert kernel_name_of(maker, values) == "other"


def test_a_header_without_kernel_has_no_name_of_one() -> None:
    assert kernel_name_of("SIEMENS", []) is None
