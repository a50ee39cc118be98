"""The waker: starts pumps for due work, and checks and repairs the store."""
