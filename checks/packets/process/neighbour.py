"""Which hardware addresses were used for one address that was asked about. Pure."""

from dataclasses import dataclass, field

from checks.packets.messages import MAX_CLAIMS, Claim
from checks.packets.process.frames import Announcement


@dataclass(slots=True, eq=False)
class Look:
    """One question under way; at most `MAX_CLAIMS` hardware addresses, further ones are counted."""

    answers: dict[str, int] = field(default_factory=dict)
    """Frames by hardware address."""
    heard_ns: dict[str, int] = field(default_factory=dict)
    more: int = 0

    def hear(self, hardware_address: str, now_ns: int) -> None:
        """Take in one frame."""
        if hardware_address not in self.answers and len(self.answers) >= MAX_CLAIMS:
            self.more += 1
            return
        self.answers[hardware_address] = self.answers.get(hardware_address, 0) + 1
        self.heard_ns[hardware_address] = now_ns

    def claims(self, now_ns: int) -> tuple[Claim, ...]:
        """What was heard, by hardware address."""
        return tuple(
            Claim(
                hardware_address=one,
                age_us=max(0, now_ns - self.heard_ns[one]) // 1_000,
                answers=count,
            )
            for one, count in sorted(self.answers.items())
        )


class Neighbour:
    """The claims to one address since `since_ns`: kept while a look is under way, and no longer."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self._announced_ns: int | None = None
        self._looks: list[Look] = []

    def begin(self) -> Look:
        """From now on what is heard belongs to this look too."""
        look = Look()
        self._looks.append(look)
        return look

    def end(self, look: Look) -> None:
        """The look takes in no more."""
        self._looks.remove(look)

    def begin_anew(self, now_ns: int) -> None:
        """There was a hole; looks under way go on."""
        self.since_ns, self._announced_ns = now_ns, None

    def hear(self, frame: Announcement, now_ns: int) -> None:
        """Take in one valid frame about this address."""
        if frame.unasked:
            self._announced_ns = now_ns
        for look in self._looks:
            look.hear(frame.hardware_address, now_ns)

    def announced_age_us(self, now_ns: int) -> int | None:
        """Microseconds since somebody announced the address unasked."""
        at_ns = self._announced_ns
        return None if at_ns is None else max(0, now_ns - at_ns) // 1_000
