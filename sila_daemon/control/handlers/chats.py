"""`chat.*`: chats as people read them."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b
from typing import TYPE_CHECKING

from sila_daemon.control import chat_results, messages, results
from sila_daemon.control.handlers.paging import page_after
from sila_daemon.control.handlers.trees import facts_of_space, find_tree, own_facts
from sila_daemon.core.chat_view import CHAT_APP, ChatView
from sila_daemon.core.errors import UsageError
from sila_daemon.core.tool_calls import tool_calls

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.core.chat_view import FileReference, Message, RawMessage
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.tool_calls import ToolCall

TEXT_CHARACTERS_MAX = 200_000
NAME_CHARACTERS_MAX = 200
ASSISTANT_CHARACTERS_MAX = 256
TOOL_CHARACTERS_MAX = 4000
"""Of the arguments and of the result of a tool call no more is shown: a chat may have many."""

_REFUSED_CATEGORIES = {
    "Cc": "line breaks and other control characters",
    "Cs": "halves of characters",
    "Zl": "line breaks",
    "Zp": "paragraph breaks",
}
"""By Unicode's general category; joiners and odd spaces belong to what many languages write."""


class ChatHandlers:
    """Shows chats and adds messages to them."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "chat.list": self.list,
            "chat.show": self.show,
            "chat.new": self.new,
            "chat.rename": self.rename,
            "chat.delete": self.delete,
            "chat.send": self.send,
        }

    async def list(self, params: messages.PageParams) -> results.Chats:
        """Lists the chats of a space, without those in the trash."""
        space = self._spaces.find(params.space)
        facts = await facts_of_space(space)
        own = facts[space.space_id]
        left_out = {space.space_id, *own.trashed_trees}
        chats = [
            results.ChatEntry(
                tree=tree_id,
                title=own.names.get(tree_id) or found.title or None,
                messages=found.messages,
            )
            for tree_id, found in facts.items()
            if found.messages is not None and tree_id not in left_out
        ]
        chats.sort(key=lambda chat: (chat.title or "", chat.tree))
        page = page_after(chats, lambda chat: chat.tree, params.after, params.limit)
        return results.Chats(chats=chats[page.start : page.end], next=page.next)

    async def show(self, params: messages.ShowChatParams) -> results.Chat:
        """Shows the main branch of a chat, or what of it the caller does not know yet."""
        space = self._spaces.find(params.space)
        tree_id = await find_tree(space, params.tree)
        view = ChatView(await space.tree(tree_id))
        names = (await own_facts(space)).names
        title = names.get(tree_id) or view.title or None
        branch = view.raw_messages()
        last = max(0, len(branch) - 1)
        digests = await _digests(space, branch, {params.known, last})
        is_known = params.digest is not None and digests.get(params.known) == params.digest
        kept = params.known if is_known else 0
        shown = [await _shown(space, raw.read()) for raw in branch[kept:]]
        return results.Chat(
            tree=tree_id, title=title, kept=kept, messages=shown, digest=digests[last]
        )

    async def new(self, params: messages.NewChatParams) -> chat_results.ChatMade:
        """Makes a chat without messages."""
        name, assistant = _checked_name(params.name), params.assistant
        if assistant is not None and not 0 < len(assistant) <= ASSISTANT_CHARACTERS_MAX:
            raise UsageError(f"an assistant's id has 1 to {ASSISTANT_CHARACTERS_MAX} characters")
        space = self._spaces.find(params.space)
        config_id = assistant or (await space.space()).default_assistant()
        made = await space.app_trees.create(
            CHAT_APP, lambda tree: ChatView.plant(tree, name, config_id), name, params.parent
        )
        return chat_results.ChatMade(tree=made.tree_id, vertex=made.vertex_id)

    async def rename(self, params: messages.RenameChatParams) -> results.Done:
        """Gives a chat another name."""
        name = _checked_name(params.name)
        space = self._spaces.find(params.space)
        await space.app_trees.rename(await _find_chat(space, params.tree), name)
        return results.Done()

    async def delete(self, params: messages.DeleteChatParams) -> chat_results.ChatDeleted:
        """Moves a chat to the trash."""
        space = self._spaces.find(params.space)
        tree_id = await _find_chat(space, params.tree)
        vertices = await space.app_trees.put_away(tree_id, is_meant=params.force)
        return chat_results.ChatDeleted(vertices=vertices)

    async def send(self, params: messages.SendParams) -> results.Sent:
        """Adds a message at the end of the main branch."""
        if not params.text or len(params.text) > TEXT_CHARACTERS_MAX:
            raise UsageError(f"a message has 1 to {TEXT_CHARACTERS_MAX} characters")
        space = self._spaces.find(params.space)
        tree_id = await find_tree(space, params.tree)
        added = await space.edit(
            tree_id, lambda tree: ChatView(tree).append(params.role, params.text).id
        )
        return results.Sent(vertex=added)


def _checked_name(name: str) -> str:
    """Returns a name without white space around it. Raises UsageError."""
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX:
        raise UsageError(f"a chat's name has 1 to {NAME_CHARACTERS_MAX} characters")
    for char in name:
        what = _REFUSED_CATEGORIES.get(unicodedata.category(char))
        if what is not None:
            raise UsageError(f"a chat's name holds no {what}: this one has U+{ord(char):04X}")
    return name.strip()


async def _find_chat(space: OpenSpace, reference: str) -> str:
    tree_id = await find_tree(space, reference)
    facts = (await space.tree_facts(tree_id)).get(tree_id)
    if facts is None or facts.messages is None or tree_id == space.space_id:
        raise UsageError(f"the tree {tree_id} is no chat", hint="see: sila-daemon chat list SPACE")
    return tree_id


async def _shown(space: OpenSpace, message: Message) -> results.ChatMessage:
    return results.ChatMessage(
        id=message.vertex_id,
        role=message.role,
        text=message.text,
        index=message.index,
        alternatives=list(message.alternatives),
        created=message.created_ms,
        author=message.author,
        model=message.model,
        thinking=message.thinking,
        in_progress=message.is_in_progress,
        tools=_tool_names(message.tool_requests),
        tool_calls=[
            _tool_use(call) for call in tool_calls(message.tool_requests, message.tool_results)
        ],
        files=[await _attachment(space, reference) for reference in message.files],
    )


async def _digests(
    space: OpenSpace, branch: Sequence[RawMessage], counts: Collection[int]
) -> dict[int, str]:
    """What stands for the first messages of a branch, for each of these counts that it has."""
    found, sum_so_far = {}, blake2b(digest_size=16)
    for count, raw in enumerate(branch):
        if count in counts:
            found[count] = sum_so_far.hexdigest()
        sum_so_far.update(raw.mark.to_bytes(8, signed=True))
        for reference in raw.files:
            sum_so_far.update(repr((await _attachment(space, reference))["name"]).encode())
    if len(branch) in counts:
        found[len(branch)] = sum_so_far.hexdigest()
    return found


async def _attachment(space: OpenSpace, reference: FileReference) -> dict[str, str | None]:
    name = None
    if reference.tree_id in await space.tree_ids():
        vertex = (await space.tree(reference.tree_id)).vertex(reference.vertex_id)
        name = vertex.name if vertex else None
    return {"tree": reference.tree_id, "vertex": reference.vertex_id, "name": name}


def _tool_use(call: ToolCall) -> results.ToolUse:
    parts = [part for part in (call.arguments, call.result) if part is not None]
    return results.ToolUse(
        name=call.name[:NAME_CHARACTERS_MAX],
        arguments=_beginning(call.arguments),
        result=_beginning(call.result),
        cut=any(len(part) > TOOL_CHARACTERS_MAX for part in parts),
    )


def _beginning(text: str | None) -> str | None:
    return None if text is None else text[:TOOL_CHARACTERS_MAX]


def _tool_names(requests: Json) -> list[str]:
    found = requests if isinstance(requests, list) else []
    names = (entry.get("name") for entry in found if isinstance(entry, dict))
    return [name for name in names if isinstance(name, str)]
