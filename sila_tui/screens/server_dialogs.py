"""What is asked when a server comes in: signing in, bringing a space, mirroring one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError
from sila_tui.facts import place_name, rows, text_of
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.widgets.pick import PickDialog
from sila_tui.words import clean, counted

if TYPE_CHECKING:
    from sila_tui.app import SilaApp
    from sila_tui.facts import SpaceFacts

SECRETS = Field(
    "secrets",
    "Secrets: keep here, or mirror (the server reads them)",
    "keep",
    choices=("keep", "mirror"),
)


class ServerDialogs:
    """Each method asks, calls the daemon and says what came of it. They raise SilaError."""

    def __init__(self, app: SilaApp) -> None:
        self._app = app

    async def sign_in(self) -> str | None:
        """Signs in to a server; returns its address."""
        fields = [
            Field("url", "Server", example="https://sila.example"),
            Field("email", "E-mail"),
            Field("password", "Password", is_secret=True),
        ]
        values = await self._app.push_screen_wait(FormDialog("Sign in", fields))
        if values is None:
            return None
        answer = await self._app.link.call("server.login", **values)
        self._app.notify(f"You are signed in to {place_name(values['url'])}", markup=False)
        return str(answer["url"])

    async def clone(self) -> None:
        """Brings one of the spaces that the account has on a server."""
        url = await self._server("Bring a space from which server?", without=())
        if url is None:
            return
        self._app.notify(f"asking {place_name(url)} …", timeout=1, markup=False)
        space = await self._remote_space(url)
        if space is None:
            return
        space_id, title = space
        fields = [
            Field(
                "path",
                "Into the folder, or empty for none",
                example=f"~/Sila/{title.replace('/', '-')}",
                is_required=False,
                is_path=True,
                is_folder=True,
            ),
            SECRETS,
        ]
        values = await self._app.push_screen_wait(FormDialog(f"Bring {title}", fields))
        if values is not None:
            given = {key: value for key, value in values.items() if value}
            await self._app.link.call("space.clone", url=url, id=space_id, **given)
            self._app.link.refresh()
            self._app.notify(f"{title} is coming", markup=False)

    async def mirror(self, space: SpaceFacts) -> None:
        """Mirrors a space to one more server."""
        known = tuple(remote.url for remote in space.remotes)
        url = await self._server(f"Mirror {space.title} to which server?", without=known)
        if url is None:
            return
        form = FormDialog(f"Mirror {space.title} to {place_name(url)}", [SECRETS])
        values = await self._app.push_screen_wait(form)
        if values is not None:
            await self._app.link.call("space.add_server", space=space.id, url=url, **values)
            self._app.link.refresh()
            said = f"{space.title} is mirrored to {place_name(url)} from now on"
            self._app.notify(said, markup=False)

    async def _server(self, question: str, without: tuple[str, ...]) -> str | None:
        """One of the servers that somebody is signed in to, or a new one."""
        answer = await self._app.link.call("server.list")
        found = [row for row in rows(answer.get("servers")) if row.get("url") not in without]
        if not found:
            self._app.notify("Sign in to a server first", timeout=3, markup=False)
            return await self.sign_in()
        shown = [
            (place_name(str(row["url"])), text_of(row.get("reason") or row.get("email")))
            for row in found
        ]
        picked = await self._app.push_screen_wait(
            PickDialog(question, [*shown, ("another one", "sign in to it")])
        )
        if picked is None:
            return None
        return await self.sign_in() if picked == len(found) else str(found[picked]["url"])

    async def _remote_space(self, url: str) -> tuple[str, str] | None:
        """The id and title of a space on a server that is not here yet."""
        answer = await self._app.link.call("space.remote_list", url=url)
        listed = [row for row in rows(answer.get("spaces")) if isinstance(row.get("id"), str)]
        found = [row for row in listed if self._app.session.space(row["id"]) is None]
        if not found:
            here = (
                f"{counted(len(listed), 'space')} there, all here" if listed else "none there yet"
            )
            raise NotFoundError(
                f"{place_name(url)} has nothing to bring: {here}",
                hint="m mirrors a space of this machine to it",
            )
        shown = [
            (text_of(row.get("name")) or row["id"][:8], text_of(row.get("role"))) for row in found
        ]
        picked = await self._app.push_screen_wait(PickDialog("Bring which space?", shown))
        return None if picked is None else (found[picked]["id"], clean(shown[picked][0]))
