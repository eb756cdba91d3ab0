"""`chat`: chats as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.cli.accounts import text_from_stdin
from sila_daemon.cli.daemon_call import ask, space_reference

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sila_daemon.cli.output import Output


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists chats by title."""
    answer = ask("chat.list", space=space_reference(arguments.space))
    if output.as_json or not answer["chats"]:
        output.result(answer, ["No chats in this space."])
        return
    rows = [[chat["tree"], chat["title"] or "", str(chat["messages"])] for chat in answer["chats"]]
    output.table(("id", "title", "messages"), rows)


def show(arguments: argparse.Namespace, output: Output) -> None:
    """Shows the main branch."""
    answer = ask("chat.show", space=space_reference(arguments.space), tree=arguments.chat)
    output.result(answer, markdown(answer))


def export(arguments: argparse.Namespace, output: Output) -> None:
    """Writes the main branch as Markdown, to a file or to standard output."""
    answer = ask("chat.show", space=space_reference(arguments.space), tree=arguments.chat)
    text = "\n".join(markdown(answer)) + "\n"
    if arguments.out is None:
        output.result({"markdown": text}, markdown(answer))
        return
    _write(arguments.out, text, overwrite=arguments.force)
    done = {"out": arguments.out, "messages": len(answer["messages"])}
    output.result(done, [f"Wrote {arguments.out}."])


def send(arguments: argparse.Namespace, output: Output) -> None:
    """Adds a message at the end of the main branch."""
    text = text_from_stdin() if arguments.text is None else arguments.text
    answer = ask(
        "chat.send",
        space=space_reference(arguments.space),
        tree=arguments.chat,
        text=text.removesuffix("\n"),
        role=arguments.role,
    )
    output.result(answer, ["Saved."])


def new(arguments: argparse.Namespace, output: Output) -> None:
    """Makes a chat."""
    answer = ask(
        "chat.new",
        space=space_reference(arguments.space),
        name=arguments.name,
        parent=arguments.below,
        assistant=arguments.assistant,
    )
    output.result(answer, [f"Made {arguments.name}: {answer['tree']}"])


def rename(arguments: argparse.Namespace, output: Output) -> None:
    """Gives a chat another name."""
    answer = ask(
        "chat.rename",
        space=space_reference(arguments.space),
        tree=arguments.chat,
        name=arguments.name,
    )
    output.result(answer, [f"It is called {arguments.name} now."])


def delete(arguments: argparse.Namespace, output: Output) -> None:
    """Moves a chat to the trash."""
    answer = ask(
        "chat.delete",
        space=space_reference(arguments.space),
        tree=arguments.chat,
        force=arguments.force,
    )
    output.result(answer, ["It is in the trash: see sila-daemon trash list SPACE."])


def markdown(chat: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of a chat."""
    yield f"# {chat['title'] or 'Untitled'}"
    for message in chat["messages"]:
        who = message["author"] or message["role"] or "unknown"
        model = f" ({message['model']})" if message["model"] else ""
        count = len(message["alternatives"])
        branch = f", {message['index'] + 1} of {count}" if count > 1 else ""
        yield ""
        yield f"## {who[:1].upper() + who[1:]}{model}{branch}"
        yield ""
        yield message["text"]
        for file in message["files"]:
            yield ""
            yield f"Attached: {file['name'] or file['vertex']}"


def _write(path: str, text: str, *, overwrite: bool) -> None:
    from sila_daemon.core.errors import ProtectionError, StorageError

    try:
        with open(path, "w" if overwrite else "x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError as error:
        raise ProtectionError(
            f"{path} exists already", code="exists", hint="overwrite it with --force"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
