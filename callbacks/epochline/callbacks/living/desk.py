"""Answer what a running training is asked for, between two batches.

Invariant: no exception leaves a hook; whatever cannot be done is answered, and the training goes
on. With nothing asked, a batch costs a look at the clock, and a second one `stat`.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import monotonic, sleep, time
from typing import Any, Final

import keras

from epochline.callbacks.fit import Fit
from epochline.callbacks.living.candidate import Refusal
from epochline.callbacks.living.keeping import NAME, Keeper
from epochline.callbacks.living.nan_guard import NanGuard, RestoreOnNaN
from epochline.callbacks.living.restoring import Wanted, learning_rate, set_learning_rate
from epochline.callbacks.living.returning import Return, Returning
from epochline.callbacks.probes import Apart
from epochline.callbacks.resuming.places import is_leaving
from epochline.events import Decision, Event, Outcome, RequestAnswered, Topic, Verdict
from epochline.restore.audit import AuditLine, append_audit, line_of
from epochline.restore.mailbox import Listener, Mailbox, Taken
from epochline.restore.requests import Action, Answer, Request
from epochline.sentences import rate

__all__ = ["Desk"]

_log = logging.getLogger("epochline")

_LOOK_EVERY_SECONDS: Final = 1.0
_LOOK_WHILE_PAUSED_SECONDS: Final = 0.2
_CLOCKS_DIFFER_SECONDS: Final = 300.0

_Did = tuple[Answer, tuple[Event, ...]]


class _ExpiredError(Exception):
    """It is too late for a request."""


class Desk:
    """Answers the requests to one `fit`.

    Args:
        fit: The training.
        callback_list: Its callbacks.
        on_nan: What to do by itself about NaN; None for nothing.

    Attributes:
        guard: Who does that; None for nobody.
    """

    def __init__(
        self,
        fit: Fit,
        callback_list: keras.callbacks.CallbackList,
        on_nan: RestoreOnNaN | None,
    ) -> None:
        self._fit = fit
        self._keeper = Keeper(fit)
        self._returning = Returning(fit, self._keeper)
        self.guard = NanGuard(fit, self._returning, on_nan) if on_nan else None
        # It is known by its end that the training was forgotten (`Probes`).
        self._list = weakref.ref(callback_list)
        self._mailbox = Mailbox(fit.run_dir)
        self._listener: Listener | None = None
        self._deaf = False
        self._due = 0.0
        self._stopping: tuple[Request, float] | None = None
        self._at = fit.session.position
        self._actions: dict[Action, Callable[[Request], _Did]] = {
            Action.RESTORE: self._restore,
            Action.UNDO: self._take_back,
            Action.PAUSE: self._pause,
            Action.CONTINUE: self._continue,
            Action.STOP: self._stop,
            Action.SAVE: self._save_now,
            Action.LEARNING_RATE: self._set_rate,
        }

    @classmethod
    def join(
        cls,
        fit: Fit,
        callback_list: keras.callbacks.CallbackList,
        on_nan: RestoreOnNaN | None = None,
    ) -> Desk | None:
        """Returns the desk of a `fit` that is about to begin; None when it has one already."""
        if any(isinstance(item, _Boundary) for item in callback_list.callbacks):
            return None
        desk = cls(fit, callback_list, on_nan)
        own = callback_list.callbacks
        place = len(own)
        while place and isinstance(own[place - 1], Apart):
            place -= 1  # whoever saves a state to resume from does so behind us
        callback_list.callbacks = [*own[:place], _Boundary(desk), *own[place:]]
        return desk

    # ---- hooks -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Called when the session has begun."""
        if self.guard is not None:
            self._guarded(self.guard.begin)
        self._open()

    def _open(self) -> None:
        listener = Listener.here(self._fit.session.id)
        try:
            for request_id in self._mailbox.open(listener):
                message = "The training was killed while it carried this out."
                self._mailbox.answer(self._answer(request_id, None, Outcome.FAILED, message))
        except NotADirectoryError as error:
            self._deaf = True
            self._fit.session.notice(
                "live_off",
                f"This training cannot be asked for anything while it runs: {error}.",
                "Everything else works. Remove the link.",
            )
        except OSError:
            pass  # of a full disk the session tells; it is tried again
        else:
            self._listener = listener

    def batch_begins(self, batch: int) -> None:
        """Called before each batch, or before so many as are executed at once."""
        now = monotonic()
        if now < self._due:
            return
        self._due = now + _LOOK_EVERY_SECONDS
        if self.guard is not None:
            self._guarded(partial(self.guard.look, batch))
        if self._deaf:
            return
        if self._listener is None:
            self._guarded(self._open)
        else:
            self._guarded(partial(self._look, batch))

    def epoch_ended(self, metrics: Mapping[str, float]) -> None:
        """Called when an epoch has ended, and its checkpoint is on its way."""
        if self.guard is not None:
            self._guarded(partial(self.guard.epoch_ended, metrics))
        if self._stopping is not None:
            self._guarded(partial(self._stopped, *self._stopping, metrics))

    def close(self) -> None:
        """Called just before the session ends."""
        if self._listener is not None:
            self._guarded(self._close)
            self._listener = None

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 – whatever it is, training must go on
            _log.error("Epochline: LiveRestore failed. Training goes on.", exc_info=error)
            self._fit.session.notice(
                "live_failed",
                f"What {NAME} was to do could not be done: {type(error).__name__}: {error}.",
                "The training itself goes on.",
            )

    def _look(self, batch: int) -> None:
        if self._mailbox.changed():
            self._serve(batch)
        while self._listener is not None and self._listener.paused:
            callback_list = self._list()
            if callback_list is None or is_leaving(callback_list):
                self._announce(paused=False)
                return
            sleep(_LOOK_WHILE_PAUSED_SECONDS)
            if self._mailbox.changed():
                self._serve(batch)

    def _serve(self, batch: int) -> None:
        found = self._mailbox.take()
        if not found:
            return
        self._fit.at_batch(batch)
        for taken in found:
            self._handle(taken)

    def _close(self) -> None:
        if self._stopping is not None:
            request, _ = self._stopping
            message = "The training ended before its last checkpoint was saved."
            self._reply(request, self._answer(request.id, request, Outcome.FAILED, message))
        for taken in self._mailbox.take():
            message = taken.problem or "The training has ended."
            answer = self._answer(taken.id, taken.request, Outcome.REFUSED, message)
            self._reply(taken.request, answer)
        self._mailbox.close()

    # ---- one request -----------------------------------------------------------------------------

    def _handle(self, taken: Taken) -> None:
        request, before = taken.request, self._mailbox.answer_to(taken.id)
        self._at = self._fit.session.position
        events: tuple[Event, ...] = ()
        if before is not None and before.final:
            self._mailbox.answer(before)  # that ends it
            answer = replace(before, outcome=Outcome.REFUSED, message="It was answered before.")
            self._note(request, answer)
            return
        if request is None:
            message = f"It is no request. {taken.problem} Nothing was changed."
            answer = self._answer(taken.id, None, Outcome.REFUSED, message)
        else:
            try:
                self._admit(request)
                answer, events = self._actions[request.action](request)
            except Refusal as refusal:
                message = f"{refusal} Nothing was changed."
                answer = self._answer(request.id, request, Outcome.REFUSED, message)
            except _ExpiredError as expired:
                answer = self._answer(request.id, request, Outcome.EXPIRED, str(expired))
            except Exception as error:  # noqa: BLE001 – it is answered, and training goes on
                _log.error("Epochline could not do what was asked for.", exc_info=error)
                message = f"{type(error).__name__}: {error}. All is as it was before."
                answer = self._answer(request.id, request, Outcome.FAILED, message)
        self._reply(request, answer, events)

    def _admit(self, request: Request) -> None:
        if request.session != self._fit.session.id:
            raise Refusal(f"It is meant for session {request.session}, which has ended.")
        now = time()
        if now > request.expires:
            late = f"{now - request.expires:.0f} s"
            raise _ExpiredError(f"It came {late} too late. Nothing was changed.")
        if request.created > now + _CLOCKS_DIFFER_SECONDS:
            raise Refusal("It was made in the future: the clocks of the two machines differ.")

    def _answer(
        self, request_id: str, request: Request | None, outcome: Outcome, message: str, **more: Any
    ) -> Answer:
        usual: dict[str, Any] = {
            "dry_run": request is not None and request.dry_run,
            "checkpoint": request.checkpoint if request else "",
        }
        return Answer(
            id=request_id,
            action=request.action if request else None,
            outcome=outcome,
            message=message,
            wall_time=time(),
            session=self._fit.session.id,
            epoch=self._at.epoch,
            step=self._at.step,
            **(usual | more),
        )

    def _done(self, request: Request, message: str, **more: Any) -> Answer:
        return self._answer(request.id, request, Outcome.DONE, message, **more)

    def _reply(
        self, request: Request | None, answer: Answer, events: tuple[Event, ...] = ()
    ) -> None:
        """Records an answer, gives it, and notes it; in this order."""
        if request is not None and not answer.dry_run and answer.final:
            said = RequestAnswered(
                request=request.id,
                action=request.action,
                outcome=answer.outcome,
                message=answer.message,
                by=request.by,
                source=request.source,
                host=request.host,
                checkpoint=answer.checkpoint,
            )
            events = (*events, said)
        if events:
            self._fit.session.record(*events, at=self._at)
        self._mailbox.answer(answer)
        if answer.final:
            self._note(request, answer)

    def _note(self, request: Request | None, answer: Answer) -> None:
        run_dir = self._fit.run_dir
        line = (
            line_of(run_dir, request, answer)
            if request is not None
            else AuditLine(
                time=answer.wall_time,
                action="",
                run=run_dir.absolute().name,
                id="",
                outcome=answer.outcome,
                refused=True,
                request=answer.id,
                message=answer.message,
            )
        )
        append_audit(run_dir, line)

    # ---- restore and undo ------------------------------------------------------------------------

    def _restore(self, request: Request) -> _Did:
        wanted = Wanted(
            optimizer=request.optimizer,
            learning_rate=request.learning_rate,
            counters=request.counters,
        )
        back = self._returning.go_to(request.checkpoint, wanted, dry_run=request.dry_run)
        return self._went(request, back)

    def _take_back(self, request: Request) -> _Did:
        return self._went(request, self._returning.take_back(dry_run=request.dry_run))

    def _went(self, request: Request, back: Return) -> _Did:
        item, done = back.item, back.done
        told: dict[str, Any] = {
            "checkpoint": item.id,
            "total": back.total,
            "learning_rate_before": back.rate_before,
            "learning_rate_after": back.rate_after,
            "plan": back.plan,
            "layers": back.layers,
        }
        if done is None:
            message = f"Checkpoint {item.id} of epoch {item.epoch + 1} fits. Nothing was done."
            return self._done(request, message, **told), ()
        where = "Taken back: as in" if request.action is Action.UNDO else "Back at"
        message = (
            f"{where} epoch {item.epoch + 1}, step {item.step} (checkpoint {item.id}): "
            f"{done.restored} of {back.total} variables restored."
        )
        answer = self._done(
            request,
            " ".join(filter(None, (message, back.rate_told, "It can be undone."))),
            undo=back.undo,
            restored=done.restored,
            before=done.before,
            after=done.after,
            **told,
        )
        return answer, (back.event(request=request.id),)

    # ---- the other actions -----------------------------------------------------------------------

    def _pause(self, request: Request) -> _Did:
        self._announce(paused=True)
        return self._done(request, "The training stands still before its next batch."), ()

    def _continue(self, request: Request) -> _Did:
        if self._listener is None or not self._listener.paused:
            raise Refusal("The training is not paused.")
        self._announce(paused=False)
        return self._done(request, "The training goes on."), ()

    def _announce(self, *, paused: bool) -> None:
        if self._listener is not None:
            self._listener = replace(self._listener, paused=paused)
            self._mailbox.announce(self._listener)

    def _set_rate(self, request: Request) -> _Did:
        model = self._fit.model
        before = learning_rate(model)
        set_learning_rate(model, float(request.learning_rate))
        after = learning_rate(model)
        self._fit.changed()
        decision = Decision(
            callback=NAME,
            topic=Topic.LEARNING_RATE,
            verdict=Verdict.CHANGED,
            lr_before=before,
            lr_after=after,
            detail=_asked_by(request),
        )
        message = f"Learning rate {rate(before)} → {rate(after)}."
        answer = self._done(
            request, message, learning_rate_before=before, learning_rate_after=after
        )
        return answer, (decision,)

    def _save_now(self, request: Request) -> _Did:
        saved = self._keeper.save("manual")
        if saved is None:
            raise Refusal("The checkpoint could not be saved; see the log of the training.")
        self._keeper.pin(saved.id, pinned=True, note=_asked_by(request))
        message = f"Saved {saved.path} as checkpoint {saved.id}, pinned: it stays."
        return self._done(request, message, checkpoint=saved.id), ()

    def _stop(self, request: Request) -> _Did:
        if self._stopping is not None:
            raise Refusal("The training is about to end already.")
        self._stopping = request, time()
        self._announce(paused=False)
        self._fit.model.stop_training = True
        decision = Decision(
            callback=NAME,
            topic=Topic.STOP,
            verdict=Verdict.STOPPED,
            detail=_asked_by(request),
        )
        self._fit.changed(decision)
        message = "The training ends after this batch; its last checkpoint comes then."
        return self._answer(request.id, request, Outcome.WORKING, message), (decision,)

    def _stopped(self, request: Request, asked: float, metrics: Mapping[str, float]) -> None:
        self._stopping = None
        self._at = self._fit.session.position
        self._fit.saver.finish()
        last = next(self._fit.saver.catalog.newest_first(), None)
        if last is not None and last.wall_time >= asked:
            saved = last.id
        else:
            own = self._keeper.save("last", metrics)
            if own is None:
                message = "The training ends, but its last checkpoint could not be saved."
                self._reply(request, self._answer(request.id, request, Outcome.FAILED, message))
                return
            saved = own.id
        message = f"The training ends with epoch {self._fit.session.epoch + 1}, saved as {saved}."
        self._reply(request, self._done(request, message, checkpoint=saved))


def _asked_by(request: Request) -> str:
    return f"Asked for by {request.by} from {request.source} on {request.host}."


class _Boundary(Apart):
    """Stands behind all callbacks of the user, and in front of whoever saves a state to resume."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._desk.batch_begins(batch)
