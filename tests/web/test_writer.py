# SPDX-License-Identifier: Apache-2.0
"""Commands of many clients are committed together; none is lost or answered early."""

from __future__ import annotations

import asyncio
import threading

import pytest

from oreserve.reserve import Receipt, Refused, Request, StoreError
from oreserve.web._problems import Problem
from oreserve.web._writer import MOST_TOGETHER, Writer


class Store:
    """Stands for a reserve: notes groups, fails when told to."""

    def __init__(self):
        self.groups = []
        self.failures = []
        self.poison = set()
        self.gate = threading.Event()
        self.gate.set()

    def execute_many(self, requests):
        self.gate.wait(10)
        self.groups.append([one.key for one in requests])
        if self.failures:
            raise self.failures.pop(0)
        if self.poison & {one.key for one in requests}:
            raise ZeroDivisionError
        return [
            Refused("no", "refused")
            if one.key.startswith("no")
            else Receipt(1, "", one.command, None, {"key": one.key}, "")
            for one in requests
        ]


@pytest.fixture
def store():
    return Store()


def run(store, *keys):
    """Send commands side by side and return their answers by key."""

    async def all_of_them():
        writer = Writer(store.execute_many)
        writer.start()
        tasks = [
            asyncio.ensure_future(writer.execute(Request("c", {}, "a", "r", key)))
            for key in keys
        ]
        await asyncio.sleep(0.05)
        store.gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(writer.close)
        return dict(zip(keys, found, strict=True))

    return asyncio.run(all_of_them())


def test_what_waits_is_committed_together(store):
    store.gate.clear()
    keys = [f"k{n}" for n in range(100)]
    answers = run(store, *keys)
    assert {key: answers[key].result["key"] for key in keys} == {k: k for k in keys}
    assert [key for group in store.groups for key in group] == keys
    assert max(map(len, store.groups)) == MOST_TOGETHER
    assert len(store.groups) <= 4


def test_a_refusal_is_the_answer_to_its_own_command_alone(store):
    answers = run(store, "k1", "no1", "k2")
    assert isinstance(answers["no1"], Refused)
    assert answers["k1"].result == {"key": "k1"}
    assert answers["k2"].result == {"key": "k2"}


def test_a_database_that_comes_back_gets_the_same_keys_again(store):
    store.failures = [StoreError("locked"), StoreError("gone")]
    answers = run(store, "k1")
    assert answers["k1"].result == {"key": "k1"}
    assert store.groups[0] == store.groups[-1] == ["k1"]


def test_a_database_that_stays_away_is_an_answer_and_the_thread_lives(store):
    store.failures = [StoreError("gone")] * 3
    answers = run(store, "k1")
    assert isinstance(answers["k1"], Problem)
    assert answers["k1"].status_code == 503
    assert run(store, "k2")["k2"].result == {"key": "k2"}


def test_one_poisoned_command_does_not_take_the_group_along(store):
    store.gate.clear()
    store.poison = {"bad"}
    answers = run(store, "k1", "bad", "k2")
    assert answers["k1"].result == {"key": "k1"}
    assert answers["k2"].result == {"key": "k2"}
    assert isinstance(answers["bad"], Problem)


def test_answers_that_do_not_fit_leave_nobody_waiting(store):
    store.execute_many = lambda _requests: []
    assert run(store, "k1")["k1"].status_code == 503


def test_a_closed_writer_takes_nothing_more(store):
    async def late():
        writer = Writer(store.execute_many)
        writer.start()
        writer.close()
        writer.close()
        await writer.execute(Request("c", {}, "a", "r", "k"))

    with pytest.raises(Problem) as caught:
        asyncio.run(late())
    assert caught.value.status_code == 503
    assert store.groups == []


def test_a_client_that_hangs_up_does_not_stop_the_commit(store):
    async def leave():
        writer = Writer(store.execute_many)
        writer.start()
        store.gate.clear()
        task = asyncio.ensure_future(writer.execute(Request("c", {}, "a", "r", "k1")))
        await asyncio.sleep(0.05)
        task.cancel()
        store.gate.set()
        answer = await writer.execute(Request("c", {}, "a", "r", "k2"))
        await asyncio.to_thread(writer.close)
        return answer

    assert asyncio.run(leave()).result == {"key": "k2"}
    assert [key for group in store.groups for key in group] == ["k1", "k2"]
