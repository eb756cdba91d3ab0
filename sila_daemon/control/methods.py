"""Every method of the local protocol: its name, its parameters and its result.

`docs/reference/control-protocol.md` explains them to people; a test compares the two.
"""

from __future__ import annotations

import msgspec

from sila_daemon.control import (
    chat_results,
    file_results,
    held_results,
    messages,
    results,
    search_results,
    transfer_results,
    undo_results,
)

PROTOCOL_VERSION = 1
"""Raised when something is taken away or changes its meaning, not when something is added."""


class Method(msgspec.Struct, frozen=True):
    """One method: what it takes and what it answers."""

    params: type[messages.Params]
    result: type
    may_end: bool = False
    """Whether a client may end it: it only reads, or waits for what goes on without it."""


METHODS: dict[str, Method] = {
    "daemon.version": Method(messages.NoParams, results.Version),
    "daemon.status": Method(messages.StatusParams, results.Status),
    "daemon.reload": Method(messages.NoParams, results.Done),
    "daemon.stop": Method(messages.NoParams, results.Done),
    "space.list": Method(messages.NoParams, results.Spaces),
    "space.create": Method(messages.CreateParams, results.SpaceAdded),
    "space.add": Method(messages.AddParams, results.SpaceAdded),
    "space.clone": Method(messages.CloneParams, results.SpaceAdded),
    "space.remove": Method(messages.SpaceParams, results.SpaceRemoved),
    "space.move": Method(messages.MoveParams, results.SpaceMoved),
    "space.pause": Method(messages.PauseParams, results.Paused),
    "space.resume": Method(messages.SpaceParams, results.Done),
    "space.search": Method(messages.SearchParams, search_results.SearchHits, may_end=True),
    "space.sync": Method(messages.SpaceParams, dict, may_end=True),
    "space.remote_list": Method(messages.UrlParams, results.RemoteSpaces, may_end=True),
    "space.set_fetch": Method(messages.FetchParams, results.FetchPolicy),
    "space.add_server": Method(messages.AddServerParams, results.SpaceServer),
    "space.remove_server": Method(messages.SpaceServerParams, results.Done),
    "tree.list": Method(messages.PageParams, results.Trees, may_end=True),
    "vertex.get": Method(messages.VertexParams, results.VertexDetails, may_end=True),
    "vertex.children": Method(messages.ChildrenParams, results.Children, may_end=True),
    "edit.apply": Method(messages.EditParams, results.Applied),
    "edit.undo": Method(messages.UndoParams, undo_results.Undone),
    "trash.list": Method(messages.TrashParams, results.Trash, may_end=True),
    "chat.list": Method(messages.PageParams, results.Chats, may_end=True),
    "chat.show": Method(messages.ShowChatParams, results.Chat, may_end=True),
    "chat.new": Method(messages.NewChatParams, chat_results.ChatMade),
    "chat.rename": Method(messages.RenameChatParams, results.Done),
    "chat.delete": Method(messages.DeleteChatParams, chat_results.ChatDeleted),
    "chat.send": Method(messages.SendParams, results.Sent),
    "file.list": Method(messages.FileListParams, file_results.Files, may_end=True),
    "file.put": Method(messages.FilePutParams, file_results.FileStored),
    "file.get": Method(messages.FileGetParams, file_results.FileWritten),
    "file.fetch": Method(messages.FileFetchParams, file_results.FilesFetched),
    "file.head": Method(messages.FileHeadParams, file_results.FileHead, may_end=True),
    "file.conflicts": Method(messages.SpaceParams, file_results.FileConflicts, may_end=True),
    "file.choose": Method(messages.ChooseParams, results.Done),
    "transfer.list": Method(messages.TransferListParams, transfer_results.Transfers, may_end=True),
    "secret.list": Method(messages.SpaceParams, results.SecretNames, may_end=True),
    "secret.get": Method(messages.SecretParams, results.Secret),
    "secret.set": Method(messages.SetSecretParams, results.Done),
    "secret.unset": Method(messages.SecretParams, results.Done),
    "server.login": Method(messages.LoginParams, results.SignedIn),
    "server.logout": Method(messages.UrlParams, results.Done),
    "server.list": Method(messages.NoParams, results.Servers),
    "outbox.list": Method(messages.StatusParams, results.Outbox, may_end=True),
    "outbox.retry": Method(messages.OutboxParams, results.Retried),
    "outbox.acknowledge": Method(messages.OutboxParams, results.Acknowledged),
    "outbox.export": Method(messages.OutboxExportParams, results.OutboxExported),
    "held.list": Method(messages.StatusParams, held_results.HeldList, may_end=True),
    "held.accept": Method(messages.HeldParams, held_results.HeldDone),
    "held.refuse": Method(messages.HeldParams, held_results.HeldDone),
    "held.undo": Method(messages.HeldParams, held_results.HeldDone),
    "events.subscribe": Method(messages.SubscribeParams, results.Subscribed),
}
