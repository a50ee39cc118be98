"""The parts of `ScopedClient`, a module for each noun."""
