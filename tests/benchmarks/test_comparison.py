"""What a comparison says of figures, and of those it does not have."""

import math
from pathlib import Path

import pytest

from benchmarks.comparison import CELERY, DRAMATIQ, HUEY, OURS, fill, hold_bars
from benchmarks.page import BEGIN, END, as_markdown, between_marks
from benchmarks.report import Report
from benchmarks.routes import BARE_ROUTE, POST
from benchmarks.speed import BARE, EVERYTHING, Figures

ROOT = Path(__file__).parents[2]


def test_a_ratio_is_the_median_of_the_rounds_ratios_for_each_round_has_its_own_noise() -> None:
    figures = Figures()
    for ours, bare in ((160.0, 100.0), (80.0, 40.0), (30.0, 20.0)):
        figures.add("drain 0 ms", OURS, ours)
        figures.add("drain 0 ms", BARE, bare)
    # The ratio of the medians would be 80 / 40.
    assert figures.ratio("drain 0 ms", OURS, BARE) == 1.6


def test_a_ratio_to_what_was_not_measured_is_no_number_and_misses_its_bar() -> None:
    figures = Figures()
    figures.add("enqueue single", OURS, 10_000.0)
    assert math.isnan(figures.ratio("enqueue single", OURS, DRAMATIQ))
    report = Report("comparison")
    hold_bars(report, figures, {})
    assert [bar.name for bar in report.missed] == ["enqueue single, of dramatiq"]


def test_an_empty_cell_says_why_it_is_empty() -> None:
    figures = Figures()
    figures.add("polls", OURS, 9_000.0)
    figures.reasons[EVERYTHING, "saq-aio"] = "it did not start"
    figures.reasons["polls", "dramatiq"] = "0 of 1 after 30 s"
    report = Report("comparison")
    fill(report, figures, [OURS, "saq-aio", "dramatiq", CELERY])
    (rows,) = report.tables.values()
    assert [row["polls/s"] for row in rows] == [
        "9,000",
        "it did not start",
        "0 of 1 after 30 s",
        "not measured in this run",
    ]


def test_what_failed_is_the_reason_of_the_cells_beside_it() -> None:
    figures = Figures()
    figures.add("drain 0 ms", OURS, 1_000.0)
    figures.reasons["drain 0 ms", HUEY] = "0 of 1 after 30 s"
    report = Report("comparison")
    fill(report, figures, [OURS, HUEY])
    rows = report.tables["Drain"]
    assert rows[1]["0 ms: CPU s a 1,000"] == "0 of 1 after 30 s"


def test_a_figure_stands_though_its_contender_did_not_start_again_in_a_later_part() -> None:
    figures = Figures()
    figures.add("polls", HUEY, 20_000.0)
    figures.reasons[EVERYTHING, HUEY] = "it did not start"
    report = Report("comparison")
    fill(report, figures, [HUEY])
    (rows,) = report.tables.values()
    assert (rows[0]["polls/s"], rows[0]["idle warm p50 ms"]) == ("20,000", "it did not start")


def test_a_figure_that_was_still_growing_says_so() -> None:
    figures = Figures()
    figures.add("before other tenant", CELERY, 310)
    figures.reasons["before other tenant", CELERY] = "not called"
    report = Report("comparison")
    fill(report, figures, [CELERY])
    (rows,) = report.tables.values()
    assert rows[0]["contacts before another tenant's job"] == "≥ 310 (not called)"


def test_a_table_without_peers_has_rows_for_those_that_were_asked_alone() -> None:
    figures = Figures()
    figures.add(POST, BARE_ROUTE, 2_700.0)
    figures.reasons[POST, OURS] = "it did not start"
    report = Report("comparison")
    fill(report, figures, [OURS, CELERY])
    hold_bars(report, figures, {})
    (rows,) = report.tables.values()
    assert [(row[""], row["POST /v1/jobs, a second"]) for row in rows] == [
        (BARE_ROUTE, "2,700"),
        (OURS, "it did not start"),
    ]
    # What failed is a missed bar, too.
    assert [bar.name for bar in report.missed] == [f"{POST}, of {BARE_ROUTE}"]


def test_growth_is_held_to_its_bar_at_the_largest_size() -> None:
    report = Report("comparison")
    hold_bars(report, Figures(), {"submit 1": [(1_000, 40.0, 1.0), (1_000_000, 70.0, 1.75)]})
    assert [(bar.name, bar.held) for bar in report.bars] == [("growth of submit 1 to 1,000,000 waiting", False)]


def test_the_page_has_the_marks_and_a_run_replaces_what_stands_between_them() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    once = between_marks(page, "figures")
    assert once.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert once.partition(END)[2] == page.partition(END)[2]
    assert between_marks(between_marks(page, "others"), "figures") == once


def test_a_page_without_marks_is_refused_instead_of_being_lost() -> None:
    with pytest.raises(ValueError, match="between which the figures go"):
        between_marks("# Benchmarks\n", "figures")


def test_missed_bars_and_all_cells_are_on_the_page() -> None:
    report = Report("comparison")
    report.row("Drain", {"": OURS, "jobs/s": "1,200"})
    report.hold("used, %", 97.2, least=98)
    text = as_markdown(report)
    assert "| outbound-chat | 1,200 |" in text
    assert "| used, % | 97.2 | ≥ 98 | **missed** |" in text
