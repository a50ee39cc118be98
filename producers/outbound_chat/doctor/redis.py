"""Checks the Redis server: whether jobs are safe there, and how much memory is left.

Managed services and ACL users may refuse INFO or CONFIG. What can't be read is reported as unknown, not as a fault.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from outbound_chat.model.diagnostics import Check, Level
from outbound_chat.store.inspection import Server
from outbound_chat_config import MOST_SKEW

Facts = Mapping[str, Any]

OLDEST_SERVER = 7
MOST_SKEW_SECONDS = 2.0
FULL = 0.8
"""Part of `maxmemory` above which memory will soon be used up."""
LAGGING_SECONDS = 10
"""Replicas report their progress once a second."""
GOOD = "ok"


def server_checks(servers: Sequence[Server]) -> Iterator[Check]:
    """Checks all servers. A finding that several servers share is reported once, with their names."""
    names: dict[Check, list[str]] = {}
    for server in servers:
        for check in _checks(server):
            names.setdefault(check, []).append(server.name)
    for check, where in names.items():
        if servers[0].name:
            which = "all primaries" if len(where) == len(servers) else ", ".join(where)
            yield replace(check, finding=f"{check.finding} ({which})")
        else:
            yield check


def _checks(server: Server) -> Iterator[Check]:
    info, config = server.info, server.config
    if server.away:
        yield Check("redis", Level.FAULT, server.away)
        return
    yield _version(info)
    yield from _role(info)
    yield _eviction(info, config)
    yield from _persistence(info, config)
    yield from _last_writes(info)
    yield from _memory(info)
    yield _clock(float(info["clock_skew"]))
    yield from _coverage(config)


def _unknown(subject: str, command: str) -> Check:
    return Check(subject, Level.OK, f"unknown: the server refuses {command}")


def _version(info: Facts) -> Check:
    name, field = ("Valkey", "valkey_version") if "valkey_version" in info else ("Redis", "redis_version")
    version = info.get(field)
    if version is None:
        return _unknown("redis", "INFO")
    if int(version.partition(".")[0]) < OLDEST_SERVER:
        return Check("redis", Level.FAULT, f"{name} {version}", f"use version {OLDEST_SERVER} or newer")
    return Check("redis", Level.OK, f"{name} {version}, {info.get('used_memory_human', 'unknown memory')} used")


def _role(info: Facts) -> Iterator[Check]:
    """Checks replication to and from this server; reports nothing without replication."""
    if info.get("role") == "slave":
        link = info.get("master_link_status", "unknown")
        advice = "name the primary in redis_url, or a service that finds it"
        yield Check("replication", Level.FAULT, f"this is a replica, which accepts no jobs; its link is {link}", advice)
        return
    replicas = [info[field] for field in info if field.startswith("slave") and isinstance(info[field], dict)]
    if not replicas:
        return
    bad = [one for one in replicas if one.get("state") != "online" or int(one.get("lag", 0)) > LAGGING_SECONDS]
    if bad:
        finding = f"{len(bad)} of {len(replicas)} replicas are not in sync: a failover to one of them loses jobs"
        advice = "check the logs of the replicas and the network"
        yield Check("replication", Level.WARNING, finding, advice)
    else:
        yield Check("replication", Level.OK, f"{len(replicas)} replicas are in sync")


def _eviction(info: Facts, config: Facts) -> Check:
    policy = info.get("maxmemory_policy") or config.get("maxmemory-policy")
    if policy is None:
        return _unknown("eviction", "INFO and CONFIG")
    if policy == "noeviction":
        return Check("eviction", Level.OK, "noeviction: jobs are never evicted")
    advice = "CONFIG SET maxmemory-policy noeviction, and the same in the server's configuration"
    return Check("eviction", Level.FAULT, f"{policy}: a full server would silently evict jobs", advice)


def _persistence(info: Facts, config: Facts) -> Iterator[Check]:
    if "aof_enabled" not in info:
        yield _unknown("persistence", "INFO")
        return
    if not int(info["aof_enabled"]):
        lost = "a restart loses the latest jobs" if config.get("save", "unknown") else "a restart loses all jobs"
        advice = "switch on the append-only file: CONFIG SET appendonly yes, and in the server's configuration"
        yield Check("persistence", Level.WARNING, f"no append-only file: {lost}", advice)
        return
    fsync = config.get("appendfsync")
    if fsync is None:
        yield Check("persistence", Level.OK, "append-only file is on; appendfsync is unknown: CONFIG is refused")
    elif fsync == "no":
        advice = "CONFIG SET appendfsync everysec, or always, and the same in the server's configuration"
        finding = "appendfsync no: a crash of the host loses half a minute of jobs"
        yield Check("persistence", Level.WARNING, finding, advice)
    else:
        yield Check("persistence", Level.OK, f"append-only file is on, appendfsync {fsync}")


def _coverage(config: Facts) -> Iterator[Check]:
    """Checks that a cluster serves the other slots while some are lost; reports nothing outside a cluster."""
    if config.get("cluster-require-full-coverage") == "yes" and config.get("cluster-enabled") == "yes":
        finding = "cluster-require-full-coverage yes: one dead primary without a replica stops all budgets"
        advice = "CONFIG SET cluster-require-full-coverage no, and the same in the configuration of every node"
        yield Check("cluster", Level.WARNING, finding, advice)


def _last_writes(info: Facts) -> Iterator[Check]:
    """Reports failed writes to disk."""
    advice = "check whether the disk is full, and the log of the server"
    if info.get("aof_last_write_status", GOOD) != GOOD:
        finding = "the last write of the append-only file failed: no new jobs are accepted"
        yield Check("disk", Level.FAULT, finding, advice)
    if info.get("aof_last_bgrewrite_status", GOOD) != GOOD:
        yield Check("disk", Level.WARNING, "the append-only file could not be rewritten, so it grows", advice)
    if info.get("rdb_last_bgsave_status", GOOD) != GOOD:
        finding = "the last snapshot failed; unless stop-writes-on-bgsave-error is off, no new jobs are accepted"
        yield Check("disk", Level.FAULT, finding, advice)


def _memory(info: Facts) -> Iterator[Check]:
    """Checks how much memory is left; reports nothing if `maxmemory` is not set."""
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if most and used > FULL * most:
        advice = "raise maxmemory, or wait until jobs have ended; a full server refuses new jobs"
        yield Check("memory", Level.WARNING, f"{used / most:.0%} of maxmemory is used", advice)
    elif most:
        yield Check("memory", Level.OK, f"{used / most:.0%} of maxmemory is used")


def _clock(skew: float) -> Check:
    if abs(skew) > MOST_SKEW.total_seconds():
        advice = "synchronize both clocks with NTP; AWS would refuse the calls of a worker here, so it sends nothing"
        return Check("clock", Level.FAULT, f"this machine and Redis are {abs(skew):.0f} s apart", advice)
    if abs(skew) > MOST_SKEW_SECONDS:
        advice = "synchronize both clocks with NTP; jobs use the clock of Redis, and AWS signatures use this one"
        return Check("clock", Level.WARNING, f"this machine and Redis are {abs(skew):.1f} s apart", advice)
    return Check("clock", Level.OK, "this machine and Redis agree")
