"""Ctrl-C reaches the tests, and the programs that they start, as it reaches those of a user."""

from __future__ import annotations

import signal

# A shell that starts a job in the background makes it, and all that it starts, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
