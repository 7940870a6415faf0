"""The files by which a training is asked, and answers."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from epochline.events import Outcome
from epochline.restore.mailbox import Listener, Mailbox, new_request_id
from epochline.restore.requests import Request
from tests.restore.test_requests import ANSWER, ID, REQUEST


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """That of a training that listens."""
    mailbox = Mailbox(tmp_path)
    assert mailbox.open(Listener.here(REQUEST.session)) == []
    return mailbox


def new_request(created: float = REQUEST.created) -> Request:
    """Returns a request of its own."""
    return replace(REQUEST, id=new_request_id(), created=created, expires=created + 60)


def put(mailbox: Mailbox, name: str, data: bytes) -> Path:
    """Puts any file beside the requests."""
    path = mailbox.directory / "requests" / name
    path.write_bytes(data)
    return path


def test_request_is_taken_once_and_answered(mailbox: Mailbox) -> None:
    """Whoever asked sees where it is, and the answer; nothing is left over."""
    assert not mailbox.take()
    mailbox.submit(REQUEST)
    assert mailbox.changed()
    assert mailbox.waiting(ID) == REQUEST
    assert [taken.request for taken in mailbox.take()] == [REQUEST]
    assert (mailbox.waiting(ID), mailbox.is_taken(ID)) == (None, True)
    mailbox.answer(replace(ANSWER, outcome=Outcome.WORKING))
    assert mailbox.is_taken(ID)
    mailbox.answer(ANSWER)
    assert (mailbox.answer_to(ID), mailbox.is_taken(ID)) == (ANSWER, False)
    assert not mailbox.take()
    files = [path for path in mailbox.directory.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == [f"{ID}.json", "listener.json"]


def test_request_is_taken_back_only_before_it_is_taken(mailbox: Mailbox) -> None:
    """One of the two gets it, never both."""
    mailbox.submit(REQUEST)
    assert mailbox.withdraw(ID)
    assert not mailbox.take()
    mailbox.submit(REQUEST)
    assert mailbox.take()
    assert not mailbox.withdraw(ID)


def test_asking_again_under_the_same_id_asks_once(mailbox: Mailbox) -> None:
    """While it waits, while it is carried out, and when it is answered."""
    mailbox.submit(REQUEST)
    mailbox.submit(REQUEST)
    assert len(mailbox.take()) == 1
    mailbox.submit(REQUEST)
    assert not mailbox.take()
    mailbox.answer(ANSWER)
    mailbox.submit(REQUEST)
    assert not mailbox.take()


def test_final_answer_stays(mailbox: Mailbox) -> None:
    """Who comes later does not change what was answered."""
    mailbox.answer(ANSWER)
    mailbox.answer(replace(ANSWER, outcome=Outcome.EXPIRED))
    assert mailbox.answer_to(ID) == ANSWER


def test_requests_come_in_the_order_in_which_they_were_made(mailbox: Mailbox) -> None:
    """Not in that of their names."""
    requests = [new_request(REQUEST.created + age) for age in (2, 0, 1)]
    for request in requests:
        mailbox.submit(request)
    found = [taken.request for taken in mailbox.take()]
    assert found == sorted(requests, key=lambda request: request.created)


def test_garbage_is_bounded_and_delays_nobody(mailbox: Mailbox) -> None:
    """Of 10,000 files some are looked at each time; the newest request is always among them."""
    for _ in range(9_000):
        put(mailbox, f"{secrets.token_hex(10):0>32}.json", b"rubbish")
    for number in range(1_000):
        put(mailbox, f"note-{number}.txt", b"")
    rounds = 0
    while mailbox.changed():
        request = new_request()
        mailbox.submit(request)
        taken = mailbox.take()
        assert len(taken) <= 64
        assert request in [item.request for item in taken]
        for item in taken:
            assert item.request == request or item.problem
            mailbox.answer(replace(ANSWER, id=item.id))
        rounds += 1
        if rounds > 3:
            break
    assert rounds == 4
    assert not any((mailbox.directory / "taken").iterdir())


def test_with_nothing_new_only_one_stat_is_made(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beside files that are none of ours, once they were seen."""
    put(mailbox, "note.txt", b"")
    requests = mailbox.directory / "requests"
    os.utime(requests, (1.0, 1.0))  # long ago
    assert mailbox.changed()
    assert not mailbox.take()
    monkeypatch.setattr(os, "scandir", None)
    monkeypatch.setattr(os, "replace", None)
    assert not mailbox.changed()


def test_what_came_within_a_tick_of_the_clock_is_seen(mailbox: Mailbox) -> None:
    """A directory that has just changed is looked at again, whatever its time says."""
    now = os.stat(mailbox.directory / "requests").st_mtime
    assert not mailbox.take()
    mailbox.submit(REQUEST)
    os.utime(mailbox.directory / "requests", (now, now))
    assert mailbox.changed()


def test_what_is_no_file_is_refused_unread(mailbox: Mailbox, tmp_path: Path) -> None:
    """Links, pipes and directories under the name of a request are not followed, nor opened."""
    requests = mailbox.directory / "requests"
    outside = tmp_path.parent / f"{tmp_path.name}-outside.json"
    outside.write_bytes(REQUEST.to_json())
    (requests / f"{ID}.json").symlink_to(outside)
    os.mkfifo(requests / f"{'1' * 32}.json")
    (requests / f"{'2' * 32}.json").mkdir()
    found = {taken.id: taken for taken in mailbox.take()}
    assert found.keys() == {ID, "1" * 32, "2" * 32}
    assert all(taken.request is None and taken.problem for taken in found.values())
    for taken in found.values():
        mailbox.answer(replace(ANSWER, id=taken.id, outcome=Outcome.REFUSED))
    assert not any((mailbox.directory / "taken").iterdir())
    assert outside.read_bytes() == REQUEST.to_json()


def test_request_of_another_user_is_refused(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write to the directory may not make the training of somebody else do things."""
    mailbox.submit(REQUEST)
    path = mailbox.directory / "requests" / f"{ID}.json"
    if os.getuid() == 0:
        os.chown(path, 4711, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 4711)
    (taken,) = mailbox.take()
    assert taken.request is None
    assert "another user" in taken.problem


def test_directory_that_leads_elsewhere_is_not_used(tmp_path: Path) -> None:
    """Nothing is written through a link."""
    mailbox = Mailbox(tmp_path / "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mailbox.directory.parent.mkdir(parents=True)
    mailbox.directory.symlink_to(elsewhere)
    with pytest.raises(OSError, match="leads elsewhere"):
        mailbox.open(Listener.here(REQUEST.session))
    assert not any(path.is_file() for path in elsewhere.rglob("*"))


def test_killed_training_leaves_what_it_was_doing(mailbox: Mailbox, tmp_path: Path) -> None:
    """The next one is told which requests were never finished."""
    mailbox.submit(REQUEST)
    mailbox.take()
    assert Mailbox(tmp_path).open(Listener.here("5e55100000000002")) == [ID]


def test_old_answers_are_forgotten(mailbox: Mailbox, tmp_path: Path) -> None:
    """After a day, when the next training begins."""
    mailbox.answer(ANSWER)
    fresh = replace(ANSWER, id="1" * 32)
    mailbox.answer(fresh)
    os.utime(mailbox.directory / "answers" / f"{ID}.json", (1.0, 1.0))
    again = Mailbox(tmp_path)
    again.open(Listener.here(REQUEST.session))
    assert (again.answer_to(ID), again.answer_to(fresh.id)) == (None, fresh)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"rubbish", b'{"session": 1, "pid": "x"}'])
def test_listener_that_cannot_be_read_is_none(mailbox: Mailbox, data: bytes) -> None:
    """Whoever wrote that file."""
    (mailbox.directory / "listener.json").write_bytes(data)
    assert mailbox.listener() is None


def test_ids_sort_by_the_time_at_which_they_were_made() -> None:
    """So that the newest files are known by their names."""
    first = new_request_id()
    assert len(first) == 32
    assert int(first[:12], 16) <= int(new_request_id()[:12], 16)
