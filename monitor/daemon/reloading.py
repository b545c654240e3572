"""A changed configuration taken in while the daemon works: what it may change, and how."""

import asyncio
from collections.abc import Callable

import structlog

from alerts.routing import Route
from monitor.clock import anchor_now
from monitor.config.configuration import Configuration, KeyPlan
from monitor.config.problem import ConfigurationError, Place, problem
from monitor.daemon.blockwatch import filtered_series
from monitor.daemon.net import LiveScope
from monitor.daemon.registry import Registry
from monitor.daemon.setup import Plan, entries_of, plan_of, sights_of, subjects_of
from monitor.daemon.shared import Shared
from monitor.secret import SecretError
from monitor.text import Language

_FIXED = (
    "origin",
    "vantage",
    "timezone",
    "store",
    "state",
    "high_water_mark",
    "control",
    "resolvers",
    "time_servers",
    "ca_file",
    "packets",
    "witnesses",
    "time_stamps",
)
"""Settings of agent.yaml that a running daemon cannot change: they need a restart."""
_log = structlog.get_logger("sasando.daemon")


def routes_of(configuration: Configuration) -> dict[str, Route]:
    """The routes ready for work; one whose secret cannot be read is left out and logged."""
    routes = {}
    for name, plan in configuration.routes.items():
        try:
            if plan.source.enabled:
                routes[name] = plan.route()
        except SecretError as error:
            _log.error("route-without-secret", route=name, why=error.sentence("en"))
    return routes


def require_same_log(before: Configuration, after: Configuration, key: KeyPlan) -> None:
    """ConfigurationError when what cannot change under a running daemon has changed.

    `key` is the one in force: it must be named, as the key or as the next one.
    """
    place = Place(str(after.directory / "agent.yaml"))
    names = [n for n in _FIXED if getattr(before.agent, n) != getattr(after.agent, n)]
    if key not in (after.agent.key, after.agent.next_key):
        names.append("key")
    changed = [problem(place, "cli.fixed-setting", name=name) for name in names]
    if changed:
        raise ConfigurationError(changed)


def refusal(error: ConfigurationError | OSError, lang: Language) -> list[str]:
    """Why a changed configuration was refused, for people; the first 20 problems."""
    if isinstance(error, ConfigurationError):
        return [one.sentence(lang) for one in error.problems[:20]]
    return [str(error)]


class Reloading:
    """Takes in a changed configuration whole, or keeps the one in force. On the loop only."""

    def __init__(
        self,
        daemon: Shared,
        registry: Registry,
        scope: LiveScope,
        over: Callable[[], None],
    ) -> None:
        """`over` hears of the end of each reload, a refused one too."""
        self.count = 0
        """Reloads that succeeded."""
        self.refused: ConfigurationError | OSError | None = None
        """Why the newest one did not."""
        self._daemon, self._registry, self._scope = daemon, registry, scope
        self._over = over
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def begin(self) -> None:
        """Returns at once; what is asked for meanwhile comes after the reload under way."""
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = self._daemon.loop.create_task(self._reload())

    async def _reload(self) -> None:
        while True:
            self._again = False
            self._daemon.notifier.reloading()
            try:
                # Reading takes seconds where there are thousands of targets: not on the loop.
                configuration = await asyncio.to_thread(self._daemon.load)
                self.apply(configuration)
            except (ConfigurationError, OSError) as error:
                self.refused = error
                _log.error("configuration-refused", problems=refusal(error, "en"))
            except Exception as error:
                self._daemon.fail(error)
                raise
            else:
                self.refused = None
                self.count += 1
                _log.info("configuration-reloaded", assignments=len(self._daemon.plan.items))
            self._over()
            if not self._again:
                return

    def apply(self, configuration: Configuration) -> None:
        """Put it in force; ConfigurationError, and nothing changed, where it says what is fixed."""
        daemon = self._daemon
        require_same_log(daemon.plan.configuration, configuration, daemon.key)
        routes = routes_of(configuration)
        daemon.recorder.cut(anchor_now(daemon.clock))
        plan = plan_of(configuration, self._registry)
        self._record(plan, routes)
        self._scope.put(configuration.agent.scope)
        daemon.plan = plan
        daemon.sender.configure(routes)
        daemon.runner.replace(configuration.assignments)
        daemon.legs.adopt(plan)
        series = filtered_series(plan.items.values())
        daemon.recorder.blocks.watch(series, daemon.clock.boottime_ns())

    def _record(self, plan: Plan, routes: dict[str, Route]) -> None:
        """The recorder's side: the entries that put the plan in force, and what goes with it."""
        recorder, configuration = self._daemon.recorder, plan.configuration
        entries, records = entries_of(plan, self._daemon.now_us())
        for entry in entries:
            recorder.add(entry, records)
        recorder.targets = configuration.targets
        recorder.titles = {**recorder.titles, **plan.titles}
        recorder.routes = routes
        recorder.judging = subjects_of(plan)
        seen = recorder.accumulator
        seen.sights = sights_of(configuration, seen.sights)
        seen.keep_only({item.number: item.target.key for item in plan.items.values()})
