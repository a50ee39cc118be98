"""One job: its life, why it waits or what happened to it, and how it is found. Dead letters, and actions on many."""

from collections import Counter
from contextlib import suppress

from starlette.responses import Response

from outbound_chat.http.ui.view import View, page
from outbound_chat.http.wire.codes import ProblemCode
from outbound_chat.http.wire.problems import Problem
from outbound_chat.model.api_keys import Scope
from outbound_chat.model.errors import DuplicateRisk, InvalidJob

FILTER, MOST_LOOKED = ("state", "code", "sender", "tenant"), 10_000
"""Of dead letters, and at how many of them a page looks at most."""


@page("/jobs/{id}", Scope.READ)
async def job(view: View) -> Response:
    """Shows it."""
    why = await view.shared(f"job {view.path['id']}", lambda: view.scoped.jobs.why(view.path["id"]))
    return view.render("job.html", job=why.job, why=why)


@page("/jobs/{id}/cancel", Scope.OPERATE, method="POST")
async def cancel(view: View) -> Response:
    """Cancels it."""
    await view.scoped.jobs.cancel(view.path["id"])
    return view.done(f"jobs/{view.path['id']}", "cancelled")


@page("/jobs/{id}/replay", Scope.OPERATE, method="POST")
async def replay(view: View) -> Response:
    """Replays it and shows the new job; or asks again where the customer might be texted twice."""
    try:
        new = await view.scoped.jobs.replay(view.path["id"], force="force" in await view.form(), changes={})
    except DuplicateRisk:
        return view.done(f"jobs/{view.path['id']}?risk=1")
    return view.done(f"jobs/{new.id}", "new_job")


@page("/find", Scope.READ, method="POST")
async def find(view: View) -> Response:
    """Leads to a job or batch by its id or idempotency key. A number stays in the body of the request."""
    wanted = (await view.form()).get("id", "")
    jobs = [one for one in (await view.scoped.jobs.statuses([wanted])).values() if one]
    if not jobs and await view.scoped.batches.shows(wanted):
        return view.done(f"batches/{wanted}")
    by = "to" if wanted.startswith("+") else "idempotency_key"
    with suppress(InvalidJob):  # what is no key, or numbers that are not listed
        for budget in () if jobs else sorted(view.service.settings.budgets):
            jobs += (await view.scoped.jobs.page({"budget": budget, by: wanted}, None, 50)).jobs
    return view.done(f"jobs/{jobs[0].id}") if len(jobs) == 1 else view.render("find.html", jobs=jobs, by=by)


@page("/dead", Scope.READ)
async def dead(view: View) -> Response:
    """Lists them. Counts are those of the page, unless the key sees all of a budget, and looks at all."""
    chosen, bounded = view.chosen(*FILTER), {"most_looked": MOST_LOOKED}
    found = await view.scoped.dead_letters.page(chosen | bounded, limit=100, cursor=view.query.get("cursor"))
    exact = view.whole and not chosen.keys() & {"sender", "tenant"}
    here = Counter((one.state, one.error.code) for one in found.jobs if one.error)
    counts = await view.scoped.unrestricted.count_dead(chosen["budget"]) if exact else here
    return view.render("dead.html", found=found, counts=counts, exact=exact, chosen=chosen)


@page("/dead/replay", Scope.OPERATE, method="POST")
async def replay_all(view: View) -> Response:
    """Starts the replay of all that match. One that might text a customer twice is left to the page of its job."""
    form = await view.form()
    chosen = {name: form[name] for name in ("budget", *FILTER) if name in form}
    if not chosen.keys() - {"budget"} and "all" not in form:
        raise Problem(ProblemCode.INVALID_REQUEST, "Name a state, code, sender or tenant, or say all.")
    await view.scoped.actions.start_replay(chosen)
    return view.done("actions", "replaying")


@page("/actions", Scope.READ)
async def actions(view: View) -> Response:
    """Lists bulk actions."""
    return view.render("actions.html", actions=await view.shared("actions", view.scoped.actions.all))


@page("/actions/{id}/stop", Scope.OPERATE, method="POST")
async def stop(view: View) -> Response:
    """Stops one."""
    await view.scoped.actions.stop(view.path["id"])
    return view.done("actions", "stopped")
