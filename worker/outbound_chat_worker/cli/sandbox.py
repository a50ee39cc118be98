"""Run a stand-in for Amazon Connect that sends nothing."""

import asyncio
import ipaddress
import shlex
import signal
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from outbound_chat.cli.output import print_json
from outbound_chat_worker.cli.inbox import events, inbox
from outbound_chat_worker.local.ports import cannot_listen
from outbound_chat_worker.sandbox import (
    KEEP,
    SANDBOX_ACCESS_KEY_ID,
    SANDBOX_SECRET_ACCESS_KEY,
    EventOptions,
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
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = _DEFAULTS.port,
    rate: Annotated[
        float, typer.Option(min=0.001, help="Calls per second for each access key and Region.")
    ] = _DEFAULTS.rate or 0,
    no_rate_limit: Annotated[bool, typer.Option("--no-rate-limit", help="Never throttle; --rate is ignored.")] = False,
    burst: Annotated[int, typer.Option(min=1, help="Calls allowed at once.")] = _DEFAULTS.burst,
    max_chats: Annotated[int, typer.Option(min=0, help="Open chats allowed per instance.")] = _DEFAULTS.max_chats,
    chat_seconds: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="MIN MAX", help="Seconds after which chats end by themselves, such as 20 90."),
    ] = None,
    answered: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="Share of the chats in which the customer answers.")
    ] = 0,
    event: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="How contact events arrive, such as lost=0.02; can be repeated."),
    ] = None,
    latency_ms: Annotated[int, typer.Option(min=0, help="Delay of every response, in milliseconds.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND[:SHARE][:NAME=VALUE]", help="Fault to inject, such as late:0.1:delay=2.5; can be repeated."
        ),
    ] = None,
    deny_quotas: Annotated[
        bool, typer.Option("--deny-quotas", help="Refuse GetServiceQuota with AccessDeniedException.")
    ] = False,
    any_key: Annotated[
        bool, typer.Option("--any-key", help="Accept any access key, and don't check signatures.")
    ] = False,
    keep: Annotated[int, typer.Option(min=1, help="Contacts and calls to keep in memory.")] = KEEP,
    seed: Annotated[int, typer.Option(help="Random seed that determines which calls fail.")] = _DEFAULTS.seed,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the address, as one line of JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Don't print a line for each call.")] = False,
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Allow a --host that others can reach.")] = False,
) -> None:
    """Run a stand-in for Amazon Connect that sends nothing.

    Accepts StartOutboundChatContact from boto3 or the aws command, checks it strictly, and applies the rate, the tokens
    and the quota of open chats. Magic numbers such as +12025550142 fail, each in its own way; docs/sandbox.md lists
    them and the kinds of --fault.

    Chats end after --chat-seconds. Contact events say so: 'outbound-chat sandbox events' prints them, and the queue
    contact-events has them. An --event is late, doubled, swapped, lost (shares), delay (seconds), url or header.

    Open its address in a browser, or run 'outbound-chat sandbox inbox', to see what was sent. Runs until Ctrl-C or
    SIGTERM. The address goes to stdout; a line for each call goes to stderr.

    $ outbound-chat sandbox --port 8080
    $ outbound-chat sandbox --fault internal_error:0.1 --fault late:0.1:delay=2.5
    $ outbound-chat sandbox --chat-seconds 20 90 --event lost=0.02
    """
    if context.invoked_subcommand:
        return
    if not allow_remote and not _is_loopback(host):
        message = "others could reach this address and read every message; add --allow-remote"
        raise typer.BadParameter(message, param_hint="--host")
    try:
        options = SandboxOptions(
            host=host,
            port=port,
            rate=None if no_rate_limit else rate,
            burst=burst,
            max_chats=max_chats,
            chat_seconds=chat_seconds,
            answered=answered,
            events=EventOptions.parse(event or []),
            latency=timedelta(milliseconds=latency_ms),
            verify_signatures=not any_key,
            keep=keep,
            quotas_denied=deny_quotas,
            seed=seed,
            faults=tuple(map(Fault.parse, fault or [])),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
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


SANDBOX = {"": sandbox, "inbox": inbox, "events": events}
