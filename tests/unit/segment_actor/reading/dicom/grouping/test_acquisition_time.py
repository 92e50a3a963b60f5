import pytest

from segment_actor.reading.dicom.grouping.time import DAY_S, seconds_of


def test_times_of_one_day_differ_by_their_seconds() -> None:
    early, late = seconds_of("20210305101400"), seconds_of("20210305101512.25")
    assert early is not None
    assert late is not None
    assert late - early == pytest.approx(72.25, abs=1e-4)


def test_midnight_lies_between_two_days() -> None:
    before, after = seconds_of("20201231235959"), seconds_of("20210101000001")
    assert before is not None
    assert after is not None
    assert after - before == 2


@pytest.mark.parametrize("text", ["101400", "101400.5", " 101400 ", "101400.000000"])
def test_a_time_without_a_date_is_below_a_day(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds is not None
    assert 36839 < seconds < 36841 < DAY_S


def test_the_offset_of_a_zone_changes_nothing() -> None:
    assert seconds_of("20210305101400+0100") == seconds_of("20210305101400")


@pytest.mark.parametrize(
    "text",
    ["", "1014", "20210305", "20211305101400", "0305101400", "10:14:00", "nan", "\u0661" * 6],
)
def test_another_text_is_no_time(text: str) -> None:
    assert seconds_of(text) is None
