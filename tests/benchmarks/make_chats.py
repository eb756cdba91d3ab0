"""Writes the folder of a space with many chats, of two peers in turns.

usage: python -m tests.benchmarks.make_chats CHATS MESSAGES_EACH FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from sila_daemon.core.chat_view import MESSAGE_NAME, ChatView
from sila_daemon.core.editor import Editor
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.ports.clock import SystemClock, iso_timestamp
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness

TEXT = "Lorem ipsum dolor sit amet é— some text that is a typical message body, number "


def write_chats(folder: Path, chats: int, messages_each: int) -> int:
    """Makes the folder; returns how many ops are in it."""
    rng, disk = Random(7), SystemDisk()
    seconds = iter(range(1_780_000_000, 1 << 40))

    def new_id() -> str:
        return f"{rng.getrandbits(128):032x}"

    editors = [Editor(lambda: iso_timestamp(next(seconds)), new_id) for _ in range(2)]
    space = Space.create(new_id(), editors[0], "Many chats")
    made = create_space_folder(folder, disk, SystemRandomness(), space.id)
    appender = OpAppender(made.layout, disk, SystemClock(), SystemRandomness())
    count = 0

    def keep(tree: RepTree) -> None:
        nonlocal count
        ops = tree.take_local_ops()
        count += len(ops)
        appender.append(tree.tree_id, {editor.peer for editor in editors}, ops)

    for number in range(chats):
        tree = RepTree(new_id(), editors[number % 2])
        above = ChatView.plant(tree, f"Chat {number}").start
        assert above is not None
        for message in range(messages_each):
            role = ("user", "assistant")[message % 2]
            text = f"{TEXT}{number} {message}"
            above = above.new_child({"_n": MESSAGE_NAME, "role": role, "text": text})
        keep(tree)
        space.add_tree(tree.tree_id, f"Chat {number}")
    keep(space.tree)
    return count


if __name__ == "__main__":
    print(write_chats(Path(sys.argv[3]), int(sys.argv[1]), int(sys.argv[2])))
