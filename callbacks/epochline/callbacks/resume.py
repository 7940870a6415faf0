"""`Resume`: a training that is killed goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, Final

from epochline.callbacks.fit import Fit
from epochline.callbacks.part import PartCallback
from epochline.callbacks.probes import find_callback_list
from epochline.callbacks.resuming.continuation import Continuation, Options

__all__ = ["Resume"]

_TERMINATED: Final = 143


class Resume(PartCallback):
    """Continues a training that was killed, bit for bit as if it had not been.

    Add it to `fit`, at any place in the list, and start the same script again after a kill, a crash
    or a preemption. What is continued: weights, optimizer, learning rate, seed generators, random
    state of Python, NumPy and the backend, the order of the data, averages of weights, `History`,
    and the counters of all callbacks. When the script has changed so that this cannot be, `fit`
    raises before the first batch; what cannot be promised is told.

    It saves behind all other callbacks at the end of an epoch, wherever it stands, into `resume/`
    of the run directory. On SIGTERM it saves at the next batch, or at the end of the epoch where
    the data allows no other place, and ends the process.

    A training that has ended is not trained again: `fit` returns at once with its result. With
    more epochs it goes on. Delete `resume/` to begin anew.

    Args:
        log_dir: Run directory, one per training.
        every: Epochs between two saves. A kill costs the time since the last one, and nothing else.
        every_batches: Also save after this many batches within an epoch, where the data allows it;
            None for not.
        preemption: Whether SIGTERM saves and ends the process.
        interrupt: Whether Ctrl-C saves before it raises `KeyboardInterrupt`.
        exit_code: What the process ends with after SIGTERM. The default is what a shell reports for
            that signal: not 0, as the training is not done.

    Raises:
        ValueError: If an argument is not of the accepted values; from `fit`, if
            `keras.callbacks.BackupAndRestore` is in the same list.
        ResumeMismatchError: From `fit`, before the first batch, if the script is another one.
        ResumeStateError: From `fit`, before the first batch, if what was saved is damaged.
        RunBusyError: From `fit`, before the first batch, if another living process writes to
            `log_dir`.

    Example:
        >>> keras.utils.set_random_seed(1)
        >>> model.fit(x, y, epochs=150, callbacks=[Resume("logs/pima")])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        every: int = 1,
        every_batches: int | None = None,
        preemption: bool = True,
        interrupt: bool = False,
        exit_code: int = _TERMINATED,
    ) -> None:
        super().__init__(log_dir)
        _check("every", every)
        if every_batches is not None:
            _check("every_batches", every_batches)
        wanted = {signal.SIGTERM: preemption, signal.SIGINT: interrupt}
        self._options = Options(
            every=every,
            every_batches=every_batches,
            signals=tuple(number for number, is_wanted in wanted.items() if is_wanted),
            exit_code=exit_code,
        )

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Finds out whether there is something to continue."""
        super().on_train_begin(logs)
        self.join(self.fit)

    def join(self, fit: Fit | None) -> None:
        """Takes part in a `fit` whose `on_train_begin` is going on.

        Args:
            fit: The recording of it; None when it cannot be recorded, and so not be continued.
        """
        callback_list = find_callback_list()
        if fit is not None and callback_list is not None:
            Continuation.begin(fit, callback_list, self._options)


def _check(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        msg = f"Resume got {name}={value!r}. Use a positive number."
        raise ValueError(msg)
