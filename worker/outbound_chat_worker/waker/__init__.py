"""The waker: finds what time alone brings about, and repairs what does not belong together."""
