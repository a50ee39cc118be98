"""Programs that measure what outbound-chat promises of itself; see docs/benchmarks.md.

Not tests: they take minutes, and want a machine to themselves. The one idea: every bar is a ratio or a count within one
run, so that it means the same on any machine.
"""
