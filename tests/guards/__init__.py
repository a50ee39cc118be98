"""Guards: what a job costs, counted and not timed, so that a slow machine changes nothing and a worse program fails.

A bound stands a tenth or so above what was counted when it was set. Whoever makes something dearer on purpose raises
its bound in the same commit, and says in the test why it is worth that.
"""
