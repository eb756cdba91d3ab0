"""The fixed data that screens are drawn from, and the fixed moment at which it is looked at."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from tests.tui.png_maker import curve_png

NOW = datetime(2026, 11, 21, 14, 32, 12, tzinfo=UTC).timestamp()
HOME = "/home/ana"
WORK = "1033300934484daf854ead6cc1eded63"
COFFEE = "2e7fb729f6134616920248c951c3d3cf"
CHAT_APP = "default-chat"
FILES_TREE = "c3b86f8ad9ab437b9340db5697e1fe08"

Json = dict[str, Any]


def ms(seconds_ago: float) -> int:
    """Unix milliseconds of a moment before now."""
    return int((NOW - seconds_ago) * 1000)


def iso(seconds_ago: float) -> str:
    """The ISO date of a moment before now."""
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat().replace("+00:00", "Z")


def remote(url: str, state: str = "current", **more: Any) -> Json:
    """One server of a space, with nothing waiting unless told."""
    return {
        "url": url, "state": state, "reason": "", "head": 88213, "serverHead": 88213,
        "pendingOps": 0, "pendingFiles": 0, "pendingBytes": 0, "lastAckAt": ms(12),
        "oldestPendingAt": None, "retryAt": None, **more,
    }  # fmt: skip


def space(space_id: str, name: str, path: str | None, state: str, **more: Any) -> Json:
    """One space of the status, small and well unless told otherwise."""
    return {
        "id": space_id, "name": name, "path": path, "state": state, "reason": "", "trees": 7,
        "ops": 850, "files": 0, "bytes": 0,
        "folder": {"lastScan": ms(4), "pendingOps": 0} if path else None, "remotes": [], **more,
    }  # fmt: skip


def status() -> Json:
    """Five spaces in as many states."""
    home, backup = "https://home.example", "https://backup.example:6001"
    return {
        "daemon": {"version": "0.1.0", "pid": 4711, "since": ms(7200), "uptimeSeconds": 7200},
        "spaces": [
            space(
                WORK, "Work", f"{HOME}/Sila/Work", "current", trees=33, ops=12480, files=1204,
                bytes=3_100_000_000, remotes=[remote(home), remote(backup, lastAckAt=ms(40))],
            ),
            space(
                "5c6820afccad4d039df81cbc7ed4a248", "Home", f"{HOME}/Sila/Home", "syncing",
                ops=4210, files=312, bytes=512_000_000, trees=12,
                remotes=[
                    remote(home, "syncing", reason="sending", pendingOps=120, pendingFiles=3,
                           pendingBytes=9_400_000, oldestPendingAt=ms(65), head=40110,
                           serverHead=40110, lastAckAt=ms(3)),
                ],
            ),
            space(
                "87e0edb13b05469c9378ba975046a088", "Team", None, "offline", ops=2311, trees=9,
                reason="https://team.example: nothing listens there",
                remotes=[
                    remote("https://team.example", "offline",
                           reason="nothing listens there", pendingOps=12,
                           lastAckAt=ms(7200), oldestPendingAt=ms(6900),
                           retryAt=ms(-8), head=2299, serverHead=2299),
                ],
            ),
            space(
                "978e9efb30d047c3924080ad4b1ac8d2", "Old notes", "/mnt/usb/notes", "needs_you",
                reason="folder missing: is the disk plugged in?",
            ),
            space(
                "40d034d44a1446a3967e15c01a60ff1c", "Letters", f"{HOME}/Sila/Letters", "paused",
                reason="paused until 18:00", remotes=[remote(home, "paused", reason="paused")],
            ),
        ],
    }  # fmt: skip


def transfers() -> list[Json]:
    """Files of the first two spaces on their way, in both directions."""
    home = "https://home.example"

    def one(space_id: str, file: str, way: str, done: int, total: int | None, rate: int) -> Json:
        left = None if total is None or not rate else (total - done) / rate
        return {"space": space_id, "kind": "static", "file": file, "direction": way,
                "server": home, "done": done, "total": total, "bytesPerSecond": rate,
                "secondsLeft": left, "startedAt": ms(20)}  # fmt: skip

    return [
        one(WORK, "cc", "down", 96_000_000, 214_000_000, 6_100_000),
        one(WORK, "9e" * 32, "down", 400_000, None, 0),
        one("5c6820afccad4d039df81cbc7ed4a248", "ab" * 32, "up", 2_000_000, 9_400_000, 800_000),
    ]


def transfer_totals(moved: int = 0) -> list[Json]:
    """What is still to travel of them."""

    def one(space_id: str, way: str, files: int, left: int, rate: int) -> Json:
        return {"space": space_id, "direction": way, "files": files, "bytes": left,
                "bytesPerSecond": rate, "secondsLeft": left / rate if rate else None,
                "movedFiles": 0, "movedBytes": moved}  # fmt: skip

    return [
        one(WORK, "up", 0, 0, 0),
        one(WORK, "down", 7, 401_000_000, 6_100_000),
        one("5c6820afccad4d039df81cbc7ed4a248", "up", 3, 7_400_000, 800_000),
    ]


def events() -> list[Json]:
    """What happened lately, oldest first, in the daemon's words."""
    home, server = "5c6820afccad4d039df81cbc7ed4a248", "https://home.example"

    def ops(age: float, where: str, count: int, source: str | None, *trees: str) -> Json:
        origin = {None: "written here", "folder": "from the folder"}.get(source, f"from {source}")
        said = f"{count} {'op' if count == 1 else 'ops'} {origin}"
        return {"at": ms(age), "kind": "ops", "space": where, "text": said, "count": count,
                "source": source, "trees": list(trees)}  # fmt: skip

    def state(age: float, where: str, state: str, reason: str = "") -> Json:
        said = state.replace("_", " ") + (f": {reason}" if reason else "")
        return {"at": ms(age), "kind": "state", "space": where, "state": state,
                "reason": reason, "text": said}  # fmt: skip

    missing = "folder missing: is the disk plugged in?"
    rows = [
        {"at": ms(430), "kind": "started", "space": None, "text": "the daemon has started"},
        state(428, "978e9efb30d047c3924080ad4b1ac8d2", "needs_you", missing),
        ops(410, home, 6, None),
        ops(300, WORK, 2, server, "t-shop"),
        ops(250, home, 56, "folder"),
        state(185, home, "current"),
        ops(130, home, 36, "folder"),
        ops(66, WORK, 3, None, COFFEE),
        state(62, home, "syncing", "sending"),
        ops(12, WORK, 1, server, WORK),
    ]
    return [{"id": index, **row} for index, row in enumerate(rows, 1)]


ANSWER = """\
Rest them **5 to 7 days**. Degassing is fastest in the first 48 hours, and the cup is dull \
until most of the CO₂ has left.

| origin   | days | for       |
|----------|-----:|-----------|
| Ethiopia |    5 | filter    |
| Brazil   |   10 | espresso  |

1. Keep the valve bag closed.
2. Taste every second day.

```python
def rested(roasted: date, today: date) -> bool:
    return (today - roasted).days >= 5
```
"""


def chat_messages() -> list[Json]:
    """A chat with a branch, thinking, a table, code and an attachment."""

    def message(vertex: str, role: str, text: str, age: float, **more: Any) -> Json:
        return {
            "id": vertex, "role": role, "text": text, "index": 0, "alternatives": [vertex],
            "created": iso(age), "model": None, "thinking": None, "files": [], **more,
        }  # fmt: skip

    return [
        message("m1", "user", "How long do I rest the beans after a medium roast?", 720),
        message(
            "m2", "assistant", ANSWER, 710, model="gpt-4o", index=1,
            alternatives=["m2a", "m2", "m2c"], thinking="Medium roast.\nFilter or espresso?\nBoth.",
        ),
        message(
            "m3", "user", "And for espresso?\nI have a light `Brazil` too.", 71,
            files=[{"name": "curve.png", "tree": FILES_TREE, "vertex": "f3"}],
        ),
        message("m4", "assistant", "Ten days, and grind a little finer.", 66,
                model="gpt-4o"),
    ]  # fmt: skip


TREES: list[Json] = [
    {"id": WORK, "appId": None, "name": "Work", "role": "space", "vertices": 64},
    {"id": COFFEE, "appId": CHAT_APP, "name": "Coffee roasting", "role": "app", "vertices": 9},
    {"id": "t-shop", "appId": CHAT_APP, "name": "Shop layout", "role": "app", "vertices": 31},
    {"id": "t-ghent", "appId": CHAT_APP, "name": "Trip to Ghent", "role": "app", "vertices": 17},
    {"id": "t-ja", "appId": CHAT_APP, "name": "Entraînement à vélo", "role": "app", "vertices": 12},
    {"id": FILES_TREE, "appId": "files", "name": "files", "role": "app", "vertices": 14},
]  # fmt: skip

CHATS: list[Json] = [
    {"tree": COFFEE, "title": "Coffee roasting", "messages": 4},
    {"tree": "t-shop", "title": "Shop layout", "messages": 12},
    {"tree": "t-ghent", "title": "Trip to Ghent", "messages": 6},
    {"tree": "t-ja", "title": "Entraînement à vélo", "messages": 5},
]

RECIPE = """\
# Espresso

18 g in, **36 g** out, 28 s. For the *light* Brazil:

1. Grind two steps finer.
2. Let it flow to 40 g.

| when   | bar |
|--------|----:|
| first  |   3 |
| then   |   9 |
"""

CONTENTS = {
    "espresso.md": RECIPE.encode(),
    "filter.md": b"60 g to the litre.",
    "curve.png": curve_png(),
    "roasts.json": b'{"beans": ["Brazil", "Ethiopia"], "rest": {"filter": 5, "espresso": 10}}',
    "grind.py": b"def grams(cups: int) -> float:\n    # 60 to the litre.\n    return cups * 15\n",
}
AWAY = frozenset({"videos/first crack.mp4"})
"""Files whose bytes are on no disk of this machine."""

SECRETS = {"api-key-anthropic": "sk-ant-fixture", "api-key-openai": "sk-fixture-openai-0123456789"}


def vertices() -> dict[str, dict[str, Json]]:
    """Vertices by tree and id: `parent` and `properties`, in display order."""

    def made(parent: str | None, **properties: Any) -> Json:
        return {"parent": parent, "properties": {"_c": iso(9000), **properties}}

    threads = "5ca1ab1e4ab34ad6bf4c17da91827364"
    return {
        WORK: {
            WORK: made(None, name="Work", colorScheme="dark", version="1", onboarding=False),
            "v-configs": made(WORK, name="configs"),
            "v-default": made("v-configs", id="default", name="Chat", targetLLM="auto"),
            threads: made(WORK, name="threads"),
            "v-projects": made(threads, name="Projects"),
            "v-coffee": made("v-projects", name="Coffee roasting", tid=COFFEE),
            "v-shop": made("v-projects", name="Shop layout", tid="t-shop"),
            "v-ghent": made(threads, name="Trip to Ghent", tid="t-ghent"),
            "v-ja": made(threads, name="Entraînement à vélo", tid="t-ja"),
            "v-files": made(threads, name="files", tid=FILES_TREE),
            "v-providers": made(WORK, name="providers"),
            "0": made(None),
            "v-gone": made("0", name="to be deleted"),
        },
        COFFEE: {
            COFFEE: made(None, name="Coffee roasting", appId="default-chat", configId="default"),
            "v-messages": made(COFFEE, name="messages"),
            "m1": made("v-messages", _n="message", role="user", text="How long do I rest?"),
            "m2a": made("m1", _n="message", role="assistant", text="A week."),
            "m2": made(
                "m1", _n="message", role="assistant", text=ANSWER, main=True, modelId="gpt-4o",
                usage={"input": 812, "output": 164, "cached": [0, 512]}, temperature=0.7,
            ),
            "m2c": made("m1", _n="message", role="assistant", text="It depends."),
            "m3": made("m2", _n="message", role="user", text="And for espresso?"),
            "m4": made("m3", _n="message", role="assistant", text="Ten days."),
            "v-jobs": made(COFFEE, name="jobs"),
        },
        FILES_TREE: files_tree(),
    }  # fmt: skip


def authors(row: Json) -> Json:
    """Who made a vertex and set its properties: somebody far away, and lately this machine."""
    far = {"peer": "a1b2c3d4e5f60718293a4b5c6d7e8f90", "counter": 1204, "device": None}
    here = {"peer": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "counter": 12_480, "device": "laptop"}
    properties = row["properties"]
    return {
        "created": properties.get("_c"),
        "placed": here if row.get("moved") else far,
        "moved": bool(row.get("moved")),
        "authors": {key: here if key in ("name", "main") else far for key in properties},
    }


def files_tree() -> dict[str, Json]:
    """Files in folders, one of them empty, one file in the trash."""

    def folder(parent: str, name: str) -> Json:
        return {"parent": parent, "properties": {"_n": name, "name": name}}

    def file(parent: str, name: str, mime: str, size: int, **reference: str) -> Json:
        named = {"name": name, "mimeType": mime, "size": size, **reference}
        return {"parent": parent, "properties": named}

    return {
        FILES_TREE: {"parent": None, "properties": {"appId": "files"}},
        "top": {"parent": FILES_TREE, "properties": {"name": "files"}},
        "recipes": folder("top", "recipes"),
        "cold": folder("recipes", "cold brew"),
        "f1": file("recipes", "espresso.md", "text/markdown", 2310, id="499ff7ec"),
        "f2": file("recipes", "filter.md", "text/markdown", 1804, hash="aa"),
        "videos": folder("top", "videos"),
        "f4": file("videos", "first crack.mp4", "video/mp4", 214_000_000, hash="cc"),
        "f3": file("top", "curve.png", "image/png", 48_120, hash="bb"),
        "f6": file("top", "grind.py", "text/x-python", 76, hash="ff"),
        "f5": file("top", "invoice.pdf", "application/pdf", 220_400, hash="dd"),
        "f7": file("top", "roasts.json", "application/json", 76, hash="ab"),
        "0": {"parent": None, "properties": {}},
        "f8": file("0", "old list.txt", "text/plain", 12, hash="ac"),
    }


def outbox() -> Json:
    """What waits for a server: some of it refused, and something that is no op."""
    server = "https://backup.example:6001"
    op = {"space": WORK, "server": server, "tree": COFFEE, "counter": 7, "peer": "p"}
    too_large = "the value has 1.2 MB, and at most 1 MB is taken"
    return {
        "waiting": [
            {"space": WORK, "name": "Work", "to": server, "ops": 14, "files": 2, "bytes": 48_000,
             "refused": 2, "setAside": 1, "oldestAt": ms(4000), "state": "needs_you",
             "reason": ""},
        ],
        "ops": [
            {**op, "way": "refused", "vertex": "m2", "key": "text", "code": "value_too_large",
             "message": too_large, "at": ms(3900)},
            {**op, "way": "refused", "vertex": "m4", "key": None, "code": "forbidden",
             "message": "this account may only read here", "at": ms(3800)},
            {**op, "way": "set_aside", "vertex": None, "key": None, "code": "bad_op",
             "message": "the counter is no number", "at": ms(3000)},
        ],
        "more": 0,
    }  # fmt: skip


def a_lot_of_messages(count: int) -> list[Json]:
    """A long chat, for what must not grow with it."""
    first = chat_messages()[0]
    return [
        {**deepcopy(first), "id": f"n{at}", "alternatives": [f"n{at}"], "text": f"message {at}"}
        for at in range(count)
    ]
