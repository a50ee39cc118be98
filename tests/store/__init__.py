"""The conformance suite of the ledger: what its scripts promise, on real servers."""
