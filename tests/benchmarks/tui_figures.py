"""The terminal app on a space that is hard to show: how soon, how quick, how much it takes."""

from __future__ import annotations

import sys
from statistics import median, quantiles
from typing import TYPE_CHECKING

from tests.benchmarks import tui_measures as measures
from tests.benchmarks.report import Figure
from tests.benchmarks.tui_space import MESSAGES, VERTICES
from tests.tui.terminals import press, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tui.terminals import PtyTerminal

KEYS = ["j", "k", "j", "j", "k", "k"] * 25
"""Back and forth: what is pressed is always to be seen, and the first rows stay on the screen."""
TYPED = "thequickbrownfoxjumpsoverthelazydog" * 2
IDLE_S = 20.0


def tui_figures(rounds: int) -> list[Figure]:
    """Returns all figures of the terminal app; takes some minutes."""
    with measures.bench() as bench:
        figures = [_start(bench, rounds)]
        _say("starts have been timed")
        with bench.space() as terminal:
            figures += _opened(terminal, rounds)
            _say("the tree and the chat have been opened")
            figures += _keys(bench, terminal)
            _say("keys have been pressed")
            measures.settle(terminal)
            idle = measures.cpu_share(terminal, IDLE_S)
            figures += [
                Figure("idle, of a core", idle, "%", 0.5,
                       detail=f"{IDLE_S:.0f} s, the chat open, at rest"),
                Figure("memory, at its peak", measures.memory_mb(terminal), "MB", 120,
                       detail="after all of the above"),
            ]  # fmt: skip
        return figures


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr)


def _start(bench: measures.Bench, rounds: int) -> Figure:
    ours, empty, spaces = [], [], []
    for _ in range(rounds):
        empty.append(measures.empty_start_ms(bench))
        ours.append(measures.start_ms(bench))
        spaces.append(measures.spaces_start_ms(bench))
    first, least = median(ours), median(empty)
    detail = f"{first:.0f} ms / {least:.0f} ms; spaces listed after {median(spaces):.0f} ms"
    return Figure("start to first paint, of an empty app", first / least, "times", 2, detail=detail)


def _opened(terminal: PtyTerminal, rounds: int) -> list[Figure]:
    trees, chats = [], []
    for _ in range(rounds):
        trees.append(measures.open_tree_ms(terminal))
        chats.append(measures.open_chat_ms(terminal))
    return [
        Figure(f"a tree of {VERTICES} vertices opens", median(trees), "ms", 300,
               detail=f"{min(trees):.0f} to {max(trees):.0f}, {rounds} times"),
        Figure(f"a chat of {MESSAGES} messages opens", median(chats), "ms", 300,
               detail=f"{min(chats):.0f} to {max(chats):.0f}, {rounds} times"),
    ]  # fmt: skip


def _keys(bench: measures.Bench, terminal: PtyTerminal) -> list[Figure]:
    measures.open_tree_ms(terminal)
    in_tree = _beside_traffic(bench, "the tree", lambda: measures.key_ms(terminal, KEYS))
    measures.open_chat_ms(terminal)
    # From further up: at the end one follows what comes.
    measures.key_ms(terminal, ["k"] * 4)
    in_chat = _beside_traffic(bench, "the chat", lambda: measures.key_ms(terminal, KEYS))
    press(terminal, "i")
    until(terminal, "back to reading")
    typed = _beside_traffic(bench, "typing", lambda: measures.typing_ms(terminal, TYPED))
    press(terminal, "escape")
    return [in_tree, in_chat, typed]


def _beside_traffic(bench: measures.Bench, where: str, keys: Callable[[], list[float]]) -> Figure:
    """The 95th of a hundred keys while ops arrive."""
    with bench.traffic() as made:
        found = keys()
    p95 = quantiles(found, n=20)[-1]
    rate = made["ops"] / made["seconds"]
    detail = f"{len(found)} keys beside {rate:.0f} ops/s; median {median(found):.0f} ms"
    return Figure(f"key to paint, p95, {where}", p95, "ms", 50, detail=detail)
