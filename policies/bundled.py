"""The policy packs that come with the program, as text: reading YAML is the configuration's."""

from importlib.resources import files


def pack_names() -> tuple[str, ...]:
    """The names of the packs, in order."""
    names = (entry.name for entry in (files("policies") / "packs").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def pack_text(name: str) -> str:
    """The YAML of one pack; KeyError when there is none of this name."""
    if name not in pack_names():
        raise KeyError(name)
    return (files("policies") / "packs" / f"{name}.yaml").read_text(encoding="utf-8")
