"""The dashboard: what 50 viewers cost Redis beside one, and what a page takes with 1,000,000 jobs in 10,000 batches.

python -m benchmarks.ui_viewers [--viewers 50] [--seconds 20] [--batches 10000] [--rows 100]
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import httpx

from benchmarks.report import Figure, Report, run
from outbound_chat.client import OutboundChat
from outbound_chat.store import Store
from tests.browser.pages import PAGES
from tests.browser.stack import INVALID, TEXT, make_tokens
from tests.http.conftest import Service, start_service
from tests.support.harness import number, running_harness

LIVE = ("", "batches", "batches/{batch}")
Rates: TypeAlias = tuple[float, float]
"""Commands that Redis got, and answers that viewers got, a second."""
POLL_SECONDS = 1.0
"""A page asks again so long after its last answer."""
SHARED_SECONDS = 1.1
"""What a page has read is shared for a second."""
MOST_RATIO = 1.2
SIGNED_OUT = ("login",)

VIEWERS_TABLE = "Viewers: commands a second that Redis gets beside what it gets without any"
PAGES_TABLE = "Pages: milliseconds from the request to the whole answer"


def signed_in(service: Service, token: str) -> dict[str, str]:
    """The cookie of a new session."""
    with service.client() as http:
        http.post("/ui/login", data={"key": token}, headers={"Origin": service.url})
        return dict(http.cookies)


def fill(chat: OutboundChat, batches: int, rows: int) -> dict[str, str]:
    """Sends a few, of which some fail, and leaves the others on hold; ids for the paths of pages."""
    few = [{"to": number(row)} for row in range(1_000)] + [{"to": INVALID}] * 100
    sent = chat.enqueue_batch(few, sender="support", text=TEXT, name="sent")
    chat.wait_batch(sent.id)
    chat.hold(budget="main", reason="for the benchmark")
    batch = ""
    for index in range(batches):
        first = 1_000 + index * rows
        numbers = ({"to": number(row)} for row in range(first, first + rows))
        options: dict[str, Any] = {"tenant": f"tenant-{index % 100}"}
        batch = chat.enqueue_batch(numbers, sender="support", text=TEXT, name=f"batch {index}", **options).id
    failed = chat.dead_letters(limit=1).jobs[0].id
    held = f"{batch}-1"
    return {"batch": batch, "sent": f"{sent.id}-1", "failed": failed, "held": held, "refused": failed, "hostile": batch}


def commands(redis: Any) -> int:
    """Commands that the server has run, those of scripts included."""
    return sum(stats["calls"] for name, stats in redis.info("commandstats").items() if name != "cmdstat_info")


async def look(service: Service, path: str, cookies: dict[str, str], viewers: int, seconds: float) -> int:
    """So many people look at a page for a while, each from a browser of its own; how many answers they got."""
    ends, answers = time.monotonic() + seconds, 0

    async def viewer(place: int) -> None:
        nonlocal answers
        async with httpx.AsyncClient(base_url=service.url, cookies=cookies, timeout=60) as http:
            await asyncio.sleep(POLL_SECONDS * place / viewers)
            while time.monotonic() < ends:
                (await http.get(f"/ui/{path}".removesuffix("/"), headers={"HX-Request": "true"})).raise_for_status()
                answers += 1
                await asyncio.sleep(POLL_SECONDS)

    await asyncio.gather(asyncio.sleep(seconds), *map(viewer, range(viewers)))
    return answers


def measure_viewers(report: Report, paths: Iterable[str], rates: Callable[[str, int], Rates], viewers: int) -> None:
    """Commands a second of one viewer and of many; `rates` measures them for a page and so many viewers."""
    nobody, _ = rates("", 0)
    for path in paths:
        (one, few), (many, answers) = rates(path, 1), rates(path, viewers)
        one, many = one - nobody, many - nobody
        row: dict[str, Figure] = {"page": f"/ui/{path}", "one": one, f"{viewers}": many, "ratio": many / one}
        report.row(VIEWERS_TABLE, row | {"nobody": nobody, "answers to one": few, f"to {viewers}": answers})
        report.hold(f"commands of {viewers} viewers of /ui/{path} / of one", many / one, most=MOST_RATIO)


def measure_pages(report: Report, service: Service, paths: Iterable[str], headers: dict[str, str], rounds: int) -> None:
    """Times of pages and of a plain status request, in turn, so that a busy machine strikes all.

    Between the rounds, everything is forgotten that viewers share.
    """
    taken: dict[str, list[float]] = {path: [] for path in paths}
    with service.client() as http:
        for _ in range(rounds):
            time.sleep(SHARED_SECONDS)
            for path, times in taken.items():
                began = time.perf_counter()
                http.get(path, headers=headers).raise_for_status()
                times.append((time.perf_counter() - began) * 1000)
    plain = statistics.median(next(iter(taken.values())))
    for path, times in taken.items():
        median, last = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        report.row(PAGES_TABLE, {"page": path, "median": median, "p95": last, "times a status request": median / plain})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Fills a store and measures; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ui_viewers", description="Measures the dashboard.")
    add = parser.add_argument
    add("--viewers", type=int, default=50, help="people who look at the same page (%(default)d)")
    add("--seconds", type=float, default=20.0, help="how long they look (%(default)g)")
    add("--batches", type=int, default=10_000, help="batches in the store (%(default)d)")
    add("--rows", type=int, default=100, help="jobs in each of them (%(default)d)")
    add("--rounds", type=int, default=50, help="requests for each page (%(default)d)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file, too")
    options = parser.parse_args(arguments)
    report = Report("ui_viewers")

    def measure() -> None:
        with (
            tempfile.TemporaryDirectory(prefix="outbound-chat-bench-") as folder,
            running_harness(Path(folder)) as stack,
        ):
            service = start_service(stack)
            stack.start_worker()
            chat, began = stack.chat(), time.monotonic()
            ids = fill(chat, options.batches, options.rows)
            taken = timedelta(seconds=round(time.monotonic() - began))
            report.say(f"{options.batches * options.rows:,} jobs in {options.batches:,} batches, made in {taken}")
            token = make_tokens(stack)["all"]
            paths = [f"/ui/{path.format_map(ids)}".removesuffix("/") for path in PAGES if path not in SIGNED_OUT]
            bearer = {"Authorization": f"Bearer {token}"}
            measure_pages(report, service, [f"/v1/jobs/{ids['held']}", *paths], bearer, options.rounds)
            live = [path.format_map(ids) for path in LIVE if path in PAGES]
            for worker in stack.workers:
                # What it asks Redis for would hide what the pages do.
                stack.kill(worker)
            cookies = signed_in(service, token)
            with Store(stack.server.url) as store:

                def rates(path: str, viewers: int) -> Rates:
                    before, start = commands(store.redis), time.monotonic()
                    answers = asyncio.run(look(service, path, cookies, viewers, options.seconds))
                    taken = time.monotonic() - start
                    return (commands(store.redis) - before) / taken, answers / taken

                measure_viewers(report, live, rates, options.viewers)

    run(report, measure, options.json)


if __name__ == "__main__":
    main()
