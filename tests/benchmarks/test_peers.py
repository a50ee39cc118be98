"""The endpoint of the benchmarks is one that boto3 takes for Amazon Connect, and what all peers send is in order."""

import os

import pytest

from benchmarks.endpoint import Endpoint
from benchmarks.peers.work import call_arguments, job_of
from benchmarks.rig import cpu_seconds, family, resident_mib, running_endpoint
from benchmarks.speed import bare
from outbound_chat_worker.sandbox import SandboxOptions, running_sandbox


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


def test_a_bad_job_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="to is a number"):
        call_arguments({"to": "12025550123", "text": "Hello"}, "1")
    with pytest.raises(ValueError, match="text has 1 to"):
        call_arguments({**job_of(0), "text": ""}, "1")


def test_the_token_is_that_of_the_job_whatever_the_attempt() -> None:
    tokens = [call_arguments(job_of(0), job_id)["ClientToken"] for job_id in ("a", "a", "b")]
    assert tokens[0] == tokens[1] != tokens[2]


def test_cpu_and_memory_are_those_of_this_process_and_its_family() -> None:
    pids = family(os.getpid())
    assert pids[0] == os.getpid()
    assert cpu_seconds(pids) > 0
    assert resident_mib(pids) > 1
    # One that has ended costs nothing.
    assert cpu_seconds([2**22 + 1]) == 0
