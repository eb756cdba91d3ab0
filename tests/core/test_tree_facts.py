"""What lists say of a tree."""

from __future__ import annotations

from itertools import count

from sila_daemon.core.chat_view import ChatView
from sila_daemon.core.editor import Editor
from sila_daemon.core.files_view import BlobKind, BlobReference, FilesView
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from sila_daemon.core.tree_facts import decode_facts, facts_of

SPACE, CHAT, FILES = "5f" * 16, "6a" * 16, "6b" * 16


def editor() -> Editor:
    numbers = count()
    return Editor(lambda: "2026-01-01T00:00:00.000Z", lambda: f"{next(numbers):032x}")


def test_a_chat_with_its_messages() -> None:
    view = ChatView.plant(RepTree(CHAT, editor()), "Cut \ud83d")
    view.append("user", "one")
    view.append("assistant", "two")
    facts = facts_of(view.tree, SPACE)
    assert (facts.app_id, facts.name, facts.title) == ("default-chat", "Cut \ud83d", "Cut \ud83d")
    assert (facts.messages, facts.files, facts.trashed) == (2, 0, 0)
    assert facts.files_top is not None
    assert decode_facts(facts.encode()) == facts
    assert (facts.names, facts.trashed_trees) == ({}, [])


def test_files_and_trash_are_counted() -> None:
    view = FilesView.plant(RepTree(FILES, editor()))
    folder = view.make_folders(["notes"])
    view.add_file(folder, "a.txt", BlobReference(BlobKind.STATIC, "ab" * 32), 1, "text/plain")
    facts = facts_of(view.tree, SPACE)
    assert (facts.app_id, facts.files, facts.messages) == ("files", 1, None)
    view.tree.delete(folder.id)
    facts = facts_of(view.tree, SPACE)
    assert (facts.files, facts.trashed) == (0, 1)


def test_a_space_tells_names_and_what_only_its_trash_refers_to() -> None:
    space = Space.create(SPACE, editor(), "Work")
    kept, gone = space.add_tree(CHAT, "Kept"), space.add_tree(FILES, "Gone")
    again = space.add_tree(CHAT, "Again")
    for vertex in (gone, again):
        space.tree.delete(vertex.id)
    facts = facts_of(space.tree, SPACE)
    assert facts.names == {SPACE: "Work", CHAT: "Kept"}
    assert facts.trashed_trees == [FILES], "the other one is referred to from a thread, too"
    space.tree.delete(kept.id)
    assert set(facts_of(space.tree, SPACE).trashed_trees) == {CHAT, FILES}
    section = space.section("threads")
    assert section is not None
    space.tree.restore(gone.id)
    space.tree.delete(section.id)
    assert set(facts_of(space.tree, SPACE).trashed_trees) == {CHAT, FILES}


def test_facts_of_another_version_are_gathered_anew() -> None:
    facts = facts_of(RepTree(CHAT, editor()), SPACE)
    assert decode_facts(facts.encode().replace(b'"version":2', b'"version":1')) is None
    assert decode_facts(b"[]") is None
