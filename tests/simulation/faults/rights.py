"""Rights that are taken away, and given back after a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults.fault import later
from tests.simulation.sign_in import claims_of

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.faults.fault import Fault
    from tests.simulation.plan import Action
    from tests.simulation.server import SimServer
    from tests.simulation.world import SimWorld

WITHOUT_S_MAX = 25.0
MEMBER = "editor"


async def remove_member(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device's account is no member any more."""
    await _take(world, device, action, None)


async def make_viewer(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device's account may only look from now on."""
    await _take(world, device, action, "viewer")


async def end_session(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device is signed out by somebody else, and signs in again later."""
    server = _server(world, device, action)
    if server is None or device.credentials is None or not server.is_listening:
        return
    account = device.credentials.account(server.url)
    if account is None:
        return
    world.trace.fault(device.name, "session ended", server.name)
    session = str(claims_of(account.access).get("sid"))
    await world.rights.end_session(server, device.email, session)
    later(world, action.a * WITHOUT_S_MAX, lambda: device.sign_in(server.url))


async def _take(world: SimWorld, device: SimDevice, action: Action, role: str | None) -> None:
    server = _server(world, device, action)
    if server is None or not server.is_listening:
        return
    world.trace.fault(device.name, "made viewer" if role else "removed", server.name)
    await world.rights.set_role(server, device.email, role)
    delay_s = action.a * WITHOUT_S_MAX
    later(world, delay_s, lambda: world.rights.set_role(server, device.email, MEMBER))


def _server(world: SimWorld, device: SimDevice, action: Action) -> SimServer | None:
    """Returns one of the device's servers, if it has any."""
    urls = device.server_urls
    return world.network.servers[urls[int(action.b * 991) % len(urls)]] if urls else None


async def restore(world: SimWorld) -> None:
    """Gives everybody back what they had. Raises ViolationError for who lost it by themselves."""
    for device in world.devices:
        for url in device.server_urls:
            server = world.network.servers[url]
            if world.rights.role(server.name, device.email) != MEMBER:
                await world.rights.set_role(server, device.email, MEMBER)
            assert device.credentials is not None
            if world.rights.check_account(server, device.credentials.account(url)):
                await device.sign_in(url)


FAULTS: tuple[Fault, ...] = (remove_member, make_viewer, end_session)
