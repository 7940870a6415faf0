"""Which POST requests may do something.

TensorBoard checks neither method nor origin: a page of any site can post to it, and under a name
that the page's owner makes point to this machine (DNS rebinding) a page can even read the answer.
The checks and their order are documented in `http_api.md`.

Pure, apart from `RequestFacts.read_body`, which is called only for a request that may be right.

Invariant: a request that both `parse_body` and `check_sender` let pass has passed every check.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from tensorboard_plugin_epochline.answers import ApiError, ErrorCode

__all__ = [
    "MAX_BODY_BYTES",
    "Policy",
    "RequestFacts",
    "check_sender",
    "check_token",
    "parse_body",
]

MAX_BODY_BYTES: Final = 64 * 1024
_ALL_TEXT: Final[Mapping[str, type]] = MappingProxyType({})
_KIND: Final[Mapping[type, str]] = {str: "text", bool: "true or false", list: "a list of texts"}
_TOKEN_BYTES: Final = 32
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:\d*)?|\[[0-9A-Fa-f:.]+\](:\d*)?")
_RELOAD: Final = "Use the Checkpoints tab of TensorBoard, or the code shown there."


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """All of a request that the guard looks at.

    Attributes:
        method: HTTP method.
        xsrf_header: Value of `X-XSRF-Protected`.
        media_type: Content type without its parameters.
        content_length: Announced length of the body; None when it was not announced.
        read_body: Returns the body.
        origin: Value of `Origin`.
        fetch_site: Value of `Sec-Fetch-Site`.
        host: Value of `Host`.
        token: Value of `X-Epochline-Token`.
    """

    method: str
    xsrf_header: str | None
    media_type: str
    content_length: int | None
    read_body: Callable[[], bytes]
    origin: str | None
    fetch_site: str | None
    host: str | None
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this TensorBoard allows.

    Attributes:
        host_names: Names, in lower case, by which it may be called.
        refusal: Why actions are refused altogether; None when they are not.
        hint: What to do about that.
        token: What a request to a running training must carry; None when none is asked for.
    """

    host_names: frozenset[str]
    refusal: str | None
    hint: str | None
    token: str | None = None

    @classmethod
    def of_flags(cls, flags: Any) -> Policy:
        """Returns the policy that follows from TensorBoard's flags.

        Args:
            flags: The parsed flags; None when there are none, as under some notebooks.
        """
        host: str | None = getattr(flags, "host", None)
        bind_all = bool(getattr(flags, "bind_all", False))
        names = {socket.gethostname(), host or "localhost"}
        refusal = hint = token = None
        if bind_all or (host and not _is_loopback(host)):
            # Can take seconds, but TensorBoard has asked it already then.
            names.add(socket.getfqdn())
            where = "all network interfaces (--bind_all)" if bind_all else f"{host}"
            if not getattr(flags, "epochline_allow_restore", False):
                refusal = f"TensorBoard listens on {where}, not only on this machine."
                hint = (
                    "Start it without that flag, or with --epochline_allow_restore if everybody "
                    "who can reach it may do this. The code shown for a checkpoint always works."
                )
            else:
                token = secrets.token_hex(_TOKEN_BYTES)
        return cls(
            host_names=frozenset(name.lower() for name in names),
            refusal=refusal,
            hint=hint,
            token=token,
        )


def parse_body(
    facts: RequestFacts, keys: Collection[str], kinds: Mapping[str, type] = _ALL_TEXT
) -> Mapping[str, Any]:
    """Returns the body of a request that is of the documented form.

    Args:
        facts: The request.
        keys: Keys that the body must have, no more and no less.
        kinds: What is below a key that is not text: `bool`, or `list` for a list of texts.

    Raises:
        ApiError: If it is not.
    """
    if facts.method != "POST":
        _refuse(ErrorCode.METHOD_NOT_ALLOWED, f"{facts.method} is not for this route.", "Use POST.")
    if facts.xsrf_header != "1":
        _refuse(ErrorCode.FORBIDDEN, "The header X-XSRF-Protected: 1 is missing.", _RELOAD)
    if facts.media_type != "application/json":
        message = f"The body is {facts.media_type or 'of no declared type'}, not application/json."
        _refuse(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, _RELOAD)
    if facts.content_length is None:
        _refuse(ErrorCode.BAD_REQUEST, "The header Content-Length is missing.", _RELOAD)
    if facts.content_length > MAX_BODY_BYTES:
        message = f"The body has {facts.content_length} bytes; at most {MAX_BODY_BYTES} are taken."
        _refuse(ErrorCode.TOO_LARGE, message, _RELOAD)
    body = _object(facts.read_body())
    if body.keys() != set(keys) or not all(_is(body[key], kinds.get(key, str)) for key in keys):
        wanted = ", ".join(f"{key} ({_KIND[kinds.get(key, str)]})" for key in keys)
        message = f"The body must have exactly the keys {wanted}."
        _refuse(ErrorCode.BAD_REQUEST, message, _RELOAD)
    return body


def check_sender(facts: RequestFacts, policy: Policy) -> None:
    """Lets a request pass whose sender may act.

    Args:
        facts: The request.
        policy: What is allowed.

    Raises:
        ApiError: If the sender may not.
    """
    if facts.origin == "null":
        _refuse(ErrorCode.FORBIDDEN, "The request comes from a page without an origin.", _RELOAD)
    if facts.fetch_site is not None:
        # Pages cannot set it, and browsers leave it out for names that are not secure: where it is
        # right, the name in Host does not matter, which proxies may have changed.
        if facts.fetch_site != "same-origin":
            _refuse(ErrorCode.FORBIDDEN, "The request comes from a page of another site.", _RELOAD)
    else:
        _check_host(facts, policy)
    if policy.refusal is not None:
        _refuse(ErrorCode.FORBIDDEN, policy.refusal, policy.hint or "")


def check_token(facts: RequestFacts, policy: Policy) -> None:
    """Lets a request to a running training pass that carries the token, where one is asked for.

    Raises:
        ApiError: If it does not.
    """
    if policy.token is None:
        return
    given = (facts.token or "").encode()
    if not secrets.compare_digest(given, policy.token.encode()):
        if given:
            message = "That is not the token that this TensorBoard printed."
            _refuse(ErrorCode.FORBIDDEN, message, "Each start prints a new one.")
        hint = "TensorBoard printed it when it started: send it as X-Epochline-Token."
        _refuse(ErrorCode.FORBIDDEN, "The token is missing.", hint)


def _check_host(facts: RequestFacts, policy: Policy) -> None:
    host = (facts.host or "").lower()
    if facts.origin is not None and _authority(facts.origin) != host:
        message = f"The request comes from {facts.origin}, but this is {facts.host}."
        _refuse(ErrorCode.FORBIDDEN, message, _RELOAD)
    if not _is_own_name(host, policy.host_names):
        message = f"TensorBoard was called by the name {facts.host}, which it does not know."
        hint = "Use http://localhost:<port>/, or start TensorBoard with --host and that name."
        _refuse(ErrorCode.FORBIDDEN, message, hint)


def _is(value: object, kind: type) -> bool:
    if not isinstance(value, kind):
        return False
    return not isinstance(value, list) or all(isinstance(item, str) for item in value)


def _refuse(code: ErrorCode, message: str, hint: str) -> NoReturn:
    headers = {"Allow": "POST"} if code is ErrorCode.METHOD_NOT_ALLOWED else None
    raise ApiError(code, message, hint, headers)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        message = f"The body is not the JSON that is asked for: {error}"
        raise ApiError(ErrorCode.BAD_REQUEST, message, _RELOAD) from error
    if not isinstance(value, dict):
        _refuse(ErrorCode.BAD_REQUEST, "The body is not a JSON object.", _RELOAD)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        msg = "a key is given twice"
        raise ValueError(msg)
    return value


def _authority(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _is_own_name(host: str, names: Collection[str]) -> bool:
    if not _HOST.fullmatch(host):
        return False
    name = host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
    return name in names or _is_local_name(name) or _is_address(name)


def _is_local_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    name = host.lower()
    return _is_local_name(name) or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
