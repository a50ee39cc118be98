"""What an address of Redis may say: servers, sentinels and clusters, their options and TLS."""
