"""Reads URLs of Redis Cluster: `redis+cluster://[user:password@]host[:port],host[:port]…[?option=…]`.

Any node knows the others. Name several nodes, so that the cluster is found while one of them is down.
"""

from outbound_chat_config.redis_url.hosts import bracketed, parse_hosts

SCHEMES = ("redis+cluster://", "rediss+cluster://")
DEFAULT_PORT = 6379


def is_cluster(url: str) -> bool:
    """Returns whether the URL is that of a Redis Cluster."""
    return url.startswith(SCHEMES)


def parse_cluster_url(url: str) -> tuple[str, list[tuple[str, int]]]:
    """Returns the URL of the first node as redis-py reads it, with the options, and host and port of the others.

    Raises:
        ValueError: it can't be read. The message continues a sentence, without any part of the URL.
    """
    found = parse_hosts(url, DEFAULT_PORT)
    if not found:
        raise ValueError(
            "must list nodes of the cluster as host or host:port, separated by commas: "
            "redis+cluster://host:6379,host:6379"
        )
    if found.path.strip("/") not in {"", "0"}:
        raise ValueError("must not name a database, since a Redis Cluster has only database 0; remove the path")
    (host, port), *others = found.hosts
    login = f"{found.login}@" if found.login else ""
    query = f"?{found.query}" if found.query else ""
    return f"{found.scheme.replace('+cluster', '')}://{login}{bracketed(host)}:{port}{query}", others
