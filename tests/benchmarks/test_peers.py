"""The endpoint of the benchmarks is one that boto3 takes for Amazon Connect, and what all peers send is in order."""

import os
import socket
import time

from benchmarks.endpoint import Endpoint
from benchmarks.line import running_line
from benchmarks.peers import outbound
from benchmarks.peers.work import SHARED, job_of
from benchmarks.rig import cpu_seconds, family, resident_mib, running_endpoint
from benchmarks.speed import bare
from outbound_chat.request import SPEC, ChatRequest
from outbound_chat_config import Sender
from outbound_chat_worker.sandbox import SandboxOptions, running_sandbox
from tests.support.harness import sender


def test_the_endpoint_counts_each_call_of_a_real_boto3_client() -> None:
    with running_endpoint() as url:
        (alone,) = bare(url, 30)
        # And those by which it warmed up.
        assert len(Endpoint(url).arrivals()) == 30 + 20
        assert (alone["calls"], alone["cpu"] > 0) == (30, True)
        assert Endpoint(url).arrivals() == []
        answers = bare(url, 10, processes=2, threads=4)
        assert [one["calls"] for one in answers] == [8, 8]
        assert len(Endpoint(url).arrivals()) == 2 * 4 * (2 + 20)


def test_the_sandbox_accepts_what_peers_send() -> None:
    with running_sandbox(SandboxOptions(rate=None, max_chats=1_000, verify_signatures=False)) as sandbox:
        bare(sandbox.url, 5)
        stats = sandbox.stats()
        assert (stats.accepted, stats.refused) == (25, 0)


def test_all_peers_send_the_same_full_request_and_no_two_are_alike() -> None:
    request, other = job_of(7), job_of(8)
    assert request.keys() == SPEC.members.keys()
    alike = {*SHARED, "InstanceId", "SourceEndpoint"}
    assert {name for name, value in request.items() if value == other[name]} == alike
    values = sender(instance_id=request["InstanceId"], source=request["SourceEndpoint"]["Address"])
    our_sender = Sender.model_validate(values)
    whole, row = ChatRequest.from_short(outbound.job_of(7)), ChatRequest.from_short(outbound.row_of(7))
    assert whole.errors(our_sender) == ()
    assert whole.api(our_sender, "unused") == request
    assert row.merged(ChatRequest.from_short(outbound.SHARED)).api(our_sender, "unused") == request


def test_a_line_takes_more_while_it_carries_and_keeps_the_order() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        running_line(listener.getsockname()[1], 0.05) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as near,
    ):
        far, _ = listener.accept()
        with far:
            began = time.monotonic()
            near.sendall(b"first ")
            near.sendall(b"second")
            assert far.recv(12, socket.MSG_WAITALL) == b"first second"
            far.sendall(b"answer")
            assert near.recv(6, socket.MSG_WAITALL) == b"answer"
            assert time.monotonic() - began >= 2 * 0.05
        # The end of one side reaches the other.
        assert near.recv(1) == b""


def test_cpu_and_memory_are_those_of_this_process_and_its_family() -> None:
    pids = family(os.getpid())
    assert pids[0] == os.getpid()
    assert cpu_seconds(pids) > 0
    assert resident_mib(pids) > 1
    # One that has ended costs nothing.
    assert cpu_seconds([2**22 + 1]) == 0
