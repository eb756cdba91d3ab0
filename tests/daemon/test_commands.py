"""The commands against a running daemon: what they say, what they keep, how they refuse."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from sila_daemon.core.errors import SilaError, UsageError
from tests.daemon.machine import FIXTURES, Machine, serving, wait_until

pytestmark = pytest.mark.slow


def test_a_space_goes_by_id_prefix_name_and_path(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    for reference in (space, space[:8], tmp_path.name, str(tmp_path / "space")):
        assert machine.status(reference)["id"] == space
    assert machine.refusal("status", "nothing-like-it") == (4, "no_space")
    assert machine.refusal("status", "") == (4, "no_space")


def test_status_has_the_promised_shape(machine: Machine, space: str) -> None:
    text = machine.until_said("● all saved on this machine; no servers\n", "status", space)
    data = machine.data("status", space)
    assert {"version", "pid", "since", "uptimeSeconds"} <= data["daemon"].keys()
    [found] = data["spaces"]
    assert {"id", "name", "path", "state", "reason", "trees", "ops", "files", "bytes"} <= set(found)
    assert found["folder"].keys() == {"lastScan", "pendingOps", "carrier", "polling"}
    assert (found["remotes"], found["trees"]) == ([], 1)
    assert "ops in 1 tree · 0 files" in text and "\x1b" not in text


def test_what_is_added_twice_is_refused(machine: Machine, space: str, tmp_path: Path) -> None:
    assert machine.refusal("space", "add", str(tmp_path / "space")) == (6, "space_known")
    shutil.copytree(tmp_path / "space", tmp_path / "copy")
    assert machine.refusal("space", "add", str(tmp_path / "copy")) == (6, "space_known")
    assert machine.refusal("space", "add", str(tmp_path / "nowhere"))[0] == 4
    assert machine.refusal("space", "create", str(tmp_path / "space"), "--name", "x")[0] == 6


def test_removing_deletes_nothing_and_adding_brings_all_back(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    vertex = machine.data("vertex", "new", space, "space", "--set", "a=1")["vertex"]
    machine.until_current(space)
    assert machine.data("space", "remove", space)["path"] == str(tmp_path / "space")
    assert machine.refusal("status", space)[0] == 4
    assert machine.data("space", "add", str(tmp_path / "space"))["id"] == space
    assert machine.data("vertex", "get", space, "space", vertex)["properties"]["a"] == 1


def test_a_vertex_says_who_made_it_and_set_its_properties(machine: Machine, space: str) -> None:
    plan = machine.data("vertex", "new", space, "space", "--set", "name=Plan")["vertex"]
    child = machine.data("vertex", "new", space, "space", "--parent", plan)["vertex"]
    made = machine.data("vertex", "get", space, "space", child)
    author = made["placed"]
    assert not made["moved"]
    assert author["device"], "it was made here, on a machine that has a name"
    assert made["authors"] == {"_c": {**author, "counter": author["counter"] + 1}}
    assert made["created"] == pytest.approx(time.time() * 1000, abs=600_000)
    machine.data("vertex", "move", space, "space", child, space)
    machine.data("vertex", "set", space, "space", child, "name", "Sub")
    moved = machine.data("vertex", "get", space, "space", child)
    assert moved["moved"]
    assert moved["placed"] == {**author, "counter": author["counter"] + 2}
    assert moved["authors"]["name"] == {**author, "counter": author["counter"] + 3}
    machine.data("stop")
    machine.data("start")
    later = machine.data("vertex", "get", space, "space", child)
    assert later["placed"] == {**moved["placed"], "device": None}, "an op tells of no device"


def test_edits_are_read_back(machine: Machine, space: str) -> None:
    new = machine.data(
        "vertex", "new", space, "space", "--set", "name=Plan", "--set", 'list=[1, {"a": null}]'
    )
    plan = new["vertex"]
    child = machine.data("vertex", "new", space, "space", "--parent", plan, "--set", "name=Sub")[
        "vertex"
    ]
    machine.data("vertex", "set", space, "space", plan, "note", "12", "--text")
    machine.data("vertex", "unset", space, "space", plan, "list")
    found = machine.data("vertex", "get", space, space, plan)
    assert (found["properties"]["note"], found["childCount"], found["path"]) == ("12", 1, "/Plan")
    assert "list" not in found["properties"]
    inside = machine.data("tree", space, "space/Plan")
    assert [entry["name"] for entry in inside["children"]] == ["Sub"]
    assert machine.refusal("vertex", "move", space, "space", plan, child) == (2, "usage")
    machine.data("vertex", "delete", space, "space", child)
    assert machine.data("vertex", "get", space, "space", child)["deleted"] is True
    assert machine.refusal("vertex", "get", space, "space", "nothing")[0] == 4
    assert machine.refusal("vertex", "get", space, "no-such-tree") == (4, "no_tree")
    assert machine.refusal("vertex", "set", space, "space", plan, "empty", "{}")[0] == 2
    [tree] = machine.data("tree", space)["trees"]
    assert (tree["id"], tree["role"]) == (space, "space")


def test_edits_are_kept_together_or_not_at_all(machine: Machine, space: str) -> None:
    before = machine.status(space)["ops"]
    good = {"do": "new", "properties": {"a": 1}}
    root = machine.data("vertex", "get", space, "space")["id"]
    first = machine.data("vertex", "new", space, "space")["vertex"]
    second = machine.data("vertex", "new", space, "space")["vertex"]
    wait_until(lambda: machine.status(space)["ops"] == before + 4)
    for bad in (
        {"do": "set", "vertex": "nothing", "key": "a", "value": 1},
        {"do": "set", "vertex": root, "key": "", "value": 1},
        {"do": "set", "vertex": root, "key": "a", "value": []},
        {"do": "delete", "vertex": root},
        {"do": "new", "parent": "nothing"},
    ):
        with pytest.raises(SilaError):
            machine.call("edit.apply", space=space, tree="space", edits=[good, bad])
    cycle = [
        {"do": "move", "vertex": first, "parent": second},
        {"do": "move", "vertex": second, "parent": first},
    ]
    with pytest.raises(SilaError):
        machine.call("edit.apply", space=space, tree="space", edits=cycle)
    assert machine.data("space", "sync", space)["ops"] == before + 4


def test_children_come_in_pages(machine: Machine, space: str) -> None:
    from sila_daemon.control.call import call
    from sila_daemon.paths import user_paths

    socket = user_paths(machine.env).socket
    above = machine.data("vertex", "new", space, "space", "--set", "name=above")["vertex"]
    edits = [{"do": "new", "parent": above, "properties": {"name": str(n)}} for n in range(25)]
    made = machine.call("edit.apply", space=space, tree="space", edits=edits)["results"]
    seen: list[str] = []
    after = None
    while True:
        page = call(
            socket,
            "vertex.children",
            space=space,
            tree="space",
            vertex=above,
            after=after,
            limit=10,
        )
        assert len(page["children"]) <= 10
        seen += [child["id"] for child in page["children"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == sorted(result["vertex"] for result in made)


def test_files_go_in_and_come_out(machine: Machine, space: str, tmp_path: Path) -> None:
    source = tmp_path / "pic.png"
    source.write_bytes(bytes(range(256)) * 5000)
    stored = machine.data("file", "put", space, str(source), "art/pic.png")
    assert (stored["size"], len(stored["hash"])) == (1_280_000, 64)
    [entry] = machine.data("file", "list", space)["files"]
    assert (entry["path"], entry["mimeType"], entry["here"]) == ("art/pic.png", "image/png", True)
    target = tmp_path / "out.png"
    machine.data("file", "get", space, "art/pic.png", str(target))
    assert target.read_bytes() == source.read_bytes()
    target.write_text("mine")
    assert machine.refusal("file", "get", space, "art/pic.png", str(target)) == (6, "exists")
    assert target.read_text() == "mine"
    machine.data("file", "get", space, "art/pic.png", str(target), "--force")
    assert target.read_bytes() == source.read_bytes()
    source.write_text("newer")
    machine.data("file", "put", space, str(source), "art/pic.png")
    [entry] = machine.data("file", "list", space)["files"]
    assert entry["size"] == 5
    assert machine.refusal("file", "get", space, "art/none", str(tmp_path / "x")) == (4, "no_file")
    assert machine.refusal("file", "put", space, str(tmp_path / "none")) == (4, "no_local_file")
    assert machine.refusal("file", "put", space, str(source), "art")[0] == 2
    assert machine.refusal("file", "put", space, str(source), "../evil")[0] == 2
    assert machine.refusal("file", "put", space, str(tmp_path))[0] == 2


def test_secrets_are_said_only_when_asked_for(machine: Machine, space: str) -> None:
    machine.data("secret", "set", space, "api-key", "--stdin", stdin="open sesame\n")
    assert machine.data("secret", "list", space) == {"names": ["api-key"]}
    assert machine.sila("secret", "list", space).stdout == "api-key\n"
    assert machine.sila("secret", "get", space, "api-key").stdout == "open sesame\n"
    assert machine.sila("secret", "set", space, "api-key", "value").returncode == 2
    assert machine.refusal("secret", "set", space, "api-key", "--stdin")[0] == 2
    machine.data("secret", "unset", space, "api-key")
    assert machine.refusal("secret", "get", space, "api-key") == (4, "no_secret")
    logs = machine.home / "logs"
    assert not any("sesame" in path.read_text() for path in logs.iterdir())


def test_what_is_not_utf8_is_no_secret(machine: Machine, space: str) -> None:
    for words in (("secret", "set", space, "k", "--stdin"), ("chat", "send", space, "x")):
        done = subprocess.run(
            machine.command(*words), env=machine.env, input=b"\xff\xfe", capture_output=True
        )
        assert done.returncode == 2 and b"not UTF-8" in done.stderr
    assert machine.refusal("chat", "send", space, "x", "hi", "--role", "boss") == (2, "usage")
    assert machine.refusal("vertex", "set", space, "space", space, "k", "1e999") == (2, "usage")


def test_chats_of_the_original_are_shown(machine: Machine, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "workspace-main", tmp_path / "main")
    space = machine.data("space", "add", str(tmp_path / "main"))["id"]
    wait_until(lambda: bool(machine.data("chat", "list", space)["chats"]))
    wait_until(lambda: machine.status(space)["state"] != "syncing")
    chats = [chat for chat in machine.data("chat", "list", space)["chats"] if chat["messages"]]
    shown = machine.data("chat", "show", space, chats[0]["tree"])
    assert len(shown["messages"]) == chats[0]["messages"]
    for message in shown["messages"]:
        assert message["id"] in message["alternatives"]
    out = tmp_path / "chat.md"
    machine.data("chat", "export", space, chats[0]["tree"], str(out))
    assert out.read_text().startswith("# ")
    assert machine.refusal("chat", "export", space, chats[0]["tree"], str(out)) == (6, "exists")


def test_a_space_can_be_left_alone_for_a_while(machine: Machine, space: str) -> None:
    machine.data("space", "pause", space, "--for", "2h")
    assert machine.status(space)["state"] == "paused"
    assert machine.refusal("space", "sync", space) == (1, "paused")
    machine.data("vertex", "new", space, "space")
    assert machine.sila("space", "pause", space, "--for", "soon").returncode == 2
    machine.data("space", "pause", space)
    machine.data("space", "resume", space)
    machine.until_current(space)


def test_a_space_without_a_folder(machine: Machine) -> None:
    added = machine.data("space", "create", "local://", "--name", "Only here")
    assert added["path"] is None
    root = machine.data("vertex", "get", added["id"], "space")
    machine.data("vertex", "set", added["id"], "space", root["id"], "theme", "dark")
    found = machine.status("Only here")
    assert (found["state"], found["path"], found["folder"]) == ("current", None, None)
    entries = machine.data("space", "list")["spaces"]
    assert [entry["name"] for entry in entries if entry["id"] == added["id"]] == ["Only here"]


def test_what_happens_is_told(machine: Machine, space: str) -> None:
    follow = machine.command("events", "--follow")
    with subprocess.Popen(follow, env=machine.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["id"] >= 1 and first["kind"]
        machine.data("vertex", "new", space, "space")
        for line in process.stdout:
            event = json.loads(line)
            if event["space"] == space and event["kind"] == "ops" and event["source"] is None:
                break
        process.terminate()
    events = machine.data("events")["events"]
    assert [event["id"] for event in events] == list(
        range(events[0]["id"], events[0]["id"] + len(events))
    )


def test_nothing_waits_when_all_is_written(machine: Machine, space: str) -> None:
    machine.until_current(space)
    assert machine.data("outbox", space)["waiting"] == []


def test_signing_in_refuses_what_would_give_the_password_away(machine: Machine) -> None:
    words = ("login", "http://example.org", "--email", "a@b", "--password-stdin")
    assert machine.refusal(*words, stdin="x") == (6, "insecure_url")
    assert machine.refusal("login", "example.org", "--token-stdin", stdin="x") == (2, "bad_url")
    away = ("login", "http://127.0.0.1:9", "--email", "a@b", "--password-stdin")
    assert machine.refusal(*away, stdin="x") == (8, "unreachable")
    assert machine.refusal("login", "http://127.0.0.1:9", "--email", "a@b")[0] == 2
    assert machine.refusal("logout", "https://nowhere.example")[0] == 4


def test_a_space_travels_by_a_server_to_another_machine(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    other = Machine(tmp_path / "other")
    with serving(tmp_path / "server", "a@example.org", "correct horse") as url, other.daemon():
        assert machine.refusal("space", "server", "add", space, url) == (5, "sign_in_needed")
        login = ("login", url, "--email", "a@example.org", "--password-stdin")
        assert machine.refusal(*login, stdin="wrong")[0] == 5
        for one in (machine, other):
            one.data(*login, stdin="correct horse")
        assert machine.data("whoami")["servers"][0]["email"] == "a@example.org"
        machine.data("secret", "set", space, "key", "--stdin", stdin="sesame")
        (tmp_path / "note.txt").write_text("hello")
        machine.data("file", "put", space, str(tmp_path / "note.txt"))
        said = machine.sila("space", "server", "add", space, url)
        assert said.returncode == 0 and "Secrets stay on this machine" in said.stderr
        machine.data("space", "server", "add", space, url, "--secrets", "mirror")
        again = machine.data("space", "server", "add", space, f"{url}/")
        assert again == {"url": url, "secrets": "mirror"}
        # The connection that was opened anew may find everything there: this is acknowledged to it.
        machine.data("vertex", "new", space, "space", "--set", "name=before")
        machine.data("space", "sync", space)
        safe = machine.until_said(r"● all safe · agreed \d+ s ago", "status", space)
        assert "s ago" in safe
        [remote] = other.data("space", "list", "--remote", url)["spaces"]
        assert remote["id"] == space
        clone = str(tmp_path / "clone")
        other.data("space", "clone", url, space, clone, "--secrets", "mirror")
        wait_until(lambda: other.sila("secret", "get", space, "key").stdout == "sesame\n")
        wait_until(lambda: other.status(space)["files"] == 1)
        machine.data("vertex", "new", space, "space", "--set", "name=from here")
        other.data("vertex", "new", space, "space", "--set", "name=from there")
        for one in (machine, other):
            wait_until(lambda one=one: {"from here", "from there"} <= names(one, space))  # type: ignore[misc]
            one.until_current(space)
        folders = (str(tmp_path / "space"), clone)
        first, second = (machine.sila("space", "dump", path, "--json").stdout for path in folders)
        assert first == second and "from there" in first
        other.data("logout", url)
        other.data("space", "server", "remove", space, url)
        assert other.status(space)["remotes"] == []
        machine.data("space", "server", "remove", space, url)


def test_a_server_is_told_the_name_that_a_folder_gives(machine: Machine, tmp_path: Path) -> None:
    with serving(tmp_path / "server", "c@example.org", "correct horse") as url:
        login = ("login", url, "--email", "c@example.org", "--password-stdin")
        machine.data(*login, stdin="correct horse")
        sample = machine.data("space", "sample", str(tmp_path / "folder"), "--name", "Beans")
        machine.data("space", "add", str(tmp_path / "folder"), "--server", url)
        [listed] = machine.data("space", "list", "--remote", url)["spaces"]
        assert (listed["id"], listed["name"]) == (sample["id"], "Beans")
    machine.data("space", "remove", sample["id"])


def test_a_space_is_made_on_a_server_or_there_too(machine: Machine, tmp_path: Path) -> None:
    with serving(tmp_path / "server", "b@example.org", "correct horse") as url:
        login = ("login", url, "--email", "b@example.org", "--password-stdin")
        machine.data(*login, stdin="correct horse")
        remote = machine.data("space", "create", url, "--name", "Far")
        assert remote["path"] is None
        folder = str(tmp_path / "both")
        both = machine.data("space", "create", folder, "--name", "Both", "--server", url)
        for made in (remote, both):
            machine.until_current(made["id"])
            assert machine.status(made["id"])["remotes"][0]["url"] == url
        listed = machine.data("space", "list", "--remote", url)["spaces"]
        assert {space["id"] for space in listed} == {remote["id"], both["id"]}
        assert machine.refusal("space", "clone", url, remote["id"]) == (6, "space_known")
        assert machine.refusal("space", "clone", url, "0" * 32) == (4, "no_space")
    for made in (remote, both):
        wait_until(lambda made=made: machine.status(made["id"])["state"] == "offline")  # type: ignore[misc]
        machine.data("space", "remove", made["id"])


def names(machine: Machine, space: str) -> set[str]:
    """The names of what is directly below the root of the space tree."""
    return {child["name"] for child in machine.data("tree", space, "space")["children"]}


def test_chats_are_made_renamed_and_deleted(machine: Machine, space: str) -> None:
    made = machine.data("chat", "new", space, "Plans")
    machine.data("chat", "send", space, made["tree"], "the first line")
    below = machine.data("chat", "new", space, "More", "--below", made["vertex"])
    assert machine.refusal("chat", "new", space, "X", "--below", "none") == (4, "no_vertex")
    for name in ("", " ", "two\nlines", "x" * 201):
        assert machine.refusal("chat", "new", space, name) == (2, "usage")
    root = machine.data("vertex", "get", space, made["tree"])["properties"]
    assert (root["appId"], root["configId"], root["name"]) == ("default-chat", "default", "Plans")
    machine.data("chat", "rename", space, "Plans", "Plan 2027")
    titles = [chat["title"] for chat in machine.data("chat", "list", space)["chats"]]
    assert titles == ["More", "Plan 2027"]
    assert machine.data("chat", "delete", space, below["tree"])["vertices"] == [below["vertex"]]
    assert machine.refusal("chat", "delete", space, below["tree"])[0] == 4
    assert machine.refusal("chat", "delete", space, "space") == (2, "usage")
    [chat] = machine.data("chat", "list", space)["chats"]
    assert (chat["title"], chat["messages"]) == ("Plan 2027", 1)
    machine.data("trash", "restore", space, "space", below["vertex"])
    assert len(machine.data("chat", "list", space)["chats"]) == 2


def test_chats_may_be_called_what_people_write(machine: Machine, space: str) -> None:
    names = [
        "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "10\u00a0km",
    ]
    for name in names:
        tree = machine.call("chat.new", space=space, name=name)["tree"]
        machine.call("chat.rename", space=space, tree=tree, name=f"{name}!")
    found = machine.call("chat.list", space=space)["chats"]
    assert {chat["title"] for chat in found} == {f"{name}!" for name in names}
    for name, reason in (
        ("a\nb", "line breaks and other control characters: this one has U\\+000A"),
        ("a\x1b[2J", "control characters: this one has U\\+001B"),
        ("cut \ud83d", "halves of characters: this one has U\\+D83D"),
        ("a\u2028b", "line breaks: this one has U\\+2028"),
        ("a\u2029b", "paragraph breaks: this one has U\\+2029"),
        ("x" * 201, "has 1 to 200 characters$"),
    ):
        with pytest.raises(UsageError, match=reason):
            machine.call("chat.new", space=space, name=name)


def test_a_new_chat_has_the_assistant_that_the_space_has(machine: Machine, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "demo-getting-started", tmp_path / "demo")
    space = machine.data("space", "add", str(tmp_path / "demo"))["id"]
    wait_until(lambda: bool(machine.data("chat", "list", space)["chats"]))
    tree = machine.data("chat", "new", space, "Plans")["tree"]
    assert machine.data("vertex", "get", space, tree)["properties"]["configId"] == "chat"
    other = machine.data("chat", "new", space, "Other", "--assistant", "writer")["tree"]
    assert machine.data("vertex", "get", space, other)["properties"]["configId"] == "writer"
