"""A person at a device: edits through the mirror, and notes what was acknowledged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError, UsageError

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.simulation.device import SimDevice
    from tests.simulation.plan import Action
    from tests.simulation.record import Record
    from tests.simulation.trace import Trace

BURST_OPS = 12
LIVE = "live"
"""How the keys of properties begin that are set as live state only."""


class Person:
    """Edits on one device."""

    def __init__(self, device: SimDevice, trace: Trace, record: Record) -> None:
        self._device = device
        self._trace = trace
        self._record = record
        self._count = 0
        self.may_remove_secrets = True

    def act(self, action: Action) -> None:
        """Begins an edit; it dies with the daemon."""
        if self._device.mirror is not None:
            self._device.spawn(self._try(action, self._device.mirror))

    async def _try(self, action: Action, mirror: SpaceMirror) -> None:
        try:
            await self._edit(action, mirror)
        except UsageError as error:
            self._trace.note(self._device.name, f"{action.kind}: {error.message}")
        except SilaError as error:
            self._trace.note(self._device.name, f"{action.kind} fails: {error.code}")

    async def _edit(self, action: Action, mirror: SpaceMirror) -> None:
        name = self._device.name
        self._count += 1
        if action.kind == "secret":
            await self._set_secret(mirror, f"key-{name}", f"{name} {self._count}")
            return
        if action.kind == "unsecret":
            if self.may_remove_secrets:
                await self._remove_secret(mirror, f"key-{name}")
            return
        if action.kind == "new_tree":
            number = self._count
            build = partial(_number_root, number)
            tree_id = (await mirror.app_trees.create("default-chat", build, "chat")).tree_id
            if self._device.mirror is mirror:
                self._record.said(name, tree_id, tree_id, "n", number)
            return
        trees = sorted(await mirror.tree_ids())
        if not trees:
            return
        tree_id = trees[int(action.a * len(trees))]
        is_meant = action.kind == "wipe"
        facts = await mirror.edit(
            tree_id, lambda tree: self._change(action, tree), is_meant=is_meant
        )
        if self._device.mirror is not mirror:
            return
        for target, key, content in facts:
            if key is None:
                self._record.moved(name, tree_id, target, content)
            else:
                self._record.said(name, tree_id, target, key, content)
        self._trace.note(name, f"{action.kind} acknowledged: {len(facts)}")

    async def _set_secret(self, mirror: SpaceMirror, key: str, value: str) -> None:
        self._record.removed.pop(key, None)
        self._record.secret_values[key].add(value)
        await mirror.set_secret(key, value)
        if self._device.mirror is mirror:  # Else it died meanwhile: nobody heard the answer.
            self._record.secrets[key] = value

    async def _remove_secret(self, mirror: SpaceMirror, key: str) -> None:
        # From now on nobody knows, until the answer comes.
        expected = self._record.secrets.pop(key, None)
        self._record.ever_removed.add(key)
        held = (await mirror.secrets()).get(key)
        await mirror.set_secret(key, None)
        if self._device.mirror is not mirror or held is None or held != expected:
            return
        # A name has one tombstone. An earlier value that a server still has takes it for itself,
        # and then nothing ends this one where a copy or a backup has it.
        if self._record.has_gone_back and self._record.secret_values[key] > {held}:
            return
        self._record.removed[key] = held

    def _change(self, action: Action, tree: RepTree) -> list[tuple[str, str | None, str]]:
        """Changes a tree; returns what was set, and for moves the parent."""
        vertices = sorted(vertex for vertex in tree.vertex_ids() if vertex != "0")
        if not vertices:
            return []
        target = vertices[int(action.b * len(vertices))]
        value = f"{self._device.name} {self._count}"
        if action.kind == "set":
            tree.set(target, f"k{int(action.a * 1000) % 3}", value)
            return [(target, f"k{int(action.a * 1000) % 3}", value)]
        if action.kind == "live":
            tree.set_transient(target, f"{LIVE}{int(action.a * 1000) % 3}", value)
            self._record.live.add((tree.tree_id, tree.highest_counter, tree._author().peer))
            return []
        if action.kind == "create":
            made = tree.create(target, {"name": value})
            return [(made.id, None, target), (made.id, "name", value)]
        if action.kind == "wipe":
            return self._wipe(tree)
        if action.kind == "burst":
            for number in range(BURST_OPS):
                tree.set(target, f"b{number}", value)
            return [(target, f"b{number}", value) for number in range(BURST_OPS)]
        moved = vertices[int(action.a * 7919) % len(vertices)]
        if action.kind == "delete":
            self._record.deletions.add((tree.tree_id, moved))
            tree.delete(moved)
            return [(moved, None, "0")]
        tree.move(moved, target)
        return [(moved, None, target)]

    def _wipe(self, tree: RepTree) -> list[tuple[str, str | None, str]]:
        """Deletes one by one what stands right below the root."""
        root = tree.root
        gone = [] if root is None else [vertex.id for vertex in root.children]
        for vertex_id in gone:
            self._record.deletions.add((tree.tree_id, vertex_id))
            tree.delete(vertex_id)
        return [(vertex_id, None, "0") for vertex_id in gone]


def _number_root(number: int, tree: RepTree) -> None:
    assert tree.root is not None
    tree.root.set("n", number)
