"""From a value or an error to an HTTP response: the only place that sets headers.

Knows HTTP; nothing of runs and checkpoints.

Invariant: whatever a handler does, the client gets an answer of the documented form: an `ApiError`
as itself, any other exception as `internal`, with its traceback in TensorBoard's log.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, Final

from tensorboard.backend import http_util
from werkzeug.wrappers import Request, Response

__all__ = [
    "PIECE_SECONDS",
    "Answer",
    "ApiError",
    "ErrorCode",
    "Num",
    "app",
    "disk_error",
    "html_answer",
    "json_answer",
    "json_text",
    "not_modified",
    "num",
    "parameter",
    "parameters",
    "rounded",
    "text_answer",
]

_logger = logging.getLogger("tensorboard")

JSON: Final = "application/json"
NOT_MODIFIED: Final = 304
PIECE_SECONDS: Final = 0.5
"""After which an answer is given with what there is by then, where the rest can be asked for."""

_LARGE_BYTES: Final = 100_000
_THOROUGH: Final = 5
_FAST: Final = 1

Num = float | str | None
"""A number as JSON can hold it, see `num`."""


class ErrorCode(StrEnum):
    """What went wrong, for programs."""

    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    FORBIDDEN = "forbidden"
    READ_ONLY = "read_only"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"


_STATUS: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.READ_ONLY: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.INTERNAL: 500,
    ErrorCode.DISK_FULL: 507,
}


_READ_ONLY: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class ApiError(Exception):
    """An error that is meant for the user of the panel.

    Attributes:
        code: What went wrong, for programs.
        message: What happened, with which value.
        hint: What to do about it.
        headers: HTTP headers that belong to it.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})

    @property
    def view(self) -> dict[str, str]:
        """What the client is told of it."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send.

    Attributes:
        body: The bytes.
        content_type: Their media type.
        status: HTTP status.
        etag: Changes whenever the body does; None for an answer that must not be compared.
        gzipped: Whether `body` is compressed already.
        headers: Further HTTP headers.
    """

    body: bytes
    content_type: str
    status: int = 200
    etag: str | None = None
    gzipped: bool = False
    headers: tuple[tuple[str, str], ...] = ()


def num(value: float | None) -> Num:
    """Returns a number as JSON can hold it: NaN and the infinities as text.

    Example:
        >>> num(0.5), num(float("nan")), num(None)
        (0.5, 'NaN', None)
    """
    if value is None or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def rounded(value: float | None) -> Num:
    """Returns a number to six significant digits, what float32 holds.

    Further digits differ from one machine to the next.

    Example:
        >>> rounded(0.1 + 0.2), rounded(None)
        (0.3, None)
    """
    return num(None if value is None else float(f"{value:.6g}"))


def json_text(value: object) -> str:
    """Returns `value` as JSON.

    Args:
        value: What `json.dumps` takes; every number finite, see `num`.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def json_answer(value: object, *, etag: str | None = None) -> Answer:
    """Returns `value` as a compressed JSON answer.

    Args:
        value: What `json.dumps` takes; every number finite, see `num`.
        etag: What to compare by; derived from the content when None.
    """
    return text_answer(json_text(value), etag=etag)


def html_answer(text: str) -> Answer:
    """Returns a compressed HTML document that browsers save, and never show as a page.

    Args:
        text: The document.
    """
    return replace(
        text_answer(text),
        content_type="text/html; charset=utf-8",
        headers=(("Content-Disposition", 'attachment; filename="report.html"'),),
    )


def text_answer(text: str, *, etag: str | None = None) -> Answer:
    """Returns a compressed JSON answer.

    Args:
        text: The JSON.
        etag: What to compare by; derived from the content when None.
    """
    data = text.encode()
    # Thoroughly takes twice the time, for a tenth less on the way.
    level = _THOROUGH if len(data) < _LARGE_BYTES else _FAST
    return Answer(
        body=gzip.compress(data, compresslevel=level, mtime=0),
        content_type=JSON,
        etag=etag or hashlib.blake2b(data, digest_size=12).hexdigest(),
        gzipped=True,
    )


def not_modified(etag: str) -> Answer:
    """Returns the answer to a client that has the current content."""
    return Answer(body=b"", content_type=JSON, status=NOT_MODIFIED, etag=etag)


def disk_error(error: OSError, hint: str) -> ApiError | None:
    """Returns the documented error for a disk that is full or may not be written; else None.

    Args:
        error: What the operating system said.
        hint: What to do where TensorBoard may not write.
    """
    what = f"{error.strerror or error}: {error.filename}"
    if error.errno in _FULL:
        return ApiError(ErrorCode.DISK_FULL, what, "Free some space and try again.")
    if error.errno in _READ_ONLY:
        return ApiError(ErrorCode.READ_ONLY, what, hint)
    return None


def parameter(request: Request, name: str, *, default: str | None = None) -> str:
    """Returns the value of a parameter of the query.

    Args:
        request: A request.
        name: Name of the parameter.
        default: What it is when the request does not have it; None when it must.

    Raises:
        ApiError: If it is missing or given twice.
    """
    values = request.args.getlist(name)
    if len(values) == 1:
        return values[0]
    if not values and default is not None:
        return default
    what = "is missing" if not values else f"is given {len(values)} times"
    message = f"The parameter {name!r} {what}."
    raise ApiError(ErrorCode.BAD_REQUEST, message, "The routes are described in http_api.md.")


def parameters(request: Request, name: str) -> list[str]:
    """Returns all values of a parameter that may be given again and again, each once.

    Args:
        request: A request.
        name: Name of the parameter.

    Raises:
        ApiError: If it is missing.
    """
    values = request.args.getlist(name)
    if values:
        return list(dict.fromkeys(values))
    message = f"The parameter {name!r} is missing."
    raise ApiError(ErrorCode.BAD_REQUEST, message, "The routes are described in http_api.md.")


def app(handler: Callable[[Request], Answer], methods: Collection[str]) -> Any:
    """Returns a WSGI application that answers with what `handler` returns or raises.

    Args:
        handler: From a request to its answer.
        methods: The HTTP methods that `handler` is for.
    """
    return Request.application(partial(_serve, handler, methods))


def _serve(
    handler: Callable[[Request], Answer], methods: Collection[str], request: Request
) -> Response:
    try:
        _check_method(request.method, methods)
        answer = handler(request)
    except ApiError as error:
        answer = _error_answer(error)
    except Exception:  # the border to TensorBoard: nothing may pass
        _logger.exception("Epochline failed to answer %s %r", request.method, request.full_path)
        message = "Epochline failed to answer; this is a mistake in it."
        hint = "The details are in TensorBoard's log. Please report them."
        answer = _error_answer(ApiError(ErrorCode.INTERNAL, message, hint))
    return _respond(request, answer)


def _check_method(method: str, methods: Collection[str]) -> None:
    if method not in methods:
        allowed = ", ".join(methods)
        raise ApiError(
            ErrorCode.METHOD_NOT_ALLOWED,
            f"{method} is not for this route.",
            f"Use {allowed}.",
            {"Allow": allowed},
        )


def _error_answer(error: ApiError) -> Answer:
    return Answer(
        body=json.dumps({"error": error.view}).encode(),
        content_type=JSON,
        status=_STATUS[error.code],
        headers=tuple(error.headers.items()),
    )


def _respond(request: Request, answer: Answer) -> Response:
    headers = list(answer.headers)
    if answer.etag is not None:
        # Weak, because the same content goes out with and without compression.
        headers.append(("ETag", f'W/"{answer.etag}"'))
        headers.append(("Vary", "Accept-Encoding"))
        if answer.status == NOT_MODIFIED or request.if_none_match.contains_weak(answer.etag):
            return _not_modified(headers)
    response: Response = http_util.Respond(
        request,
        answer.body,
        answer.content_type,
        code=answer.status,
        content_encoding="gzip" if answer.gzipped else None,
        headers=headers,
    )
    return response


def _not_modified(headers: list[tuple[str, str]]) -> Response:
    fixed = [("Cache-Control", "no-cache, must-revalidate"), ("X-Content-Type-Options", "nosniff")]
    response = Response(status=NOT_MODIFIED, headers=headers + fixed)
    # TensorBoard complains about every response without one.
    response.content_type = JSON
    return response
