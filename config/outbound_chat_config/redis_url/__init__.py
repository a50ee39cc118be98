"""The URLs of Redis: servers, sentinels and clusters, with their options and TLS."""
