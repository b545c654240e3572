"""A little machine for classic BPF, enough for the filter: what the kernel would do, in Python."""

import struct
from collections.abc import Sequence

from checks.packets.process.filter import Instruction

_ANCILLARY = 0xFFFFF000
_WIDTH = {0x20: 4, 0x28: 2, 0x30: 1}


def runs(
    instructions: Sequence[Instruction], frame: bytes, *, packet_type: int = 2, vlan: int = 0
) -> int:
    """What the program returns for a frame; a load beyond the frame returns 0 (as in Linux)."""
    # The program as the kernel takes it: eight bytes an instruction.
    assert all(len(struct.pack("HBBI", *one)) == 8 for one in instructions)
    extra = {_ANCILLARY + 4: packet_type, _ANCILLARY + 44: vlan}
    accumulator, at = 0, 0
    for _ in range(len(instructions) + 1):  # jumps only lead forward
        code, true, false, k = instructions[at]
        at += 1
        if code in _WIDTH:
            if k in extra:
                accumulator = extra[k]
                continue
            raw = frame[k : k + _WIDTH[code]]
            if len(raw) < _WIDTH[code]:
                return 0
            accumulator = int.from_bytes(raw)
        elif code == 0x06:
            return k
        elif code == 0x05:
            at += k
        else:
            holds = accumulator == k if code == 0x15 else bool(accumulator & k)
            at += true if holds else false
    raise AssertionError("the program does not end")
