"""The plugin as TensorBoard sees it: routes, each a few lines over the modules beside this one.

The answers are documented in `http_api.md`.

Invariant: GET changes nothing anywhere; POST acts only behind `guard`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Final

from tensorboard.plugins import base_plugin
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from epochline.report import report_html
from epochline.retention import KeepAllBut
from epochline.store.verify import records_of, verify_all
from epochline.timeline import CheckpointEntry
from epochline.writer import PLUGIN_NAME
from tensorboard_plugin_epochline import audit
from tensorboard_plugin_epochline.actions import ACTIONS, Action, plan, retention_rule
from tensorboard_plugin_epochline.answers import (
    PIECE_SECONDS,
    Answer,
    ApiError,
    ErrorCode,
    app,
    html_answer,
    json_answer,
    json_text,
    not_modified,
    num,
    parameter,
    parameters,
    text_answer,
)
from tensorboard_plugin_epochline.assets import ENTRY, Assets
from tensorboard_plugin_epochline.averages import mean_plan
from tensorboard_plugin_epochline.diff import Comparisons, Side
from tensorboard_plugin_epochline.directories import RunDirectories, RunDirectory
from tensorboard_plugin_epochline.guard import (
    Policy,
    RequestFacts,
    check_sender,
    check_token,
    parse_body,
)
from tensorboard_plugin_epochline.library import Library, Overview, Snapshot
from tensorboard_plugin_epochline.live import (
    LIVE_KEYS,
    LIVE_KINDS,
    Choices,
    answer_view,
    ask_training,
    listening_view,
    view_of,
)
from tensorboard_plugin_epochline.restore import restore_to_file
from tensorboard_plugin_epochline.runs import RunGroup, member_name
from tensorboard_plugin_epochline.source import EventSource, Scope
from tensorboard_plugin_epochline.views import checkpoint_view, story_view
from tensorboard_plugin_epochline.weights import weights_view
from tensorboard_plugin_epochline.what_if import what_if_view

__all__ = ["EpochlinePlugin"]

_READING: Final = ("GET", "HEAD")
_RESTORE_KEYS: Final = ("run", "id", "to")
_BODY_TIMEOUT_SECONDS: Final = 10
_NAMED_TAGS: Final = 50
_DIGITS: Final = 9
_LONGEST_WORD: Final = 40
_LONGEST_IDS: Final = 500

_logger = logging.getLogger("tensorboard")


class EpochlinePlugin(base_plugin.TBPlugin):
    """The tab *Checkpoints*.

    Args:
        context: What TensorBoard hands to plugins.
    """

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        logdir = context.logdir or ""
        # With --logdir_spec it is empty.
        self._logdir = logdir or getattr(context.flags, "logdir_spec", "") or ""
        directories = RunDirectories(logdir, context.multiplexer)
        self._library = Library(EventSource(context.data_provider), directories)
        # For as long as the library says the same.
        self._listing = lru_cache(maxsize=1)(self._list)
        self._comparisons = Comparisons()
        self._flags = context.flags
        self._assets = Assets()
        if getattr(context.flags, "epochline_allow_restore", False):
            # Else not here: asking for this machine's full name can take seconds.
            _ = self._policy

    def get_plugin_apps(self) -> dict[str, Any]:
        """Returns the routes."""
        reading: dict[str, Callable[[Request], Answer]] = {
            "/runs": self._runs,
            "/timeline": self._timeline,
            "/timelines": self._timelines,
            "/checkpoint": self._checkpoint,
            "/diff": self._diff,
            "/plan": self._plan,
            "/mean": self._mean,
            "/why": self._why,
            "/weights": self._weights,
            "/whatif": self._what_if,
            "/report": self._report,
            "/scalars": self._scalars,
            "/live_state": self._live_state,
            "/live_answer": self._live_answer,
            "/*": self._asset,
        }
        routes = {path: app(handler, _READING) for path, handler in reading.items()}
        for name, action in ACTIONS.items():
            routes[f"/{name}"] = app(partial(self._act, name, action), ("POST",))
        changing = {"/restore": self._restore, "/live": self._live}
        return routes | {path: app(handler, ("POST",)) for path, handler in changing.items()}

    def _asset(self, request: Request) -> Answer:
        # The bundle has no folders.
        answer = self._assets.find("/" + request.path.rpartition("/")[2])
        if answer is not None:
            return answer
        message = f"There is nothing at {request.path!r}."
        raise ApiError(ErrorCode.NOT_FOUND, message, "The routes are described in http_api.md.")

    def is_active(self) -> bool:
        """Returns False: TensorBoard shows the tab by itself once a run has data of ours."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Returns how the tab is shown."""
        return base_plugin.FrontendMetadata(
            es_module_path=ENTRY, tab_name="Checkpoints", disable_reload=False
        )

    @cached_property
    def _policy(self) -> Policy:
        policy = Policy.of_flags(self._flags)
        if policy.token is not None:
            _logger.warning(
                "Epochline: to ask a running training for something, the Checkpoints tab needs "
                "this token: %s",
                policy.token,
            )
        return policy

    def _runs(self, request: Request) -> Answer:
        return self._listing(self._library.overview(Scope.of(request)))

    def _list(self, overview: Overview) -> Answer:
        permission = {
            "allowed": self._policy.refusal is None,
            "reason": self._policy.refusal,
            "hint": self._policy.hint,
        }
        return json_answer(
            {
                "runs": list(overview.views.values()),
                "other_runs": overview.others,
                "logdir": self._logdir,
                "actions": {
                    "restore": permission,
                    "change": permission,
                    "live": permission | {"token": self._policy.token is not None},
                },
            }
        )

    def _timeline(self, request: Request) -> Answer:
        run = parameter(request, "run")
        since = parameter(request, "since", default="")
        snapshot = self._library.snapshot(Scope.of(request), run)
        if since == snapshot.revision:
            return not_modified(snapshot.revision)
        return snapshot.answer

    def _timelines(self, request: Request) -> Answer:
        runs = parameters(request, "run")
        end = time.monotonic() + PIECE_SECONDS
        outlines: list[str] = []
        failures: list[dict[str, object]] = []
        for item in self._library.snapshots(Scope.of(request), runs):
            if isinstance(item, Snapshot):
                outlines.append(item.outline)
            else:
                failures.append({"run": item.run, "error": item.error.view})
            if time.monotonic() > end:
                break
        pending = runs[len(outlines) + len(failures) :]
        # Put together as text: each run's is kept for as long as nothing of the run changes.
        return text_answer(
            f'{{"timelines":[{",".join(outlines)}],"failures":{json_text(failures)},'
            f'"pending":{json_text(pending)}}}'
        )

    def _checkpoint(self, request: Request) -> Answer:
        run = parameter(request, "run")
        checkpoint_id = parameter(request, "id")
        wants_verify = _flag(request, "verify")
        snapshot = self._library.snapshot(Scope.of(request), run)
        entry = snapshot.checkpoint(checkpoint_id)
        directory = snapshot.directory
        view = checkpoint_view(
            run,
            snapshot.timeline,
            entry=entry,
            directory=directory.shown,
            path=directory.file(entry.path),
            verify=_verified(entry, directory) if wants_verify else None,
        )
        return json_answer(view)

    def _diff(self, request: Request) -> Answer:
        scope = Scope.of(request)
        run, a, b = (parameter(request, name) for name in ("run", "a", "b"))
        run_b = parameter(request, "run_b", default=run)
        runs = [self._library.snapshot(scope, name) for name in (run, run_b)]
        sides = [
            Side(run=snapshot.run, entry=snapshot.checkpoint(name), directory=snapshot.directory)
            for snapshot, name in zip(runs, (a, b), strict=True)
        ]
        return json_answer(self._comparisons.view(*sides))

    def _why(self, request: Request) -> Answer:
        run = parameter(request, "run")
        snapshot = self._library.snapshot(Scope.of(request), run)
        return json_answer(story_view(run, snapshot.timeline, alive=snapshot.alive))

    def _weights(self, request: Request) -> Answer:
        snapshot = self._library.snapshot(Scope.of(request), parameter(request, "run"))
        return json_answer(
            weights_view(snapshot.run, snapshot.checkpoint(parameter(request, "id")))
        )

    def _what_if(self, request: Request) -> Answer:
        snapshot = self._library.snapshot(Scope.of(request), parameter(request, "run"))
        return json_answer(what_if_view(snapshot, request))

    def _report(self, request: Request) -> Answer:
        run = parameter(request, "run")
        snapshot = self._library.snapshot(Scope.of(request), run)
        name = Path(snapshot.directory.shown).name or run
        text = report_html(name, snapshot.timeline, snapshot.timeline.state(alive=snapshot.alive))
        return html_answer(text)

    def _plan(self, request: Request) -> Answer:
        snapshot = self._library.snapshot(Scope.of(request), parameter(request, "run"))
        if ids := parameter(request, "ids", default=""):
            named = [snapshot.checkpoint(name).id for name in ids.split(",")]
            return json_answer(plan(snapshot, KeepAllBut(*named)))
        last, best = (_count(request, name) for name in ("last", "best"))
        metric = parameter(request, "metric", default="")
        if best and metric not in snapshot.timeline.metric_names:
            message = f"The run {snapshot.run!r} has no metric {metric!r}."
            raise ApiError(ErrorCode.BAD_REQUEST, message, "Choose one that its curves have.")
        return json_answer(plan(snapshot, retention_rule(last, best, metric)))

    def _mean(self, request: Request) -> Answer:
        snapshot = self._library.snapshot(Scope.of(request), parameter(request, "run"))
        return json_answer(mean_plan(snapshot, parameter(request, "ids").split(",")))

    def _scalars(self, request: Request) -> Answer:
        run = parameter(request, "run")
        tag = parameter(request, "tag", default="")
        scope = Scope.of(request)
        group = self._library.group(scope, run)
        tags = self._scalar_tags(scope, group)
        if not tag:
            return json_answer({"run": run, "tags": list(tags)})
        if tag not in tags:
            message = f"The run {run!r} has no scalars {tag!r}. It has: {_listing(tags)}."
            raise ApiError(ErrorCode.NOT_FOUND, message, "TensorBoard may still be loading them.")
        points = self._library.source.scalars(scope, *tags[tag])
        return json_answer(
            {
                "run": run,
                "tag": tag,
                "step": [point.step for point in points],
                "wall_time": [point.wall_time for point in points],
                "value": [num(point.value) for point in points],
            }
        )

    def _scalar_tags(self, scope: Scope, group: RunGroup) -> dict[str, tuple[str, str]]:
        """Returns tag within the group -> run of TensorBoard and tag in it."""
        found = self._library.source.scalar_tags(scope, group.tensorboard_runs)
        return {
            f"{member_name(run)}/{tag}": (run, tag)
            for run in group.tensorboard_runs
            for tag in found.get(run, ())
        }

    def _restore(self, request: Request) -> Answer:
        facts = _facts(request)
        body = parse_body(facts, _RESTORE_KEYS)
        if body["to"] != "file":
            message = f"A checkpoint cannot be restored to {body['to']!r}."
            raise ApiError(ErrorCode.BAD_REQUEST, message, 'Use "to": "file".')
        with self._failures_noted(Scope.of(request), body["run"], "copy", body["id"]) as snapshot:
            check_sender(facts, self._policy)
            return json_answer(_restored(snapshot(), snapshot().checkpoint(body["id"])))

    def _act(self, name: str, action: Action, request: Request) -> Answer:
        facts = _facts(request)
        body = parse_body(facts, action.keys, action.kinds)
        ids = body["id"] if "id" in body else ",".join(body["ids"])
        with self._failures_noted(Scope.of(request), body["run"], name, ids) as snapshot:
            check_sender(facts, self._policy)
            answer = json_answer(action.carry_out(snapshot(), body))
            _audit(snapshot(), name, ids, "done")
            return answer

    def _live_state(self, request: Request) -> Answer:
        run = parameter(request, "run")
        name = parameter(request, "checkpoint", default="")
        snapshot = self._library.snapshot(Scope.of(request), run)
        asked = Choices(
            checkpoint=snapshot.checkpoint(name) if name else None,
            optimizer=_flag(request, "optimizer", default="1"),
            learning_rate=parameter(request, "learning_rate", default="checkpoint"),
            counters=parameter(request, "counters", default="reset"),
        )
        return json_answer(listening_view(run, snapshot.directory, asked))

    def _live_answer(self, request: Request) -> Answer:
        run, asked = parameter(request, "run"), parameter(request, "request")
        snapshot = self._library.snapshot(Scope.of(request), run)
        return json_answer(answer_view(run, snapshot.directory.local, asked))

    def _live(self, request: Request) -> Answer:
        facts = _facts(request)
        body = parse_body(facts, LIVE_KEYS, LIVE_KINDS)
        scope, action, checkpoint = Scope.of(request), body["action"], body["checkpoint"]
        with self._failures_noted(scope, body["run"], action, checkpoint) as snapshot:
            check_sender(facts, self._policy)
            check_token(facts, self._policy)
            directory = snapshot().directory
            if directory.local is None:
                message = f"The run is in {directory.shown or 'an unknown place'}."
                hint = "Ask on the machine where it is trained: epochline live."
                raise ApiError(ErrorCode.CONFLICT, message, hint)
            return json_answer(view_of(snapshot().run, ask_training(directory.local, body)))

    @contextmanager
    def _failures_noted(
        self, scope: Scope, run: str, action: str, ids: str
    ) -> Iterator[Callable[[], Snapshot]]:
        """Notes in the audit log of the run, if there is one, what is refused or fails.

        Yields what returns the run, so that nothing is read for a sender who may not act.
        """
        found = cache(partial(self._library.snapshot, scope, run))
        try:
            yield found
        except Exception as error:
            code = error.code if isinstance(error, ApiError) else ErrorCode.INTERNAL
            with suppress(ApiError):  # it is about no run
                _audit(found(), action[:_LONGEST_WORD], ids[:_LONGEST_IDS], code)
            raise
        finally:
            self._library.expire()


def _restored(snapshot: Snapshot, entry: CheckpointEntry) -> dict[str, object]:
    run_dir = snapshot.directory.local
    if run_dir is None:
        message = f"The run is in {snapshot.directory.shown or 'a place unknown to TensorBoard'}."
        hint = "Files can be copied only where the run is on TensorBoard's machine."
        raise ApiError(ErrorCode.CONFLICT, message, hint)
    copy = restore_to_file(entry, run_dir)
    _audit(snapshot, "copy", entry.id, "created" if copy.created else "found")
    return {
        "run": snapshot.run,
        "id": entry.id,
        "path": str(copy.path),
        "size_bytes": copy.size_bytes,
        "digest": copy.digest,
        "created": copy.created,
        "message": copy.message,
    }


def _audit(snapshot: Snapshot, action: str, ids: str, outcome: str) -> None:
    run_dir = snapshot.directory.local
    if run_dir is not None:
        audit.append(run_dir, action=action, run=snapshot.run, ids=ids, outcome=outcome)


def _verified(entry: CheckpointEntry, directory: RunDirectory) -> dict[str, object]:
    if directory.local is None:
        message = f"Its file is in {directory.shown}, which cannot be read from here."
        return {"ok": False, "message": message}
    if entry.digest is None or entry.size_bytes is None:
        return {"ok": False, "message": entry.why}
    result = verify_all(records_of(Path(directory.file(entry.path)), entry.stored))
    return {"ok": result.ok, "message": result.message}


def _facts(request: Request) -> RequestFacts:
    headers = request.headers
    return RequestFacts(
        method=request.method,
        xsrf_header=headers.get("X-XSRF-Protected"),
        media_type=request.mimetype,
        content_length=request.content_length,
        read_body=partial(_read_body, request),
        origin=headers.get("Origin"),
        fetch_site=headers.get("Sec-Fetch-Site"),
        host=headers.get("Host"),
        token=headers.get("X-Epochline-Token"),
    )


def _read_body(request: Request) -> bytes:
    # TensorBoard's server waits for ever for a body that does not come.
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.settimeout(_BODY_TIMEOUT_SECONDS)
    try:
        return request.get_data(cache=False)
    except (HTTPException, OSError) as error:
        message = f"The body did not arrive: {error}"
        raise ApiError(ErrorCode.BAD_REQUEST, message, "Try again.") from error
    finally:
        if connection is not None:
            connection.settimeout(None)


def _flag(request: Request, name: str, default: str = "0") -> bool:
    value = parameter(request, name, default=default)
    if value not in ("0", "1"):
        message = f"The parameter {name!r} is {value!r}; it must be 0 or 1."
        raise ApiError(ErrorCode.BAD_REQUEST, message)
    return value == "1"


def _count(request: Request, name: str) -> int:
    value = parameter(request, name, default="0")
    if not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
        message = f"The parameter {name!r} is {value!r}; it must be a whole number from 0."
        raise ApiError(ErrorCode.BAD_REQUEST, message)
    return int(value)


def _listing(tags: Mapping[str, object]) -> str:
    if not tags:
        return "none"
    more = len(tags) - _NAMED_TAGS
    return ", ".join(list(tags)[:_NAMED_TAGS]) + (f" and {more} more" if more > 0 else "")
