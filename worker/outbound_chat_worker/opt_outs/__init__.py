"""Opt-outs: copies the opt-out lists of AWS End User Messaging SMS into the suppression lists of senders."""
