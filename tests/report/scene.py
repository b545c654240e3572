"""A month in a small city, as the entries of a log: what a report of it must say is known.

October 2026 in Makassar: one site with two links, a hotspot, a service with TLS. The primary link
is down for eight hours of the 744 and unseen for two; the hotspot is watched half the month; the
service is never watched.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from alerts.payload import alert_id
from monitor.accounting import TEXT_NAME, Accounting, ObjectiveTerms, TargetTerms
from monitor.figures import Asked
from monitor.ledger.batch import Batch, Row, group_rows
from monitor.ledger.entry import (
    AlertHeld,
    AlertSettled,
    AlertsReleased,
    ClockAnchored,
    ConfigurationInForce,
    ExclusionDecided,
    ExclusionProposed,
    IncidentStepped,
    LogOpened,
    LossCounted,
    MaintenanceDeclared,
    OperatorAct,
    SeriesDefined,
    SilenceDeclared,
    SilenceEnded,
)
from monitor.ledger.merkle import leaf_hash, root
from monitor.ledger.wire import encode
from monitor.report.build import report_of
from monitor.report.gather import Gathered, gather
from monitor.report.model import Report
from monitor.rulebook import RULES_TEXT, BookTerms, ControlTerms, Rulebook, RuleTerms, Waiver
from policies.period import Period, parse_period
from policies.restitution import Terms

ORIGIN = "agent.example/log"
ZONE = ZoneInfo("Asia/Makassar")
PERIOD: Period = parse_period("2026-10", ZONE)
START_US, END_US = PERIOD.window
STEP_US = 600_000_000
HOUR_US = 3_600_000_000
PER_HOUR = HOUR_US // STEP_US
DOWN = range(100 * PER_HOUR, 108 * PER_HOUR)
UNSEEN = range(300 * PER_HOUR, 302 * PER_HOUR)


def digest(content: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(content).digest()


TARGETS = {
    "balai-fo": TargetTerms(
        name="Balai Kota, serat optik",
        kind="link",
        site="balai",
        role="primary",
        provider="provider-a",
        fee=10_000_000,
    ),
    "balai-lte": TargetTerms(name="Balai Kota, LTE", kind="link", site="balai", role="backup"),
    "taman": TargetTerms(name="Taman Nostalgia", kind="hotspot", site="taman"),
    "situs": TargetTerms(name="Situs <kota> & layanan", kind="service", site="balai"),
}


def objective(**more: Any) -> ObjectiveTerms:
    """Availability of 99.5 % by the icmp rule, with restitution."""
    usual: dict[str, Any] = {
        "policy": "availability",
        "id": "primary-link",
        "title": {"en": "Primary links", "id": "Jaringan utama"},
        "indicator": "availability",
        "measured_by": ("link-answers",),
        "targets": ("balai-fo",),
        "calendar": "month",
        "timezone": ZONE.key,
        "ratio": Decimal("0.995"),
        "duration_us": None,
        "unreachable_counts": False,
        "loss": None,
        "service_hours": (),
        "restitution": Terms(
            formula="downtime-over-target",
            only_below_target=True,
            longer_than_us=0,
            cap=Decimal(1),
            step=Decimal("0.01"),
            rounding="half-up",
        ),
    }
    return ObjectiveTerms(**{**usual, **more})


def rule(policy: str, name: str, check: str, *controls: str, waivers: Any = ()) -> RuleTerms:
    """A rule as the log names it."""
    return RuleTerms(
        policy=policy,
        id=name,
        title={"en": f"Rule {name}", "id": f"Aturan {name}"},
        check=check,
        severity=2,
        controls=controls,
        waivers=tuple(waivers),
    )


BOOK = BookTerms(
    policy="iso27001-2022",
    version=1,
    book="iso27001",
    title={"en": "Book of controls", "id": "Pedoman kendali"},
    controls=tuple(
        ControlTerms(
            id=name, title={"en": f"Asks {name}", "id": f"Meminta {name}"}, attested=name == "A.7.1"
        )
        for name in ("A.5.30", "A.7.1", "A.8.3", "A.8.6", "A.8.14", "A.8.20", "A.8.24")
    ),
)
RULES = (
    rule("availability", "link-answers", "icmp", "iso27001:A.8.14", "iso27001:A.8.21"),
    rule("availability", "hotspot-answers", "icmp", "iso27001:A.8.14"),
    rule("loss", "loss-5", "icmp", "iso27001:A.8.21", "cis-8:15.6"),
    rule(
        "tls",
        "tls-trusted",
        "tls",
        "iso27001:A.8.24",
        "nist-800-53:SC-12",
        waivers=[
            Waiver(
                policy="tls",
                rule="tls-trusted",
                target="balai-lte",
                justification="test certificate",
                until="2026-12-31",
                author="ayu",
            )
        ],
    ),
    rule("web", "closed-paths", "web", "iso27001:A.8.3", "nist-800-53:AC-3"),
    rule("gateway", "vrrp-open", "vrrp", "iso27001:A.8.20", "iso27001:A.8.22"),
)


@dataclass
class Scene:
    """A log under construction; `report` is what it comes to."""

    objectives: tuple[ObjectiveTerms, ...] = (objective(),)
    rules: tuple[RuleTerms, ...] = RULES
    targets: dict[str, TargetTerms] = field(default_factory=lambda: dict(TARGETS))
    entries: list[bytes] = field(default_factory=list)
    records: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, *entries: Any) -> int:
        """Append entries; the index of the first."""
        first = len(self.entries)
        self.entries += [one.to_bytes() for one in entries]
        return first

    def keep(self, content: bytes) -> bytes:
        """An evidence record; its SHA-256."""
        self.records[digest(content)] = content
        return digest(content)

    def begin(self, at_us: int = START_US) -> None:
        """Log, clock, configuration."""
        accounting = Accounting(timezone=ZONE.key, targets=self.targets, objectives=self.objectives)
        rulebook = Rulebook(rules={one.key: one for one in self.rules}, books=(BOOK,))
        texts = {
            TEXT_NAME: self.keep(accounting.to_bytes()),
            RULES_TEXT: self.keep(rulebook.to_bytes()),
        }
        self.add(
            LogOpened(origin=ORIGIN, vantage="kupang", opened_us=at_us, previous=None),
            ClockAnchored(wall_us=at_us, boottime_ns=0, boot_id="b", why="start", step_us=0),
            ConfigurationInForce(at_us=at_us, texts=texts, program="sasando 0.1.0"),
        )

    def series(self, number: int, target: str, check: str, *rules: str) -> None:
        """A series that is observed every ten minutes."""
        self.add(
            SeriesDefined(
                number=number,
                target=target,
                kind=self.targets[target].kind,
                definition="d",
                check=check,
                family=4,
                vantage="kupang",
                interval_us=STEP_US,
                rules=rules,
                withdrawn=False,
            )
        )

    def observe(self, rows: list[Row], check: str = "icmp", anchor: int = 1) -> None:
        """Rows in batches of 500."""
        for at in range(0, len(rows), 500):
            records: list[bytes] = []
            names = ("delays_us", "sent") if check == "icmp" else ("connect_us",)
            group = group_rows(check, names, rows[at : at + 500], records)
            self.add(
                Batch(
                    anchor=anchor,
                    wall_us=START_US,
                    boottime_ns=0,
                    records=tuple(records),
                    groups=(group,),
                )
            )

    def read(self) -> Iterator[tuple[int, bytes]]:
        """As a source gives them."""
        return enumerate(self.entries)

    def gathered(self, period: Period = PERIOD) -> Gathered:
        """One pass."""
        return gather(self.read(), self.records.get, period.window)

    def report(self, period: Period = PERIOD, until_us: int = END_US) -> Report:
        """The report of a period."""
        asked = Asked(period=period, until_us=until_us)
        found = gather(self.read(), self.records.get, asked.window)
        return report_of(
            found, asked, root(map(leaf_hash, self.entries)), self.records.get, self.read
        )


def ping(number: int, step: int, *, up: bool = True, delay_us: int = 20_000) -> Row:
    """Five packets; of an unavailable target none came back. Digits: availability, loss."""
    delays = (
        delay_us,
        delay_us + 400,
        delay_us + 900,
        delay_us,
        None if step % 50 == 0 else delay_us,
    )
    judgement = 0 if up else 1 + 3
    lost: tuple[int | None, ...] = (None,) * 5
    return Row(
        number, step * STEP_US // 1_000, 30, judgement, None, None, (delays if up else lost, 5)
    )


def month(**more: Any) -> Scene:
    """The month of this module's first sentence."""
    scene = Scene(**more)
    scene.begin()
    scene.series(0, "balai-fo", "icmp", "availability/link-answers", "loss/loss-5")
    scene.series(1, "balai-lte", "icmp", "availability/link-answers", "loss/loss-5")
    scene.series(2, "taman", "icmp", "availability/hotspot-answers")
    scene.series(3, "situs", "tls", "", "tls/tls-trusted")
    scene.add(
        MaintenanceDeclared(
            targets=("taman",),
            since_us=START_US + 24 * HOUR_US,
            until_us=START_US + 26 * HOUR_US,
            author="ayu",
            reason="ganti antena",
            at_us=START_US,
        )
    )
    steps = range((END_US - START_US) // STEP_US)
    scene.observe(
        [
            ping(0, step, up=step not in DOWN, delay_us=20_000 + step % 144 * 90)
            for step in steps
            if step not in UNSEEN
        ]
    )
    scene.observe([ping(1, step, delay_us=48_000 + step % 77 * 310) for step in steps])
    scene.observe([ping(2, step, delay_us=9_000) for step in steps if step < len(steps) // 2])
    posture = encode(
        {
            "check": "tls",
            "outcome": "ok",
            "protocol": "TLSv1.3",
            "trusted": True,
            "hostname_matches": True,
            "not_after_s": END_US // 1_000_000 + 40 * 86_400,
            "key_type": "EC",
            "key_bits": 256,
            "post_quantum": True,
            "client_certificate": "no",
            "outside": {"rfc9325": ()},
        }
    )
    seen = scene.keep(posture)
    scene.observe(
        [Row(3, step * STEP_US // 1_000, 30, 2, None, seen, (1_000,)) for step in steps[::6]],
        check="tls",
    )
    page = scene.keep(
        encode(
            {
                "check": "web",
                "outcome": "ok",
                "closed_open": (),
                "closed_undecided": (),
                "login_insecure": (),
            }
        )
    )
    scene.series(4, "situs", "web", "", "web/closed-paths")
    scene.observe(
        [Row(4, step * STEP_US // 1_000, 30, 0, None, page, (1_000,)) for step in steps[::6]],
        check="web",
    )
    _answered(scene)
    _declared(scene)
    _drilled(scene)
    scene.add(
        LossCounted(
            since_us=START_US,
            until_us=START_US + HOUR_US,
            counts={"commits-delayed": 3, "skipped": 1},
        )
    )
    return scene


def step(incident: int | None, step: int, act: str, at_us: int, since_us: int) -> IncidentStepped:
    """A step of an incident of balai-fo."""
    return IncidentStepped(
        incident=incident,
        step=step,
        act=act,
        target="balai-fo",
        check="icmp",
        family=4,
        policy="availability",
        rule="link-answers",
        severity=2,
        reasons=("received 0 <= 0",),
        since_us=since_us,
        at_us=at_us,
        author="budi" if act == "acknowledged" else "",
    )


def _answered(scene: Scene) -> None:
    """The incident of the outage: confirmed after 20 min, told after 21, acknowledged after 60.

    A silence held the message back for that minute.
    """
    since_us = START_US + DOWN.start * STEP_US
    ended_us = START_US + DOWN.stop * STEP_US
    told_us = since_us + 2 * STEP_US + 60_000_000
    silence = scene.add(
        SilenceDeclared(
            targets=("balai",),
            tags=(),
            rules=("link-answers",),
            until_us=told_us,
            author="ayu",
            reason="kabel dipindah",
            at_us=since_us - HOUR_US,
        )
    )
    number = scene.add(step(None, 0, "opened", since_us + 2 * STEP_US, since_us))
    held: dict[str, Any] = {"cause": "silence", "by": silence}
    scene.add(
        AlertHeld(incident=None, routes=("noc",), at_us=since_us + 2 * STEP_US, **held),
        SilenceEnded(silence=silence, author="", reason="", at_us=told_us),
        AlertsReleased(counts={"held": 1, "standing": 1}, at_us=told_us, **held),
    )
    scene.add(
        AlertSettled(
            alert=alert_id(ORIGIN, number, 0, "noc"),
            route="noc",
            attempt=1,
            at_us=told_us,
            delivered=True,
            receipt="ok",
        ),
        step(number, 1, "acknowledged", since_us + HOUR_US, since_us),
        step(number, 2, "closed", ended_us + STEP_US, ended_us),
    )


def _declared(scene: Scene) -> None:
    """An exclusion of an hour of the hotspot's time, approved by a second account."""
    number = scene.add(
        ExclusionProposed(
            target="taman",
            since_us=START_US + 48 * HOUR_US,
            until_us=START_US + 49 * HOUR_US,
            cause="power",
            incident=None,
            author="ayu",
            reason="surat 12/PLN",
            at_us=START_US + 50 * HOUR_US,
        )
    )
    scene.add(
        ExclusionDecided(
            exclusion=number, approved=True, author="budi", reason="", at_us=START_US + 51 * HOUR_US
        )
    )


def _drilled(scene: Scene) -> None:
    """A drill within what is allowed."""
    gap = {
        "since_us": 20_000_000,
        "until_us": 22_000_000,
        "least_us": 1_900_000,
        "most_us": 2_100_000,
        "gap_us": 2_000_000,
        "lost": 20,
        "unmeasured": 0,
        "first_path": False,
    }
    scene.add(
        OperatorAct(
            act="drill",
            author="budi",
            reason="uji alih",
            at_us=START_US + 400 * HOUR_US,
            detail={
                "link": "balai-fo",
                "address": "192.0.2.10",
                "authorised_by": "Kepala Dinas",
                "letter": "555/9",
                "spacing_us": 100_000,
                "sent": 600,
                "answered": 580,
                "lost": 20,
                "unmeasured": 0,
                "path_before": ["192.0.2.1", "198.51.100.1"],
                "path_during": ["192.0.2.1", "203.0.113.1"],
                "path_after": None,
                "path_returned": None,
                "gap_count": 1,
                "started_us": START_US + 399 * HOUR_US,
                "outcome": "interrupted",
                "ended": "complete",
                "gaps": [gap],
                "most_us": 5_000_000,
                "path_changed": True,
            },
        )
    )
