"""A benchmark that missed a bar says so to people, to programs and to the shell."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.report import Report, run


def ended_with(report: Report, file: Path | None = None) -> object:
    with pytest.raises(SystemExit) as end:
        run(report, lambda: report.row("A table", {"jobs": 3, "share": math.nan}), file)
    return end.value.code


def test_bars_that_hold_end_the_program_with_0() -> None:
    report = Report("some")
    report.hold("used", 0.99, least=0.98)
    report.hold("lost", 0, most=0)
    assert ended_with(report) == 0


@pytest.mark.parametrize("figure", [0.97, math.nan])
def test_a_missed_bar_and_one_that_could_not_be_measured_end_it_with_1(
    figure: float, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("some")
    report.hold("used", figure, least=0.98)
    assert ended_with(report) == 1
    assert "MISSED  used" in capsys.readouterr().out


def test_the_json_has_all_figures_and_no_nan(tmp_path: Path) -> None:
    report = Report("some")
    report.hold("used", math.nan, least=0.98)
    ended_with(report, tmp_path / "out.json")
    document = json.loads((tmp_path / "out.json").read_text(), parse_constant=pytest.fail)
    assert document["tables"] == {"A table": [{"jobs": 3, "share": None}]}
    assert document["bars"] == [{"name": "used", "figure": None, "most": None, "least": 0.98, "held": False}]


def test_the_json_has_the_single_values_behind_a_median(tmp_path: Path) -> None:
    report = Report("some")
    report.details = {"rounds": {"drain": {"outbound-chat": [1.0, 2.0]}}}
    ended_with(report, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["details"] == report.details
