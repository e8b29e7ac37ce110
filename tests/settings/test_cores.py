"""As many workers as cores that the process may use, in a container too."""

import os

import pytest

from myapi.settings import Settings, cores


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Write files of a system with 8 cores: `system(own, {folder of a cgroup: {file: text}})`."""
    monkeypatch.setattr(cores, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def write(own, groups):
        files = {"proc/self/cgroup": own}
        for folder, limits in groups.items():
            files |= {f"sys/fs/cgroup/{folder}/{name}": text for name, text in limits.items()}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")

    return write


def v1(quota, period=100_000):
    return {"cpu.cfs_quota_us": quota, "cpu.cfs_period_us": period}


OF_DOCKER = "0::/docker/1a2b"
OF_A_POD = "0::/kubepods/pod7/1a2b"
V1_OF_DOCKER = "5:memory:/docker/1a2b\n4:cpu,cpuacct:/docker/1a2b\n1:name=systemd:/docker/1a2b"


@pytest.mark.parametrize(
    ("own", "groups", "workers"),
    [
        pytest.param("0::/", {"": {"cpu.max": "200000 100000"}}, 2, id="v2"),
        pytest.param("0::/", {"": {"cpu.max": "150000 100000"}}, 2, id="v2, rounded up"),
        pytest.param("0::/", {"": {"cpu.max": "10000 100000"}}, 1, id="v2, less than one"),
        pytest.param("0::/", {"": {"cpu.max": "50000 25000"}}, 2, id="v2, another period"),
        pytest.param("0::/", {"": {"cpu.max": "3200000 100000"}}, 8, id="v2, more than there are"),
        pytest.param("0::/", {"": {"cpu.max": "max 100000"}}, 8, id="v2, no quota"),
        pytest.param(OF_DOCKER, {"": {"cpu.max": "300000 100000"}}, 3, id="v2, the host's path"),
        pytest.param(
            OF_A_POD,
            {
                "kubepods": {"cpu.max": "600000 100000"},
                "kubepods/pod7": {"cpu.max": "200000 100000"},
                "kubepods/pod7/1a2b": {"cpu.max": "max 100000"},
                "other": {"cpu.max": "100000 100000"},
            },
            2,
            id="v2, a group above",
        ),
        pytest.param("0::/../other", {"": {"cpu.max": "max 100000"}}, 8, id="v2, outside of here"),
        pytest.param("4:cpu:/", {"cpu": v1(250_000)}, 3, id="v1"),
        pytest.param("4:cpu:/", {"cpu": v1(-1)}, 8, id="v1, no quota"),
        pytest.param(V1_OF_DOCKER, {"cpu": v1(150_000)}, 2, id="v1, the host's path"),
        pytest.param(
            V1_OF_DOCKER,
            {"cpu": v1(-1), "cpu/docker": v1(400_000), "cpu/docker/1a2b": v1(600_000)},
            4,
            id="v1, a group above",
        ),
        pytest.param("1:cpu:/\n0::/", {"cpu": v1(100_000), "unified": {}}, 1, id="v1 beside v2"),
        pytest.param("0::/", {"": {"cpu.max": "what"}}, 8, id="unknown"),
        pytest.param("", {}, 8, id="no cgroups"),
    ],
)
def test_workers_follow_the_smallest_quota_that_holds_for_the_process(system, own, groups, workers):
    system(own, groups)
    assert Settings().workers == workers


def test_system_without_cgroups_has_a_worker_for_each_core(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "ROOT", tmp_path)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert Settings().workers == 6


def test_number_of_workers_that_is_set_wins_over_the_quota(system):
    system("0::/", {"": {"cpu.max": "100000 100000"}})
    assert Settings(workers=5).workers == 5
