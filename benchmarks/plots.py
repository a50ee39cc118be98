"""Pictures of a comparison, as SVG files for docs. Needs matplotlib, and is imported only when pictures are drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt, ticker  # after the choice of what draws

from benchmarks.paced import BUCKET_SECONDS, CHANGED_RATES, Timeline  # as above
from benchmarks.speed import Figures  # as above

OURS = "outbound-chat"
_INK, _PEERS = "#1f4e9c", ("#e07b1a", "#8a8a8a", "#a8326e", "#2f9e5b", "#1fa3b8", "#9c7a00")
_SMOOTH_BUCKETS = 3
_TOP = 1.6 * max(CHANGED_RATES)

# The same figures give the same bytes: no date, no random ids.
mpl.rcParams.update(
    {
        "svg.hashsalt": "outbound-chat",
        "svg.fonttype": "path",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
    }
)


def _colour(name: str, position: int) -> str:
    return _INK if name == OURS else _PEERS[(position - 1) % len(_PEERS)]


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def draw_change(timeline: Timeline, path: Path) -> None:
    """A panel each: what AWS allowed, the contacts made of it, and above them the calls that were refused."""
    names = list(timeline.goodput)
    rows = (len(names) + 1) // 2
    figure, panels = plt.subplots(
        rows, 2, figsize=(9, 1.9 * rows), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    edges = [position * timeline.seconds for position in range(len(CHANGED_RATES) + 1)]
    for position, panel in enumerate(panels.flat):
        if position >= len(names):
            panel.set_visible(False)
            continue
        name = names[position]
        contacts, calls = _smoothed(timeline.goodput[name]), _smoothed(timeline.calls[name])
        times = [(bucket + 0.5) * BUCKET_SECONDS for bucket in range(len(contacts))]
        panel.stairs(CHANGED_RATES, edges, color="black", linewidth=1, linestyle="--", label="allowed")
        panel.fill_between(times, contacts, calls, color="#d64545", alpha=0.35, linewidth=0, label="refused calls")
        panel.plot(times, contacts, color=_colour(name, position), linewidth=1.6, label="contacts")
        panel.set_title(name, loc="left", fontweight="bold" if name == OURS else "normal")
        panel.set_ylim(0, _TOP)
        if max(calls, default=0.0) > _TOP:
            panel.text(0, 0.88 * _TOP, f"calls up to {max(calls):,.0f} a second", color="#a02020", fontsize=7)
    lines, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize=8)
    figure.supylabel("a second")
    figure.supxlabel("seconds")
    _save(figure, path)


def _smoothed(values: Sequence[float]) -> list[float]:
    """Means over three buckets: a bucket of one second at 5 a second holds few calls."""
    reach = _SMOOTH_BUCKETS // 2
    parts = [values[max(0, index - reach) : index + reach + 1] for index in range(len(values))]
    return [sum(part) / len(part) for part in parts]


def draw_latency(figures: Figures, names: Sequence[str], path: Path) -> None:
    """Share of jobs that were visible as sent, or called, within a time; the time on a logarithmic axis."""
    kinds = {
        "idle warm": ("idle workers, a job in the last second", 1.0),
        "idle cold": ("idle workers, none for 2.5 s", 1.0),
        "urgent": ("urgent, behind a backlog at 20 a second", 1000.0),
    }
    figure, panels = plt.subplots(1, len(kinds), figsize=(10, 3), sharey=True, layout="constrained")
    for panel, (kind, (title, factor)) in zip(panels, kinds.items(), strict=True):
        for position, name in enumerate(names):
            values = sorted(factor * value for value in figures.values[kind].get(name, []))
            shares = [(index + 1) / len(values) for index in range(len(values))]
            width = 2.2 if name == OURS else 1.1
            panel.step(values, shares, where="post", color=_colour(name, position), linewidth=width, label=name)
        panel.set_xscale("log")
        # 1, 2, 5, 10 ...: a panel may show less than a power of ten. One that shows several has no room for them.
        low, high = panel.get_xlim()
        panel.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high < 1_000 * low else (1,), numticks=12))
        panel.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        panel.xaxis.set_minor_formatter(ticker.NullFormatter())
        panel.set_title(title, loc="left", fontsize=9)
        panel.set_xlabel("milliseconds")
        panel.set_ylim(0, 1.02)
    panels[0].set_ylabel("share of jobs")
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=len(names), fontsize=8)
    _save(figure, path)


def draw_cost(curves: Mapping[str, Sequence[tuple[int, float, float]]], path: Path) -> None:
    """Server time of each script beside what waits, of that beside 1,000 waiting jobs."""
    figure, panel = plt.subplots(figsize=(6, 3))
    for position, (call, points) in enumerate(curves.items()):
        sizes, ratios = [size for size, _, _ in points], [ratio for _, _, ratio in points]
        label = f"{call} ({points[0][1]:.0f} µs)"
        panel.plot(sizes, ratios, marker="o", color=(_INK, *_PEERS)[position % 7], label=label)
    panel.axhline(1.5, color="black", linestyle="--", linewidth=1)
    panel.text(1_000, 1.52, "bar", fontsize=8)
    panel.set_xscale("log")
    panel.set_ylim(0, 2)
    panel.set_xlabel("waiting jobs")
    panel.set_ylabel("time, of that beside 1,000")
    panel.legend(fontsize=8)
    _save(figure, path)
