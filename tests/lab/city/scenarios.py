"""Faults of the city, and what the real daemon must say of each: a table with a truth beside it.

A `Scenario` names a fault and the pairs (target, rule) that must be accused. Nobody else may be.
Another check joins by another pair in `accused` (or in `may`), and its settings in `agent`.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from checks.table import KINDS
from tests.daemon.place import Place
from tests.lab.city import claims, debts
from tests.lab.city.agent import INTERVAL_S, CityAgent, Proven, configuration, webhook
from tests.lab.city.city import City
from tests.lab.city.claims import Rules
from tests.lab.city.eventlog import boot_ns
from tests.lab.city.plan import OFFICES
from tests.lab.city.truth import Reach, Span, truth
from tests.lab.receivers import Received, Webhook

Accusation = tuple[str, str]
"""(target, rule)."""
LINK, BACKUP, SITE, SHAPED = "dukcapil-fo", "dukcapil-4g", "dukcapil", frozenset({"dukcapil-fo"})
_QUIET_COMMITS = 7
"""Commits, one a second, in which nobody may be accused before silence counts."""
_SETTLED_COMMITS = 16
"""Commits after which OSPF has settled and the truth of a leg is known again."""
RULES = Rules(interval_ns=round(INTERVAL_S * 1e9), probe_ns=1_000_000_000)


def down(*links: str) -> frozenset[Accusation]:
    """Links that do not answer."""
    return frozenset((link, "link-answers") for link in links)


def moved(*links: str) -> frozenset[Accusation]:
    """Links whose way is another one for a moment; what a look met of it is chance."""
    return frozenset((link, "path-changed") for link in links)


SINGLE = (SITE, "both-paths-alive")
FAILED_OVER = ("gerbang", "vrrp-no-failover")
NEW_FACE = ("gerbang", "neighbour-unchanged")
TWO_FACES = ("gerbang", "neighbour-single")
_GATEWAY_MOVES = frozenset({NEW_FACE}) | moved(LINK, BACKUP)
CANARY_DOWN = ("internet", "icmp-available")
WEB_DOWN = (f"{SITE}-web", "service-answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One fault and what has to be said of it."""

    name: str
    fault: Callable[[City], object]
    accused: frozenset[Accusation] = frozenset()
    may: frozenset[Accusation] = frozenset()
    """Neither demanded nor forbidden: what chance decides, printed."""
    labels: frozenset[tuple[str, str]] = frozenset()
    """(label, target) that must stand."""
    debt: bool = False
    """The site's redundancy debt must grow as the truth does; else it must not grow beyond it."""
    subject: str = LINK
    """Whose truth the row shows (`truth`): a leg, a site, dns, web or canary."""
    only: str = ""
    """`static` or `ospf`, where the other kind of routing gives another truth."""


def _labels(label: str, *targets: str) -> frozenset[tuple[str, str]]:
    return frozenset((label, target) for target in targets)


def _flap(city: City) -> None:
    for _ in range(2):
        city.cables[LINK].carrier(False)
        time.sleep(10)  # the fault itself: a cable that comes and goes every 20 s
        city.cables[LINK].carrier(True)
        time.sleep(10)
    city.cables[LINK].carrier(False)


def _cut(*cables: str) -> Callable[[City], None]:
    def fault(city: City) -> None:
        for cable in cables:
            city.cables[cable].carrier(False)

    return fault


_BEHIND_CORE1 = (*(f"{office}-fo" for office in OFFICES), "tirosa-4g", "kelurahan-fo")

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="primary down",
        fault=_cut(LINK),
        accused=down(LINK) | {SINGLE},
        may=moved(LINK),
        labels=_labels("single-leg", SITE),
        debt=True,
    ),
    Scenario(
        name="backup down",
        fault=_cut(BACKUP),
        accused=down(BACKUP) | {SINGLE},
        may=moved(BACKUP),
        labels=_labels("single-leg", SITE),
        debt=True,
        subject=BACKUP,
    ),
    Scenario(
        name="both down",
        fault=_cut(LINK, BACKUP),
        accused=down(LINK, BACKUP),
        may=moved(LINK, BACKUP),
        labels=_labels("unreachable", f"{SITE}-web"),
        subject=SITE,
    ),
    Scenario(
        name="silent blackhole, static routes keep feeding it",
        fault=lambda city: city.cables[LINK].blackhole(),
        accused=down(LINK) | {WEB_DOWN, SINGLE},
        may=moved(LINK),
        labels=_labels("single-leg", SITE),
        debt=True,
        only="static",
    ),
    Scenario(
        name="silent blackhole, BFD leaves it",
        fault=lambda city: city.cables[LINK].blackhole(),
        accused=down(LINK) | {SINGLE},
        may=moved(LINK) | {WEB_DOWN},
        labels=_labels("single-leg", SITE),
        debt=True,
        only="ospf",
    ),
    *(
        Scenario(
            name=f"{percent} % loss",
            fault=lambda city, percent=percent: city.cables[LINK].lose(percent, toward=SITE),  # type: ignore[misc]
            accused=frozenset({(LINK, "lab-loss")}) if percent == 40 else frozenset(),
            may=frozenset({(LINK, "lab-loss")} if percent == 20 else ())
            | (frozenset({WEB_DOWN, (LINK, "path-flows")}) if percent >= 10 else frozenset()),
        )
        for percent in (5, 10, 20, 40)
    ),
    Scenario(
        name="delay step of 40 ms each way",
        fault=lambda city: city.cables[LINK].delay(40),
        accused=frozenset({(LINK, "lab-delay")}),
    ),
    Scenario(
        name="flapping every 20 s",
        fault=_flap,
        accused=down(LINK) | {SINGLE},
        may=moved(LINK),
        debt=True,
        only="static",
    ),
    # A cut soon after a change waits for the next LSA, up to 5 s and a tick or two of bird's (RFC
    # 2328, MinLSInterval). So long nothing reaches the office, and its server may be told of.
    Scenario(
        name="flapping every 20 s, OSPF follows",
        fault=_flap,
        accused=down(LINK) | {SINGLE},
        may=moved(LINK) | {WEB_DOWN},
        debt=True,
        only="ospf",
    ),
    Scenario(
        name="core1 dead",
        fault=lambda city: city.router("core1"),
        # The lost legs are unreachable and not down: no debt, and no word of single legs.
        accused=down("core1") | {FAILED_OVER},
        may=_GATEWAY_MOVES,
        labels=_labels("unreachable", *_BEHIND_CORE1, "kupang-smart-city"),
    ),
    # Without a carrier nothing leaves the host: faults, not lost packets; nobody was observed.
    Scenario(name="own uplink cut", fault=lambda city: city.uplink(), subject="canary"),
    Scenario(
        name="own uplink swallows everything",
        fault=lambda city: city.cables["lan"].blackhole(toward="operations"),
        # The canary has no way of its own and is told (docs/decisions/0007); nobody else is.
        accused=frozenset({CANARY_DOWN}),
        labels=_labels("blind", "agent"),
        subject="canary",
    ),
    Scenario(
        name="DNS down",
        fault=lambda city: city.dns(),
        accused=frozenset({("nama", "name-resolves")}),
        subject="dns",
    ),
    # The way there is as it was, and nothing that is measured shows the way back.
    Scenario(name="asymmetric return", fault=lambda city: city.asymmetric(LINK)),
    Scenario(
        name="MTU hole of 1300",
        fault=lambda city: city.cables[LINK].mtu_hole(1_300),
        accused=frozenset({(LINK, "path-mtu-hole")}),
    ),
    Scenario(
        name="VRRP fails over (SIGTERM)",
        fault=lambda city: city.vrrp("core1", signal.SIGTERM),
        accused=frozenset({FAILED_OVER}),
        may=_GATEWAY_MOVES,
        subject="canary",
    ),
    # A killed router speaks no more but keeps the address: two hosts answer for it, one speaks.
    Scenario(
        name="VRRP split brain (SIGKILL)",
        fault=lambda city: city.vrrp("core1", signal.SIGKILL),
        accused=frozenset({FAILED_OVER, TWO_FACES}),
        may=_GATEWAY_MOVES,
        subject="canary",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a scenario."""

    scenario: Scenario
    opened: dict[Accusation, float]
    """Seconds from the fault to the incident in the daemon's answer."""
    told_s: float | None
    """Seconds from the fault to the first alert at the webhook."""
    healed_s: float
    """Seconds from the healing until nothing stood open."""
    truth: str
    """How long the scenario's subject was down or unsure until it was healed."""
    debt: str
    """Redundancy debt of the site since the fault: as the daemon counts it, and what was true."""
    wrong: tuple[str, ...]

    def text(self) -> str:
        """One line of the table."""
        said = ", ".join(
            f"{target}/{rule} {seconds:.1f} s"
            for (target, rule), seconds in sorted(self.opened.items())
        )
        told = "–" if self.told_s is None else f"{self.told_s:.1f} s"
        return (
            f"{self.scenario.name:<48} | {said or 'nobody'} | alert {told} | "
            f"all well {self.healed_s:.1f} s after healing | "
            f"truth: {self.scenario.subject} {self.truth} | debt {self.debt}"
            f"{' | WRONG: ' + '; '.join(self.wrong) if self.wrong else ''}"
        )


@dataclass(slots=True, kw_only=True)
class Said:
    """What the daemon has said since a fault began, and after how many seconds."""

    before: int
    """Messages that the webhook had got by then."""
    begun: float = field(default_factory=time.monotonic)
    opened: dict[Accusation, float] = field(default_factory=dict)
    told_s: float | None = None

    def note(self, now: dict[str, Any], messages: Sequence[Received]) -> None:
        """Take in the daemon's answer and the webhook's messages; a late recovery is no alert."""
        passed = time.monotonic() - self.begun
        news = [one for one in messages[self.before :] if "RECOVERED" not in one.title]
        if news and self.told_s is None:
            self.told_s = passed
        for incident in now["incidents"]:
            self.opened.setdefault((incident["target"], incident["rule"]), passed)


@dataclass(slots=True)
class Watch:
    """A city with the daemon in it."""

    city: City
    place: Place
    agent: CityAgent
    hook: Webhook
    started_ns: int = field(default_factory=boot_ns)

    def play(self, scenario: Scenario) -> Row:
        """Break, wait for what must be said (and for nothing more), heal, wait for quiet."""
        said, since_ns = Said(before=len(self.hook.received)), boot_ns()
        before_ns = self.debt_ns(SITE)
        fault = threading.Thread(target=scenario.fault, args=(self.city,), name="fault")
        fault.start()  # some faults go on for a while, and are judged meanwhile
        self._await_said(scenario, said)
        fault.join()
        quiet = 2 if scenario.accused else _QUIET_COMMITS
        moving = scenario.debt and self.city.routing == "ospf"
        self._await_commits(_SETTLED_COMMITS if moving else quiet, said)
        extra = set(said.opened) - scenario.accused - scenario.may
        healing, until_ns = time.monotonic(), boot_ns()
        self.city.heal()
        if scenario.may:  # what moved moves back, and the next look tells of it
            self._await_looks()
        self.agent.await_now("quiet", lambda now: not now["incidents"] and not now["labels"])
        self.await_available()
        debt, invented = self._debt(scenario, since_ns, self.debt_ns(SITE) - before_ns)
        return Row(
            scenario=scenario,
            opened=said.opened,
            told_s=said.told_s,
            healed_s=time.monotonic() - healing,
            truth=_shown(self.spans(scenario.subject, since_ns, until_ns)),
            debt=debt,
            wrong=(*(f"{target} was accused by {rule}" for target, rule in sorted(extra)),
                   *invented),
        )  # fmt: skip

    def debt_ns(self, site: str) -> int:
        """The redundancy debt of the month as `now` shows it."""
        (found,) = (one for one in self.agent.now()["redundancy"] if one["site"] == site)
        return round(found["month"]["debt_ms"] * 1e6)

    def legs(self, site: str, since_ns: int = 0) -> list[list[Span]]:
        """The truth of each leg of a site."""
        return [self.spans(leg.name, since_ns) for leg in self.city.plan.sites[site].legs]

    def invented_debt(self) -> list[str]:
        """Offices of which more debt is told than there can have been since the watch began."""
        found = []
        for site in OFFICES:
            told_ns, legs = self.debt_ns(site), self.legs(site)
            most_ns = debts.true_debt(legs)[1] + debts.slack(legs, RULES)
            if told_ns > most_ns:
                found.append(
                    f"{site}: debt of {told_ns / 1e9:.1f} s, at most {most_ns / 1e9:.1f} s"
                )
        return found

    def _debt(self, scenario: Scenario, since_ns: int, told_ns: int) -> tuple[str, list[str]]:
        legs = self.legs(SITE, since_ns)
        least_ns, most_ns = debts.true_debt(legs)
        slack_ns = debts.slack(legs, RULES)
        shown = f"{told_ns / 1e9:.1f} s of {least_ns / 1e9:.1f} s"
        if most_ns > least_ns:
            shown += f" to {most_ns / 1e9:.1f} s"
        wrong = told_ns > most_ns + slack_ns or (scenario.debt and told_ns < least_ns - slack_ns)
        return shown, [f"the debt differs by more than {slack_ns / 1e9:.1f} s"] if wrong else []

    def _await_said(self, scenario: Scenario, said: Said) -> None:
        wanted = ", ".join(sorted(str(one) for one in scenario.accused | scenario.labels))

        def complete(now: dict[str, Any]) -> bool:
            said.note(now, self.hook.received)
            labels = {(label["label"], label["target"]) for label in now["labels"]}
            told = said.told_s is not None or not scenario.accused
            return told and scenario.accused <= set(said.opened) and scenario.labels <= labels

        try:
            self.agent.await_now(f"{scenario.name}: {wanted}", complete)
        except TimeoutError as error:
            labels = [(one["label"], one["target"]) for one in self.agent.now()["labels"]]
            error.add_note(f"said: {said.opened}, told {said.told_s}, labels {labels}")
            raise

    def _await_commits(self, more: int, said: Said) -> None:
        size = self.agent.now()["ledger"]["size"]

        def committed(now: dict[str, Any]) -> bool:
            said.note(now, self.hook.received)
            return bool(now["ledger"]["size"] >= size + more)

        self.agent.await_now("more entries", committed)

    def _await_looks(self) -> None:
        """Until everything was looked at once more, and what that opened stands open.

        A router counts as Active with its second advertisement: a moment after it took over.
        """
        since = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        self.agent.await_now("a look", lambda now: all(s["last"] > since for s in now["series"]))
        self.agent.await_seen(3)

    def await_available(self) -> None:
        """Until every series is seen, and available where its check says anything of it."""

        def well(series: dict[str, Any]) -> bool:
            says = bool(KINDS[series["check"]].available)
            return (
                series["last"] and not series["fault"] and says <= (series["state"] == "available")
            )

        self.agent.await_now("all available", lambda now: all(map(well, now["series"])))

    def spans(self, subject: str, since_ns: int = 0, until_ns: int = 0) -> list[Span]:
        """The truth of a subject, by default since the watch began and until now."""
        return truth(
            self.city.plan,
            self.city.log.events,
            subject,
            since_ns=since_ns or self.started_ns,
            until_ns=until_ns or boot_ns(),
            dynamic=self.city.routing == "ospf",
        )


def _shown(spans: list[Span]) -> str:
    sums = {reach: sum(s.seconds for s in spans if s.reach is reach) for reach in Reach}
    parts = [f"{reach.value} {s:.1f} s" for reach, s in sums.items() if s > 0 and reach != Reach.UP]
    return ", ".join(parts) or Reach.UP.value


@contextmanager
def watched(city: City, **more: Any) -> Iterator[Watch]:
    """The real daemon watching a city, everything seen available once; stopped at the end."""
    with webhook(city) as hook, TemporaryDirectory(prefix="sd-") as name:
        place = configuration(city, Path(name), hook.url(), **more)
        with CityAgent(city, place) as agent:
            agent.ready()
            watch = Watch(city=city, place=place, agent=agent, hook=hook)
            watch.await_available()
            watch.started_ns = boot_ns()
            yield watch
            if agent.process.poll() is None:
                assert agent.stop() == 0, agent.told()


def contradictions_of(watch: Watch) -> list[str]:
    """Everything stored or told that the lab's own log contradicts; the daemon has stopped."""
    legs = [(leg, leg, "icmp", "link-answers") for leg in watch.city.plan.legs]
    sites = [(office, f"{office}-web", "http", "service-answers") for office in OFFICES]
    rest = [("dns", "nama", "dns", "name-resolves"), ("web", "portal", "http", "service-answers"),
            ("canary", CANARY_DOWN[0], "icmp", CANARY_DOWN[1])]  # fmt: skip
    proven, found = Proven(watch.place), []
    held, now_ns = proven.held(), boot_ns()
    for subject, target, check, rule in (*legs, *sites, *rest):
        spans = watch.spans(subject)
        says = [*claims.contradictions(spans, held[(target, check)], RULES)]
        told = proven.told(target, now_ns)
        says += claims.untold(spans, told, held[(target, check)], RULES)
        says += claims.accused_falsely(spans, proven.accused(target, rule), RULES)
        found += [f"{target}: {one}" for one in says]
    return found
