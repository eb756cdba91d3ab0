"""A space that is hard to show: a tree of 100 thousand vertices and a chat of 5,000 messages.

usage: python -m tests.benchmarks.tui_space FOLDER

Prints the ids of the space, of the tree and of the chat as JSON.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.chat_view import MESSAGE_NAME, ChatView
from sila_daemon.core.editor import Editor
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.ports.clock import SystemClock, iso_timestamp
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness, new_id

if TYPE_CHECKING:
    from sila_daemon.core.vertex import Vertex

VERTICES = 100_000
WIDE = 20_000
"""Children of one vertex; the rest stands at random below the last vertices before it."""
MESSAGES = 5_000
SPACE_NAME, TREE_NAME, CHAT_NAME = "Bench", "Big tree", "Long chat"
WIDE_NAME = "wide"
_ANSWER = """\
Rest them **5 to 7 days** (message {at}). Degassing is fastest in the first 48 hours.

| origin | days | note |
|---|--:|---|
| Ethiopia | 5 | washed |
| Brazil | 7 | `natural` |

```python
def days(origin: str) -> int:
    return {{"Ethiopia": 5, "Brazil": 7}}.get(origin, 6)
```
"""


def make(folder: Path) -> dict[str, str]:
    """Writes the space folder; returns the ids of its parts."""
    disk, clock, randomness = SystemDisk(), SystemClock(), SystemRandomness()
    editor = Editor(lambda: iso_timestamp(clock.time()), lambda: new_id(randomness))
    space = Space.create(new_id(randomness), editor, SPACE_NAME)
    tree, chat = (RepTree(new_id(randomness), editor) for _ in range(2))
    _plant(tree, random.Random(7))
    _talk(chat)
    space.add_tree(tree.tree_id, TREE_NAME)
    space.add_tree(chat.tree_id, CHAT_NAME)
    made = create_space_folder(folder, disk, randomness, space.id)
    appender = OpAppender(made.layout, disk, clock, randomness)
    for each in (space.tree, tree, chat):
        appender.append(each.tree_id, {editor.peer}, each.take_local_ops())
    return {"space": space.id, "tree": tree.tree_id, "chat": chat.tree_id}


def _plant(tree: RepTree, rng: random.Random) -> None:
    root = tree.create_root()
    root.set("appId", "bench")
    wide = root.new_child({"name": WIDE_NAME})
    for at in range(WIDE):
        wide.new_child({"name": f"leaf {at}", "text": f"what is said in leaf {at}"})
    known: list[Vertex] = [root.new_child({"name": f"branch {at}"}) for at in range(100)]
    while tree.vertex_count < VERTICES:
        above = known[max(0, len(known) - 1 - int(rng.expovariate(1 / 2000)))]
        name = f"vertex {len(known)}"
        known.append(above.new_child({"name": name, "text": f"Lorem ipsum dolor é {name}"}))


def _talk(tree: RepTree) -> None:
    above = ChatView.plant(tree, CHAT_NAME).start
    assert above is not None
    for at in range(MESSAGES):
        is_question = at % 2 == 0
        text = f"Question {at}: how long?" if is_question else _ANSWER.format(at=at)
        role = "user" if is_question else "assistant"
        above = above.new_child({"_n": MESSAGE_NAME, "role": role, "text": text})


if __name__ == "__main__":
    print(json.dumps(make(Path(sys.argv[1]))))
