"""The files of a configuration directory: found, read within bounds, made into trees."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from monitor.config.problem import ConfigurationError, Place, Problem, problem, shown
from monitor.config.yaml_tree import FILE_LIMIT, Tree, read_tree, too_big

FILES_LIMIT = 1_000
"""YAML files of one folder."""

_SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Reading:
    """What has been read so far. `whole`: no file was given up, so references can be judged."""

    directory: Path
    texts: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    whole: bool = True
    packs: Mapping[str, bytes] | None = None
    """Policies to take in place of the bundled ones: those of another time, by name."""

    def one(self, name: str, *, required: bool = False) -> Tree | None:
        """A file that has a fixed name; None when it is not there or cannot be read."""
        path = self.directory / name
        if path.exists() or path.is_symlink():
            return self._tree(path, name)
        if required:
            self._give_up(problem(Place(str(path)), "file-missing"))
        return None

    def folder(self, name: str) -> Iterator[Tree]:
        """The YAML files of a folder, sorted by name; hidden ones are an editor's, left out."""
        folder = self.directory / name
        if not folder.exists():
            return
        try:
            found = sorted(
                path
                for path in folder.iterdir()
                if path.suffix in _SUFFIXES and not path.name.startswith(".")
            )
        except OSError as error:
            self._give_up(unreadable(folder, error))
            return
        if len(found) > FILES_LIMIT:
            self._give_up(problem(Place(str(folder)), "too-many-files", limit=FILES_LIMIT))
            return
        for path in found:
            tree = self._tree(path, f"{name}/{path.name}")
            if tree is not None:
                yield tree

    def pack(self, name: str) -> Tree | None:
        """A bundled policy; None when there is none of this name."""
        if self.packs is not None:
            other = self.packs.get(name)
            where = f"packs/{name}.yaml"
            return None if other is None else self._parse(other, where, where)
        if name not in bundled_packs():
            return None
        raw = (_packs() / f"{name}.yaml").read_bytes()
        return self._parse(raw, f"packs/{name}.yaml", f"packs/{name}.yaml")

    def _tree(self, path: Path, name: str) -> Tree | None:
        if not path.is_file():
            self._give_up(problem(Place(str(path)), "file-no-file"))
            return None
        try:
            with path.open("rb") as file:
                raw = file.read(FILE_LIMIT + 1)
        except OSError as error:
            self._give_up(unreadable(path, error))
            return None
        if len(raw) > FILE_LIMIT:
            self._give_up(too_big(str(path)))
            return None
        return self._parse(raw, name, str(path))

    def _parse(self, raw: bytes, name: str, file: str) -> Tree | None:
        self.texts[name] = raw
        try:
            tree = read_tree(raw, file)
        except ConfigurationError as error:
            self._give_up(*error.problems)
            return None
        self.problems.extend(tree.problems)
        return tree

    def _give_up(self, *problems: Problem) -> None:
        self.problems.extend(problems)
        self.whole = False


def unreadable(path: Path, error: OSError) -> Problem:
    """The problem of a file or folder that the system does not let us read."""
    reason = error.strerror or type(error).__name__
    return problem(Place(str(path)), "file-unreadable", reason=reason)


def bundled_packs() -> tuple[str, ...]:
    """Names of the policies that come with the program."""
    return tuple(
        sorted(
            one.name.removesuffix(".yaml")
            for one in _packs().iterdir()
            if one.name.endswith(".yaml")
        )
    )


def _packs() -> Traversable:
    return files("policies") / "packs"


def table(tree: Tree, problems: list[Problem]) -> dict[str, object]:
    """The table a file is; an empty file is an empty one."""
    if tree.plain is None:
        return {}
    if isinstance(tree.plain, dict):
        return tree.plain
    value = shown(tree.plain) if not isinstance(tree.plain, list) else "[…]"
    problems.append(problem(tree.of_value(()), "file-no-table", value=value))
    return {}
