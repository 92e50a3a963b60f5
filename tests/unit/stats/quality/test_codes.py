"""Whom a finding concerns: the whole CT, or the structures that it names."""

from __future__ import annotations

from stats.quality.codes import JudgedRow, Verdict, scan_verdict, structure_verdicts

LIVER: JudgedRow = ("liver", 10, None)
NECK: JudgedRow = ("vertebrae_C3", 3, "neighbours_swapped; too_small")
ABSENT: JudgedRow = ("spleen", 0, None)
MISSING: JudgedRow = ("kidney_left", 0, "missing")


def test_a_wrong_structure_fails_alone_and_the_ct_asks_for_a_look() -> None:
    verdicts = structure_verdicts([LIVER, NECK, ABSENT])
    assert verdicts == {"liver": "pass", "vertebrae_C3": "fail", "spleen": "pass"}
    assert scan_verdict([LIVER, NECK])[0] is Verdict.WARN


def test_a_wrong_image_fails_with_every_structure_in_it() -> None:
    shifted: JudgedRow = ("autochthon_left", 9, "hu_shifted")
    verdicts = structure_verdicts([LIVER, shifted, ABSENT, MISSING])
    assert verdicts == {
        "liver": "fail",
        "autochthon_left": "fail",
        "spleen": "pass",
        "kidney_left": "warn",
    }
    assert scan_verdict([LIVER, shifted])[0] is Verdict.FAIL


def test_a_ct_without_any_structure_fails_and_has_no_structure_that_could() -> None:
    assert scan_verdict([ABSENT]) == (Verdict.FAIL, "nothing_found")
    assert structure_verdicts([ABSENT]) == {"spleen": "pass"}
