"""What a bucket may hold, from both sides: at most what is promised to the provider, at least what to the sender."""

from dataclasses import dataclass, field

ENOUGH = 1e-3
"""Sums of small refills are off by less."""


@dataclass
class Allowance:
    """A bucket of which only the rules are known: filled by `rate` a second up to `most`.

    Which rate counts for the time before it was changed, and whether a script saw that the clock stood back for a
    while, is the ledger's own affair: the two sides take what is best and worst.
    """

    rate: float
    most: float
    at: int
    _high: float = field(init=False)
    full: float
    """What is in it when it is used for the first time."""
    _low: float = field(init=False)
    _used: bool = False

    def __post_init__(self) -> None:
        self._high, self._low = self.most, self.full
        self._high_at = self._low_at = self.at
        self._fastest = self._slowest = self.rate

    def high(self, now: int) -> float:
        """The most that may be in it."""
        return min(self.most, self._high + max(0, now - self._high_at) / 1000 * self._fastest)

    def low(self, now: int) -> float:
        """The least that must be in it."""
        filled = max(0, now - self._low_at) / 1000 * self._slowest if self._used else 0
        return min(self.most, self._low + filled)

    def change(self, rate: float, most: float, full: float, now: int) -> None:
        """New settings."""
        self._fastest, self._slowest = max(self._fastest, rate), min(self._slowest, rate)
        # A bucket that was narrow for a while has lost what stood above its edge.
        self._low = min(self._low, most - max(0, now - self._low_at) / 1000 * self._slowest)
        self.rate, self.most = rate, most
        if not self._used:
            self._high, self._low = most, full

    def spend(self, amount: float, now: int) -> None:
        """Takes from it, or gives back what is below zero."""
        self._high = min(self.most, self.high(now) - amount)
        self._low = min(self.most, self.low(now) - amount)
        self._high_at = self._low_at = now
        self._fastest = self._slowest = self.rate
        self._used = True

    def step_back(self, before: int, now: int) -> None:
        """The clock was put back: what follows may count again, but never twice what was counted."""
        self._high = self._high + max(0, before - self._high_at) / 1000 * self._fastest
        self._high_at = now

    def lose(self) -> None:
        """The provider throttled: how little is left, and how slowly it fills, is the ledger's to learn."""
        self._low = float("-inf")
