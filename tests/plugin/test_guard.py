"""Which POST requests may do something: the guard as a table."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tensorboard_plugin_epochline.answers import ApiError
from tensorboard_plugin_epochline.guard import (
    MAX_BODY_BYTES,
    Policy,
    RequestFacts,
    check_sender,
    parse_body,
)

KEYS = ("run", "id", "to")
BODY = {"run": "pima", "id": "0123456789abcdef", "to": "file"}
POLICY = Policy(host_names=frozenset({"laptop"}), refusal=None, hint=None)


def _facts(body: object = BODY, **changes: Any) -> RequestFacts:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    facts = RequestFacts(
        method="POST",
        xsrf_header="1",
        media_type="application/json",
        content_length=len(data),
        read_body=lambda: data,
        origin="http://localhost:6006",
        fetch_site="same-origin",
        host="localhost:6006",
    )
    return replace(facts, **changes)


def _check(facts: RequestFacts, policy: Policy = POLICY) -> None:
    assert parse_body(facts, KEYS) == BODY
    check_sender(facts, policy)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"origin": None, "fetch_site": None, "host": "localhost:6006"},
        {"origin": None, "fetch_site": None, "host": "127.0.0.1:6006"},
        {"origin": None, "fetch_site": None, "host": "[::1]:6006"},
        {"origin": "http://[::1]:6006", "fetch_site": None, "host": "[::1]:6006"},
        {"origin": "http://laptop:6006", "fetch_site": None, "host": "LAPTOP:6006"},
        {"origin": None, "fetch_site": None, "host": "tb.localhost"},
        # Behind a hub the proxy changes Host; what the browser says about the page is enough.
        {"origin": "https://hub.example", "host": "127.0.0.1:8888"},
    ],
)
def test_request_of_the_panel_passes(changes: dict[str, Any]) -> None:
    """The panel in a browser, behind a proxy, and a script on this machine get through."""
    _check(_facts(**changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "GET"}, "method_not_allowed"),
        ({"xsrf_header": None}, "forbidden"),
        ({"xsrf_header": "0"}, "forbidden"),
        ({"media_type": "text/plain"}, "unsupported_media_type"),
        ({"media_type": ""}, "unsupported_media_type"),
        ({"content_length": None}, "bad_request"),
        ({"content_length": MAX_BODY_BYTES + 1}, "too_large"),
        ({"origin": "null"}, "forbidden"),
        ({"fetch_site": "cross-site"}, "forbidden"),
        ({"fetch_site": "same-site"}, "forbidden"),
        ({"fetch_site": "none"}, "forbidden"),
        ({"fetch_site": "same-origin,cross-site"}, "forbidden"),
        ({"fetch_site": None, "origin": "http://evil.example"}, "forbidden"),
        ({"fetch_site": None, "origin": "http://localhost:7007"}, "forbidden"),
        ({"fetch_site": None, "origin": "http://[::1"}, "forbidden"),
        ({"fetch_site": None, "origin": "localhost:6006"}, "forbidden"),
        # DNS rebinding: the page's own name points to this machine.
        ({"fetch_site": None, "origin": "http://evil.test", "host": "evil.test"}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": "evil.test:6006"}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": "localhost.evil.test"}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": "127.0.0.1.evil.test"}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": "evil.test@localhost"}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": "localhost/evil.test"}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": ""}, "forbidden"),
        ({"fetch_site": None, "origin": None, "host": None}, "forbidden"),
    ],
)
def test_foreign_request_is_refused(changes: dict[str, Any], code: str) -> None:
    """Each check alone refuses, with the documented code and words for the user."""
    with pytest.raises(ApiError) as raised:
        _check(_facts(**changes))

    assert raised.value.code == code
    assert raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 60_000,
        b"9" * 5_000,
        b'{"run": "a", "id": "b", "to": "file", "to": "file"}',
        {"run": "a", "id": "b"},
        {**BODY, "path": "/etc/passwd"},
        {**BODY, "id": 7},
        {**BODY, "run": None},
    ],
)
def test_body_of_another_form_is_refused(body: object) -> None:
    """Exactly the documented keys, each once and with text."""
    with pytest.raises(ApiError) as raised:
        parse_body(_facts(body), KEYS)

    assert raised.value.code == "bad_request"


def test_body_of_a_foreign_request_is_not_read() -> None:
    """Nothing is waited for from a sender that is refused by its headers."""

    def read() -> bytes:
        raise AssertionError

    for changes in ({"method": "PUT"}, {"xsrf_header": ""}, {"content_length": 10**9}):
        with pytest.raises(ApiError):
            parse_body(_facts(read_body=read, **changes), KEYS)


@pytest.mark.parametrize(
    ("flags", "allowed"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "127.0.0.1"}, True),
        ({"host": "127.8.8.8"}, True),
        ({"host": "::1"}, True),
        ({"host": "192.168.1.5"}, False),
        ({"host": "0.0.0.0"}, False),  # noqa: S104 - it is refused
        ({"host": "::"}, False),
        ({"host": "localhost.evil.test"}, False),
        ({"bind_all": True}, False),
        ({"bind_all": True, "epochline_allow_restore": True}, True),
        ({"host": "192.168.1.5", "epochline_allow_restore": True}, True),
        ({"host": "localhost", "epochline_allow_restore": False}, True),
    ],
)
def test_actions_stay_on_this_machine_unless_a_flag_says_so(
    flags: dict[str, Any], allowed: bool
) -> None:
    """Who listens for others is read-only by default; the refusal says how to change that."""
    policy = Policy.of_flags(SimpleNamespace(**flags))

    assert (policy.refusal is None) is allowed
    if not allowed:
        assert "--epochline_allow_restore" in (policy.hint or "")
        with pytest.raises(ApiError) as raised:
            _check(_facts(), policy)
        assert raised.value.code == "forbidden"


def test_server_knows_its_own_names() -> None:
    """The machine may be called by its name, and by the one given to `--host`."""
    policy = Policy.of_flags(SimpleNamespace(host="Box.example", epochline_allow_restore=True))

    for host in ("box.example:6006", f"{socket.gethostname()}:6006"):
        _check(_facts(host=host, origin=None, fetch_site=None), policy)


def test_missing_flags_mean_loopback() -> None:
    """Some hosts of TensorBoard hand no flags to plugins."""
    assert Policy.of_flags(None).refusal is None


@pytest.mark.parametrize(
    ("ids", "pinned"), [("a", True), (["a", 1], True), ([["a"]], True), (["a"], "true"), ([], 1)]
)
def test_value_of_another_kind_is_refused(ids: object, pinned: object) -> None:
    """A list holds texts only, and what is true or false is not a number."""
    kinds = {"ids": list, "pinned": bool}
    right = {"run": "pima", "ids": ["a"], "pinned": False}
    assert parse_body(_facts(right), tuple(right), kinds) == right
    with pytest.raises(ApiError) as raised:
        parse_body(_facts({"run": "pima", "ids": ids, "pinned": pinned}), tuple(right), kinds)
    assert raised.value.code == "bad_request"
    assert "ids (a list of texts), pinned (true or false)" in raised.value.message
