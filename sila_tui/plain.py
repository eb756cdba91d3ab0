"""What the home screen says, as lines of text: for screen readers, pipes and glances over ssh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.words import counted, short_path, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_tui.facts import SpaceFacts
    from sila_tui.session import Session


def plain_lines(session: Session, home: str, only: SpaceFacts | None = None) -> Iterator[str]:
    """The overall sentence, then every space (or only one) with each of its layers."""
    if only is None:
        said = session.overall
        yield f"{session.symbols.of_state(said.state)} {said.words}"
        if not session.spaces:
            yield ""
            yield "Make a space with: sila-daemon space create ~/Sila/Work --name Work"
    for space in session.spaces if only is None else [only]:
        yield ""
        yield from _space_lines(session, space, home)


def _space_lines(session: Session, space: SpaceFacts, home: str) -> Iterator[str]:
    sign, dot = session.symbols.of_state(space.state), f" {session.symbols.dot} "
    yield f"{sign} {space.title}: {session.say.of_space(space)}"
    place = short_path(space.path, home) if space.path else "without a folder"
    facts = [place, counted(space.ops, "op"), counted(space.trees, "tree")]
    if space.files:
        facts.append(f"{counted(space.files, 'file')}, {size(space.size_bytes)}")
    yield f"    {dot.join(facts)}"
    for remote in space.remotes:
        yield f"    {remote.name}: {session.say.of_remote(remote)}"
