"""Which core a worker stays on."""

import os
from pathlib import Path

import pytest

from myapi import cores

MANY = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {2, 3, 6, 7}, raising=False)


def test_a_worker_gets_the_core_that_nobody_holds(four):
    assert cores.choose([2, 3, 7]) == 6


def test_more_workers_than_cores_are_spread(four):
    assert cores.choose([2, 3, 6, 7, 2]) == 3


def test_workers_that_stay_nowhere_do_not_count(four):
    assert cores.choose([None, None]) == 2


def test_one_core_is_no_choice(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)
    assert cores.choose([]) is None


def test_a_system_that_does_not_tell_is_left_alone(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores.choose([]) is None
    cores.stay_on(None)


def test_a_refusal_is_a_line_in_the_log(monkeypatch, caplog):
    def refuse(_pid, _cores):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    cores.stay_on(1)
    assert "the worker cannot stay on core 1: [Errno 1]" in caplog.text


@pytest.mark.skipif(not MANY, reason="there is no choice of cores here")
class TestService:
    def held(self, service):
        """Return the cores of each worker, of all its threads."""
        return {
            frozenset(
                line.partition(":")[2].strip()
                for status in Path(f"/proc/{worker}/task").glob("*/status")
                for line in status.read_text().splitlines()
                if line.startswith("Cpus_allowed_list")
            )
            for worker in service.workers()
        }

    def test_each_worker_has_its_own_even_after_one_was_killed(self, serve):
        service = serve(workers=2)
        before = self.held(service)
        assert len(before) == 2
        assert all(len(cores_of_threads) == 1 for cores_of_threads in before)
        service.kill_worker()
        assert self.held(service) == before

    def test_a_setting_lets_them_go_where_they_like(self, serve):
        service = serve(workers=2, pin_workers="off")
        (everywhere,) = self.held(service)
        assert len(everywhere) == 1
        assert "-" in next(iter(everywhere)) or "," in next(iter(everywhere))
