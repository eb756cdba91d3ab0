"""What file events told of a folder, until somebody looks there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PATHS_MAX = 200
"""From so many on, one look at everything is cheaper."""

SECOND_LOOK_S = 1.0
"""Events of a directory that is just being made are missed; it is looked at again."""


class FolderHints:
    """Where something may have changed."""

    def __init__(self) -> None:
        self.anything = True
        """Whether everything is to be looked at."""
        self._paths: dict[Path, None] = {}
        self._again: dict[Path, float] = {}
        """When directories are to be looked at once more, by the monotonic clock."""

    def __bool__(self) -> bool:
        """Whether there is something that nobody has looked at."""
        return self.anything or bool(self._paths)

    def heard(self, paths: frozenset[Path]) -> None:
        """Takes note of an event; one without paths is about anything."""
        if not paths or len(self._paths) + len(paths) > PATHS_MAX:
            self.anything = True
            self._paths.clear()
        else:
            self._paths |= dict.fromkeys(sorted(paths))

    def take(self) -> list[Path]:
        """Returns the paths as they were told of, which somebody looks at now."""
        paths, self._paths = self._paths, {}
        return list(paths)

    def look_again(self, directories: Iterable[Path], now: float) -> None:
        """Has directories looked at once more a little later."""
        self._again |= dict.fromkeys(directories, now + SECOND_LOOK_S)

    def take_again(self, now: float) -> list[Path]:
        """Returns the directories whose second look is due, which somebody takes now."""
        due = [path for path, at in self._again.items() if at <= now]
        for path in due:
            del self._again[path]
        return due

    @property
    def next_due(self) -> float | None:
        """When the next second look is due, by the monotonic clock; None when there is none."""
        return min(self._again.values(), default=None)
