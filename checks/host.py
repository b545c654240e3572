"""host: can the agent do its work here? Its links, load, memory, disk and descriptors."""

import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from checks.base import (
    Assignment,
    CheckKind,
    Evidence,
    FactValue,
    Net,
    Prober,
    Settings,
    measure,
    option,
    posture,
)
from checks.task_prober import TaskProber
from monitor.model import Fault, FaultKind

_LINKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings(Settings):
    """Which disk to look at."""

    path: str = option(
        "/var/lib/sasando", "Directory whose disk is measured; if absent, the nearest above it."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEvidence(Evidence):
    """The agent's own host; descriptors are those of the agent's process. No address is kept."""

    FACTS: ClassVar[Mapping[str, str]] = {
        "links_up": "list<string>",
        "links_down": "list<string>",
        "load1": "double",
        "load1_per_cpu": "double",
        "cpu_count": "int",
        "memory_available_bytes": "int",
        "memory_available_ratio": "double",
        "disk_free_bytes": "int",
        "disk_free_ratio": "double",
        "file_descriptors": "int",
        "file_descriptors_limit": "int",
        "file_descriptors_ratio": "double",
    }

    load1_milli: int | None = measure("1/1000")
    memory_available_bytes: int | None = measure("bytes")
    disk_free_bytes: int | None = measure("bytes")
    file_descriptors: int | None = measure("1")
    links_up: tuple[str, ...] = posture()
    links_down: tuple[str, ...] = posture()
    cpu_count: int | None = posture()
    memory_bytes: int | None = posture()
    disk_bytes: int | None = posture()
    file_descriptors_limit: int | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; a ratio needs both of its parts."""
        facts: dict[str, FactValue] = {
            "links_up": list(self.links_up),
            "links_down": list(self.links_down),
        }
        for name in (
            "cpu_count",
            "memory_available_bytes",
            "disk_free_bytes",
            "file_descriptors",
            "file_descriptors_limit",
        ):
            value = getattr(self, name)
            if value is not None:
                facts[name] = value
        if self.load1_milli is not None:
            facts["load1"] = self.load1_milli / 1_000
            if self.cpu_count:
                facts["load1_per_cpu"] = self.load1_milli / 1_000 / self.cpu_count
        for name, part, whole in (
            ("memory_available_ratio", self.memory_available_bytes, self.memory_bytes),
            ("disk_free_ratio", self.disk_free_bytes, self.disk_bytes),
            ("file_descriptors_ratio", self.file_descriptors, self.file_descriptors_limit),
        ):
            if part is not None and whole:
                facts[name] = part / whole
        return facts


async def looked(net: Net, assignment: Assignment) -> Evidence | Fault:  # noqa: ARG001
    """Read the kernel's figures; each takes microseconds, so none leaves the loop."""
    settings = assignment.settings
    assert isinstance(settings, HostSettings)
    try:
        return _looked(Path(settings.path))
    except (OSError, psutil.Error) as error:
        return Fault(kind=FaultKind.LOCAL_RESOURCE, message=f"cannot look at this host: {error}")


def _looked(path: Path) -> HostEvidence:
    links = sorted(psutil.net_if_stats().items())[:_LINKS]
    memory = psutil.virtual_memory()
    disk = os.statvfs(nearest(path))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return HostEvidence(
        load1_milli=round(psutil.getloadavg()[0] * 1_000),
        memory_available_bytes=memory.available,
        disk_free_bytes=disk.f_bavail * disk.f_frsize,
        file_descriptors=psutil.Process().num_fds(),
        links_up=tuple(name for name, link in links if link.isup),
        links_down=tuple(name for name, link in links if not link.isup),
        cpu_count=psutil.cpu_count(),
        memory_bytes=memory.total,
        disk_bytes=disk.f_blocks * disk.f_frsize,
        file_descriptors_limit=None if limit == resource.RLIM_INFINITY else limit,
    )


def nearest(path: Path) -> Path:
    """The directory itself, or the nearest above it that exists."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TaskProber(net, looked)


KIND = CheckKind(name="host", settings=HostSettings, evidence=HostEvidence, prober=prober)
