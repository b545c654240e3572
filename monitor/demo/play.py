"""The whole demo: city, configuration, agent, story, end. It leaves no process.

Bounded in time by its parts: no act begins to wait after STORY_S, then STOP_S for each process.
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.daemon.control import ControlError, NoDaemonError
from monitor.demo.failure import DemoFailure
from monitor.demo.inbox import Inbox
from monitor.demo.outcome import Outcome, Reported, missing
from monitor.demo.processes import START_S, City, last_lines, start_agent, stop
from monitor.demo.proving import observations, prove
from monitor.demo.reporting import bundle_verdict, report, today
from monitor.demo.screen import Screen
from monitor.demo.setting import stage, write_configuration
from monitor.demo.story import STORY_S, Story
from monitor.demo.town import SERVERS, Places
from monitor.demo.watch import Watch
from monitor.text import Language, say

_ASK_AGAIN_S = 0.1


class Interrupted(Exception):  # noqa: N818 - the person's wish, not an error
    """A signal asked the demo to end; everything it started has ended."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def run_demo(screen: Screen, lang: Language, keep: Path | None) -> Outcome:
    """Play it and end everything; DemoFailure when it could not be played, Interrupted."""
    with stage(keep) as places:
        return asyncio.run(_guarded(places, screen, lang, kept=keep is not None))


async def _guarded(places: Places, screen: Screen, lang: Language, *, kept: bool) -> Outcome:
    """The demo, ended in order by the first signal; later ones change nothing."""
    loop = asyncio.get_running_loop()
    playing = loop.create_task(_play(places, screen, lang, kept=kept))
    asked: list[int] = []

    def end(number: int) -> None:
        if not asked:
            playing.cancel()
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    try:
        return await playing
    except asyncio.CancelledError:
        raise Interrupted(asked[0] if asked else signal.SIGTERM) from None


async def _play(places: Places, screen: Screen, lang: Language, *, kept: bool) -> Outcome:
    watch = Watch(places.control, lang, screen)
    deadline, since = time.monotonic() + STORY_S, today()
    async with AsyncExitStack() as ending:
        city = await City.start(places)
        ending.push_async_callback(city.end)
        screen.event("city", say("demo.city-up", lang, count=len(SERVERS)))
        agent = await _agent(places, city, watch, lang, ending)
        await _answering(watch, agent, places)
        screen.event("city", say("demo.agent-up", lang, pid=agent.pid))
        await _watched(Story(city, watch, screen, lang, deadline), watch, agent, places)
        with suppress(NoDaemonError, ControlError):
            await watch.look()
        screen.event("report", say("demo.reporting", lang))
        files = await report(places, lang, since)
        screen.event("city", say("demo.ending", lang))
        code = await stop(agent)
    screen.event("proof", say("demo.proving", lang))
    bundle = await bundle_verdict(places) if files else None
    reported = Reported(files=files or 0, bundle=bundle)
    return await asyncio.to_thread(_outcome, places, watch, code, reported, kept)


async def _agent(
    places: Places, city: City, watch: Watch, lang: Language, ending: AsyncExitStack
) -> asyncio.subprocess.Process:
    """The inbox for its alerts, its configuration, and the agent itself."""
    inbox = Inbox(watch.receive)
    await inbox.open()
    ending.callback(inbox.close)
    today = datetime.now(UTC).date()
    write_configuration(places, city.ports, inbox.port, lang, today)
    agent = await start_agent(places)
    ending.push_async_callback(stop, agent)
    return agent


async def _answering(watch: Watch, agent: asyncio.subprocess.Process, places: Places) -> None:
    """Wait until the agent answers; DemoFailure with its last words when it does not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_S):
            while agent.returncode is None:
                try:
                    await watch.look()
                except (NoDaemonError, ControlError):
                    await asyncio.sleep(_ASK_AGAIN_S)
                else:
                    return
    raise DemoFailure("demo.no-agent", why=last_lines(places.log))


async def _watched(
    story: Story, watch: Watch, agent: asyncio.subprocess.Process, places: Places
) -> None:
    """Play while looking; DemoFailure when the agent ends by itself."""
    playing, looking = asyncio.create_task(story.play()), asyncio.create_task(watch.run())
    running = asyncio.create_task(agent.wait())
    tasks: tuple[asyncio.Task[Any], ...] = (playing, looking, running)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if running in done:
            raise DemoFailure("demo.agent-ended", why=last_lines(places.log))
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _outcome(places: Places, watch: Watch, code: int, reported: Reported, kept: bool) -> Outcome:
    proof = prove(places)
    return Outcome(
        missing=missing(watch, proof, code, reported),
        breaches=len(watch.incidents),
        alerts=len(watch.messages),
        recoveries=sum(one["act"] == "closed" for one in watch.incidents.values()),
        observations=observations(places),
        proof=proof,
        reported=reported,
        places=places,
        kept=kept,
    )
