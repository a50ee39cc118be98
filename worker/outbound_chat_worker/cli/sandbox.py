"""Stand in for Amazon Connect, to try a flow without sending anything to anybody; `inbox` shows what was sent."""

import asyncio
import ipaddress
import shlex
import signal
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from outbound_chat.cli.output import print_json
from outbound_chat_worker.cli.inbox import inbox
from outbound_chat_worker.local.ports import cannot_listen
from outbound_chat_worker.sandbox import (
    KEEP,
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    Fault,
    SandboxOptions,
    SandboxStats,
    serve,
)

_DEFAULTS = SandboxOptions()
_REGION = "us-east-1"
_EXAMPLE = {
    "--instance-id": "11111111-2222-3333-4444-555555555555",
    "--contact-flow-id": "66666666-7777-8888-9999-000000000000",
    "--source-endpoint": f"Type=CONNECT_PHONENUMBER_ARN,Address=arn:aws:connect:{_REGION}:123456789012:phone-number/"
    "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "--destination-endpoint": "Type=TELEPHONE_NUMBER,Address=+12025550100",
    "--segment-attributes": '{"connect:Subtype":{"ValueString":"connect:SMS"}}',
    "--initial-system-message": "ContentType=text/plain,Content=Hello",
}


def sandbox(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = _DEFAULTS.host,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = _DEFAULTS.port,
    rate: Annotated[
        float, typer.Option(min=0.001, help="Calls a second of one access key and Region.")
    ] = _DEFAULTS.rate or 0,
    no_rate_limit: Annotated[bool, typer.Option("--no-rate-limit", help="Never throttle; --rate is ignored.")] = False,
    burst: Annotated[int, typer.Option(min=1, help="Calls that may come at once.")] = _DEFAULTS.burst,
    max_chats: Annotated[int, typer.Option(min=0, help="Open chats of one instance.")] = _DEFAULTS.max_chats,
    latency_ms: Annotated[int, typer.Option(min=0, help="Milliseconds before every answer.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:SHARE][:NAME=VALUE]", help="Fault, such as late:0.1:delay=2.5; repeatable."),
    ] = None,
    deny_quotas: Annotated[
        bool, typer.Option("--deny-quotas", help="Refuse GetServiceQuota with AccessDeniedException.")
    ] = False,
    any_key: Annotated[
        bool, typer.Option("--any-key", help="Take any access key; check neither signatures nor their dates.")
    ] = False,
    keep: Annotated[
        int, typer.Option(min=1, help="Contacts and calls whose numbers and texts are kept in memory.")
    ] = KEEP,
    seed: Annotated[int, typer.Option(help="Seed of the draw that decides which calls fail.")] = _DEFAULTS.seed,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the address, as one line of JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no line for each call.")] = False,
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Allow a --host that others can reach.")] = False,
) -> None:
    """Stand in for Amazon Connect, to try a flow without sending anything to anybody.

    Takes the real StartOutboundChatContact request of boto3 or the aws
    command, checks it strictly, and keeps the rate, the tokens and the
    quota of open chats. GetServiceQuota of Service Quotas reports what it
    allows. Magic numbers such as +12025550142 fail, each in
    its own way; docs/sandbox.md lists them and the kinds of --fault.

    Its address in a browser shows what was sent, and so does
    `outbound-chat sandbox inbox`. Runs until Ctrl-C or SIGTERM. Data goes
    to stdout; a line for each call, and totals at the end, to stderr.
    """
    if context.invoked_subcommand:
        return
    if not allow_remote and not _is_loopback(host):
        message = "others could reach this address and read every message; add --allow-remote"
        raise typer.BadParameter(message, param_hint="--host")
    options = SandboxOptions(
        host=host,
        port=port,
        rate=None if no_rate_limit else rate,
        burst=burst,
        max_chats=max_chats,
        latency=timedelta(milliseconds=latency_ms),
        verify_signatures=not any_key,
        keep=keep,
        quotas_denied=deny_quotas,
        seed=seed,
        faults=_faults(fault or []),
    )
    try:
        stats = asyncio.run(_serve_until_signal(options, as_json=as_json, quiet=quiet))
    except OSError as error:
        raise cannot_listen(error, port, "--port", host) from error
    typer.echo(_totals(stats), err=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _faults(texts: list[str]) -> tuple[Fault, ...]:
    try:
        return tuple(map(Fault.parse, texts))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None


async def _serve_until_signal(options: SandboxOptions, *, as_json: bool, quiet: bool) -> SandboxStats:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(url: str) -> None:
        print_json({"url": url}) if as_json else typer.echo(_greeting(url))

    return await serve(options, ready=ready, stop=stop, log=None if quiet else partial(typer.echo, err=True))


def _greeting(url: str) -> str:
    options = " \\\n    ".join(f"{name} {shlex.quote(value)}" for name, value in _EXAMPLE.items())
    return (
        f"Amazon Connect sandbox at {url}\n"
        "Sends nothing; open it in a browser to see what it got. Ctrl-C ends it.\n"
        "Try it from another terminal:\n\n"
        f"AWS_ACCESS_KEY_ID={SANDBOX_ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY={SANDBOX_SECRET_ACCESS_KEY} \\\n"
        f"  aws connect start-outbound-chat-contact --endpoint-url {url} --region {_REGION} \\\n    {options}\n"
    )


def _totals(stats: SandboxStats) -> str:
    return (
        f"{stats.calls} calls: {stats.accepted} contacts started, {stats.repeated} repeated, "
        f"{stats.refused} refused ({stats.throttled} of them throttled)"
    )


SANDBOX = {"": sandbox, "inbox": inbox}
