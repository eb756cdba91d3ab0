"""What is asked about the files that come to this machine by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.fetching import ALL, ON_DEMAND, policy_of
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.words import size

if TYPE_CHECKING:
    from sila_tui.app import SilaApp
    from sila_tui.facts import SpaceFacts


async def ask_what_comes(app: SilaApp, space: SpaceFacts) -> None:
    """Asks, tells the daemon, and says what is so from now on. Raises SilaError."""
    policy = space.fetch
    days = "" if policy.newer_than_days is None else f"{policy.newer_than_days:g}"
    most = "" if policy.up_to_bytes is None else size(policy.up_to_bytes)
    fields = [
        Field("what", "all, or on demand: only what is asked for",
              ON_DEMAND if policy.is_on_demand else ALL, choices=(ALL, ON_DEMAND)),
        Field("days", "Only those not older than so many days", days, "30", is_required=False),
        Field("size", "Only those up to", most, "10 MB", is_required=False),
    ]  # fmt: skip
    hint = "What is here stays; files that can change always come."
    form = FormDialog(f"Which files of {space.title} come here", fields, hint)
    said = await app.push_screen_wait(form)
    if said is None:
        return
    wanted = policy_of(said)
    await app.link.call("space.set_fetch", space=space.id, **wanted.params)
    app.link.refresh()
    app.notify(f"{space.title} fetches {wanted.words} from now on", markup=False)
