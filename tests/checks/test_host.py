"""The host check on the very host that runs the tests."""

import os
import resource
from pathlib import Path

import pytest

from checks import host
from checks.host import HostEvidence, HostSettings, nearest
from monitor.model import Family, FaultKind
from tests.checks.harness import facts, fault, observe, run


def test_this_host_is_described(tmp_path: Path) -> None:
    """Loopback is up, ratios lie between 0 and 1, and the disk is that of the directory."""

    async def scenario() -> None:
        wish = HostSettings(path=str(tmp_path))
        assert host.KIND.families(wish) == (Family.NONE,)
        found = facts(await observe(host.KIND, wish, None, Family.NONE))
        assert "lo" in found["links_up"]
        assert found["cpu_count"] >= 1
        for name in ("memory_available", "disk_free", "file_descriptors"):
            assert 0 < found[f"{name}_ratio"] < 1
        assert found["load1"] >= 0
        assert found["disk_free_bytes"] <= os.statvfs(tmp_path).f_blocks * 4_096

    run(scenario)


def test_a_directory_that_is_not_there_yet_is_measured_above(tmp_path: Path) -> None:
    """The nearest directory that exists stands for one that does not."""
    assert nearest(tmp_path / "a" / "b") == tmp_path
    assert nearest(tmp_path) == tmp_path


def test_what_cannot_be_read_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that hides its figures gives a fault, not zeros."""

    def hidden() -> None:
        raise PermissionError("hidden")

    async def scenario() -> None:
        with monkeypatch.context() as patched:
            patched.setattr("psutil.virtual_memory", hidden)
            outcome = await observe(host.KIND, HostSettings(), None, Family.NONE)
        assert fault(outcome).kind is FaultKind.LOCAL_RESOURCE

    run(scenario)


def test_a_process_without_a_limit_has_no_ratio_of_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the kernel sets no limit, it and its ratio are undefined."""

    async def scenario() -> None:
        with monkeypatch.context() as patched:
            unlimited = resource.RLIM_INFINITY
            patched.setattr(resource, "getrlimit", lambda _: (unlimited, unlimited))
            found = facts(await observe(host.KIND, HostSettings(), None, Family.NONE))
        assert found["file_descriptors"] > 0
        assert not {"file_descriptors_limit", "file_descriptors_ratio"} & set(found)

    run(scenario)


def test_undefined_is_absent() -> None:
    """A figure that is not known makes its ratio undefined, never zero."""
    evidence = HostEvidence(
        load1_milli=None,
        memory_available_bytes=1,
        disk_free_bytes=None,
        file_descriptors=5,
        links_up=(),
        links_down=("eth0",),
        cpu_count=None,
        memory_bytes=4,
        disk_bytes=100,
        file_descriptors_limit=None,
    )
    found = evidence.facts()
    assert found["memory_available_ratio"] == 0.25
    assert found["links_down"] == ["eth0"]
    assert not {"load1", "load1_per_cpu", "disk_free_ratio", "file_descriptors_ratio"} & set(found)
