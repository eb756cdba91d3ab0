"""A chat as a Markdown document: what the main branch says, message by message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sila_tui.contents import Chat, Message

ROLE_NAMES = {"user": "You", "assistant": "Assistant", "tool": "Tool", "error": "Error"}


def chat_markdown(chat: Chat, time_of: Callable[[float], str]) -> str:
    """The document; texts as they were written, times as `time_of` tells them."""
    parts = [f"# {chat.title or 'Chat'}"]
    for message in chat.messages:
        parts.append(f"## {' · '.join(_head(message, time_of))}")
        parts += [message.source.strip("\n")] if message.source.strip() else []
        parts += [f"- attached: {name}" for name in message.files]
    return "\n\n".join(parts).encode("utf-8", "replace").decode() + "\n"


def _head(message: Message, time_of: Callable[[float], str]) -> Iterator[str]:
    yield message.author or ROLE_NAMES.get(message.role, message.role or "someone")
    if message.model:
        yield message.model
    if message.created_at is not None:
        yield time_of(message.created_at)
