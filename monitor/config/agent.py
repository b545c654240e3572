"""agent.yaml into the agent of the configuration: defaults, paths, scope."""

from collections.abc import Iterable
from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from checks.scope import ScopeRange
from monitor.calendar import minutes_of
from monitor.config.configuration import (
    Agent,
    FileKey,
    FolderPlan,
    KeyPlan,
    TimeStampPlan,
    WitnessPlan,
)
from monitor.config.problem import Problem, problem, shown
from monitor.config.schema import AgentEntry, NextKeyEntry, PruningEntry, ReportsEntry
from monitor.config.values import literal
from monitor.config.yaml_tree import Tree
from monitor.ledger.signer import Verifier
from monitor.ledger.stamp import StampError, roots_in
from monitor.ledger.token import TokenKey
from monitor.secret import mask

EXPIRY_NOTICE = timedelta(days=30)
"""From when on an authority that ends is a warning."""


def build_agent(entry: AgentEntry, directory: Path) -> Agent:
    """The agent, every path absolute."""
    state = Path(entry.state)
    mark = state.with_name(f"{state.name}-mark") / "high-water"
    return Agent(
        origin=entry.origin,
        vantage=entry.vantage,
        key=_key(entry.key),
        next_key=None if entry.key.next is None else _key(entry.key.next),
        language=entry.language,
        timezone=ZoneInfo(entry.timezone),
        state=state,
        store=entry.store or f"sqlite:///{state}/ledger.db",
        high_water_mark=Path(entry.high_water_mark) if entry.high_water_mark else mark,
        control=Path(entry.control),
        packets=Path(entry.packets),
        trusted_key=directory / "trust" / "log.vkey",
        retention_us=entry.retention,
        scope=(*_written_scope(entry), *_own_scope(entry)),
        resolvers=tuple(entry.resolvers),
        time_servers=tuple(entry.ntp),
        ca_file=str(directory / entry.ca_file) if entry.ca_file else "",
        packs=tuple(entry.packs),
        witnesses=tuple(
            WitnessPlan(name=one.name, url=one.url, verifier=Verifier.parse(one.key))
            for one in entry.witnesses
        ),
        time_stamps=tuple(
            TimeStampPlan(name=one.name, url=one.url, root=directory / one.root, at=_at(one.at))
            for one in entry.time_stamps
        ),
        reports=_reports(entry.calendar.reports),
        pruning=_pruning(entry.calendar.pruning),
    )


def _reports(entry: ReportsEntry | None) -> FolderPlan | None:
    if entry is None:
        return None
    folder, formats = Path(entry.folder), tuple(entry.formats)
    return FolderPlan(folder=folder, day=entry.day, at=_at(entry.at), formats=formats)


def _pruning(entry: PruningEntry | None) -> FolderPlan | None:
    if entry is None:
        return None
    return FolderPlan(folder=Path(entry.archive), day=entry.day, at=_at(entry.at))


def _at(hour: str) -> int:
    return minutes_of(hour) or 0


def _key(entry: NextKeyEntry) -> KeyPlan:
    """Where the key lies; `check_keys` made sure that it is said once."""
    if entry.pkcs11 is not None:
        token = entry.pkcs11
        return TokenKey(module=token.module, token=token.token, label=token.label, pin=token.pin)
    assert entry.private is not None
    return FileKey(private=entry.private, passphrase=entry.passphrase)


def check_keys(entry: AgentEntry, tree: Tree, problems: list[Problem]) -> None:
    """A key lies in one place, and a token has a PIN instead of a passphrase."""
    for path, one in ((("key",), entry.key), (("key", "next"), entry.key.next)):
        if one is None:
            continue
        in_token = one.pkcs11 is not None
        if (one.private is None) != in_token or (in_token and one.passphrase is not None):
            problems.append(problem(tree.of_key(path), "key-place"))


def _written_scope(entry: AgentEntry) -> Iterable[ScopeRange]:
    return (
        ScopeRange(
            network=ip_network(one.network),
            authorised_by=one.authorised_by,
            letter=one.letter,
            until=one.until,
        )
        for one in entry.scope
    )


def _own_scope(entry: AgentEntry) -> Iterable[ScopeRange]:
    """Resolvers, time servers and canaries count as scope where they are literal addresses."""
    named = [("resolvers", address) for address in entry.resolvers]
    named += [("ntp", host) for host in entry.ntp]
    named += [("canaries", canary.address) for canary in entry.canaries.values()]
    return (
        ScopeRange(
            network=ip_network(address.partition("%")[0]),
            authorised_by=f"agent.yaml {section}:",
            letter="-",
            until=date.max,
        )
        for section, address in named
        if literal(address)
    )


def check_witnesses(entry: AgentEntry, tree: Tree, problems: list[Problem]) -> None:
    """Two witnesses of one name or key would be one, counted twice; and none is the log itself."""
    names, keys = set[str](), {entry.origin}
    for position, one in enumerate(entry.witnesses):
        signer = Verifier.parse(one.key).name
        for seen, value, part in ((names, one.name, "name"), (keys, signer, "key")):
            if value in seen:
                place = tree.of_value(("witnesses", position, part))
                problems.append(problem(place, "witness-twice", name=shown(value)))
            seen.add(value)


def check_time_stamps(
    entry: AgentEntry, directory: Path, tree: Tree, problems: list[Problem]
) -> None:
    """Authorities have names of their own, and roots that can be read."""
    names = set[str]()
    for position, one in enumerate(entry.time_stamps):
        if one.name in names:
            place = tree.of_value(("time_stamps", position, "name"))
            problems.append(problem(place, "authority-twice", name=shown(one.name)))
        names.add(one.name)
        try:
            roots_in(directory / one.root)
        except StampError as error:
            place = tree.of_value(("time_stamps", position, "root"))
            told = {name: value for name, value in error.values.items() if name != "place"}
            key = error.code.replace("stamp.roots", "authority-root")
            problems.append(problem(place, key, root=shown(one.root), **told))


def agent_warnings(entry: AgentEntry, tree: Tree, today: date) -> list[Problem]:
    """What is allowed in agent.yaml, and yet worth a word."""
    warnings = []
    for position, one in enumerate(entry.scope):
        place = tree.of_value(("scope", position, "until"))
        values = {"network": one.network, "letter": shown(one.letter), "until": one.until}
        if one.until < today:
            warnings.append(problem(place, "scope-ended", **values))
        elif one.until - today <= EXPIRY_NOTICE:
            warnings.append(problem(place, "scope-ending", **values))
    if isinstance(entry.store, str) and mask(entry.store) != entry.store:
        warnings.append(problem(tree.of_value(("store",)), "plain-secret", url=mask(entry.store)))
    if not entry.canaries:
        warnings.append(problem(tree.of_value(()), "no-canaries"))
    return warnings
