"""Everything the app can do, by a name: `:`, the palette, help and docs come from this one table.

A command does what a key does (`actions` are those of its bindings), takes arguments, or both. What
a command does with its arguments stands in `command_runner`; how a line is read in `command_words`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """A word that a command takes; what it may be is completed by its `kind`."""

    name: str
    kind: str = "text"
    """`space`, `part`, `place`, `theme`, `time`, `file`, `folder` or `text`."""
    is_needed: bool = False

    @property
    def usage(self) -> str:
        """As it stands in the line that explains the command."""
        return self.name if self.is_needed else f"[{self.name}]"


@dataclass(frozen=True)
class Command:
    """One thing that can be done."""

    name: str
    does: str
    arguments: tuple[Argument, ...] = ()
    actions: tuple[str, ...] = ()
    """What the keys call that do it; one of them must be in force where there are no arguments."""
    others: tuple[str, ...] = ()
    """Other names for it."""

    @property
    def usage(self) -> str:
        """The line as a person writes it."""
        return " ".join([self.name, *(argument.usage for argument in self.arguments)])


SPACE = Argument("SPACE", "space")
TIME = Argument("TIME", "time")
FILE = Argument("FILE", "file")
PART = Argument("PART", "part")
WORDS = Argument("WORDS")
NAME = Argument("NAME")


def _needed(argument: Argument) -> Argument:
    return Argument(argument.name, argument.kind, is_needed=True)


PLACES = (
    Command("open", "Open a space, or a part of it", (_needed(SPACE), PART)),
    Command("show", "Go to a chat, the files, the secrets, the trash or a tree of this space",
            (_needed(PART),)),
    Command("goto", "Go to a vertex by its id or path, or to a tree by its id",
            (Argument("PLACE", "place", is_needed=True),)),
    Command("home", "Go to the list of spaces"),
    Command("back", "Go back", actions=("out", "leave")),
    Command("search", "Search everything", (WORDS,), ("search",)),
    Command("filter", "Filter this list, or find messages in this chat", (WORDS,), ("filter",)),
    Command("next", "Go to the next message that was found", actions=("find(1)",)),
    Command("before", "Go to the found message before", actions=("find(-1)",)),
    Command("status", "See the sync status", actions=("app.sync_status",)),
    Command("activity", "See what happens", actions=("app.activity",)),
    Command("waits", "See what of a space waits, and why", (SPACE,), ("outbox",)),
    Command("tree", "See what is in front as the tree that it is", actions=("as_tree",)),
    Command("split", "Split the pane, to show a part beside this one", (PART,), ("split",)),
    Command("close", "Close this pane", actions=("close_pane",)),
    Command("other", "Go to the other pane", actions=("other_pane",)),
    Command("wider", "Give this pane more room", actions=("resize(1)",)),
    Command("narrower", "Give this pane less room", actions=("resize(-1)",)),
    Command("sidebar", "Go to the parts of the space", actions=("to_sidebar",)),
)  # fmt: skip

SPACES = (
    Command("sync", "Scan and exchange a space now", (SPACE,), ("sync",)),
    Command("pause", "Pause a space, for a while such as 30m, 2h or 1d", (SPACE, TIME)),
    Command("resume", "Let a paused space go on", (SPACE,)),
    Command("create", "Make a space in a folder, at local:// or on a server",
            (NAME, Argument("ADDRESS", "folder")), ("new",)),
    Command("add", "Look after a folder that is a space already", (Argument("FOLDER", "folder"),),
            ("add",)),
    Command("clone", "Bring a space from a server", actions=("clone",)),
    Command("mirror", "Mirror a space to one more server", (SPACE,), ("mirror",)),
    Command("login", "Sign in to a server", actions=("sign_in",)),
    Command("remove", "Look after a space no longer; its folder stays", (SPACE,)),
    Command("fetch", "Say which files of a space come to this machine by themselves",
            actions=("fetch_policy",)),
    Command("folder", "Open the folder of a space outside", (SPACE,)),
    Command("accept", "Let held changes happen", actions=("accept_held",)),
    Command("refuse", "Undo held changes, or leave them out here", actions=("refuse_held",)),
)  # fmt: skip

CONTENTS = (
    Command("chat", "Make a chat", (NAME,), ("screen.chat('new')", "chat('new')")),
    Command("write", "Write into this chat", actions=("ask('write')",)),
    Command("send", "Send a message to this chat", (_needed(Argument("TEXT")),)),
    Command("edit", "Change this message", actions=("ask('edit')",)),
    Command("version", "Write another version of this message", actions=("ask('version')",)),
    Command("branch", "Show the next branch here", actions=("turn(1)",)),
    Command("branch-before", "Show the branch before", actions=("turn(-1)",)),
    Command("unfold", "Fold or unfold this message", actions=("unfold",)),
    Command("export", "Write to a file: this chat as Markdown, or the ops that wait", (FILE,),
            ("ask('export')", "export")),
    Command("copy", "Copy what the cursor stands on", actions=("copy",)),
    Command("copy-as", "Copy this vertex's path, JSON or id", actions=("ask('copy')",)),
    Command("outside", "Open this file outside", actions=("open_outside",)),
    Command("get", "Save a copy of this file", (FILE,), ("get",)),
    Command("put", "Put a file of this machine into the space", (FILE, NAME), ("put",)),
    Command("rename", "Rename this", (NAME,), ("rename", "screen.chat('rename')")),
    Command("new", "Make something below this: a folder, a vertex", (NAME,),
            ("new_folder", "ask('new')")),
    Command("delete", "Delete this", actions=("delete", "ask('delete')", "screen.chat('delete')")),
    Command("restore", "Put this back from the trash", actions=("restore", "ask('restore')")),
    Command("mark", "Mark this, to do something with several", actions=("mark",)),
    Command("cut", "Take this along", actions=("cut", "ask('cut')")),
    Command("paste", "Put here what was cut", actions=("paste", "ask('paste')")),
    Command("set", "Give this vertex a property, its value being JSON or else text",
            (Argument("KEY"), Argument("VALUE")), ("ask('add')",)),
    Command("unset", "Remove this property", actions=("ask('remove')",)),
    Command("secret", "Keep a secret", actions=("set",)),
    Command("reveal", "Show this secret for some seconds", actions=("reveal",)),
    Command("undo", "Take the last step back", actions=("undo", "screen.chat('undo')")),
    Command("kind", "Show the next kind of events only", actions=("next_kind",)),
    Command("only", "Show the events of this space only", actions=("only_space",)),
)  # fmt: skip

APP = (
    Command("theme", "Other colours, by name", (Argument("NAME", "theme"),), ("other_theme",)),
    Command("help", "See the keys", actions=("app.help",), others=("h", "keys")),
    Command("commands", "See everything that can be done", actions=("command_palette",)),
    Command("retry", "Try again: to reach the daemon, or what a server refused",
            actions=("retry",)),
    Command("start", "Start the daemon", actions=("start_daemon",)),
    Command("calls", "See what the daemon is asked, and how long it takes", actions=("calls",)),
    Command("stop", "Wait no longer for what is slow", actions=("let_go",)),
    Command("quit", "Leave", others=("q", "exit")),
)  # fmt: skip

GROUPS = {"Places": PLACES, "Spaces": SPACES, "Contents": CONTENTS, "The app": APP}
COMMANDS = tuple(command for group in GROUPS.values() for command in group)
