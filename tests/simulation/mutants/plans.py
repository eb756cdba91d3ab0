"""Plans that kill mutants: small worlds in which wrong code shows for certain, or nearly so.

They break no promise by themselves. What once did stands in `regressions`, and kills some too.
"""

from __future__ import annotations

from sila_daemon.store.fetch_policy import FetchPolicy
from tests.simulation.fetching import Fetcher
from tests.simulation.mutants.small_plan import small_plan, written_before_power_cuts
from tests.simulation.plan import Action, Plan
from tests.simulation.surroundings import Surroundings
from tests.simulation.topology import Topology


def _after_a_restore(kind: str) -> Plan:
    """Has a server that went back hear others first, at the places of what it lost."""
    return small_plan(
        Action(0.5, kind, 0, 0.25, 0.0),
        Action(1.0, "set", 0, 0.1, 0.2),
        Action(1.3, "set", 0, 0.1, 0.2),
        Action(2.0, "kill", 0, 0.9, 0.2),
        Action(2.0, "kill", 1, 0.9, 0.2),
        Action(6.0, "forge", 0, 0.01, 0.2),
        Action(8.0, "forge", 0, 0.01, 0.3),
        Action(14.0, "set", 0, 0.1, 0.2),
    )


# The first device empties the space; the second is asked, and is asked again after it died.
MASS_DELETION = small_plan(
    Action(40.0, "wipe", 0, 0.0, 0.0),
    Action(45.0, "require_held", 1, 0.0, 0.0),
    Action(46.0, "kill", 1, 0.1, 0.0),
    Action(60.0, "require_held", 1, 0.0, 0.0),
    is_guarded=True,
)

# The second device leaves files where they are, and somebody there asks for them.
FILES_ON_DEMAND = small_plan(
    Action(1.0, "command_put", 0, 0.1, 0.2),
    Action(2.0, "command_put", 0, 0.5, 0.7),
    *(Action(6.0 + n, "command_fetch", 1, 0.3 * n, 0.1) for n in range(4)),
    fetchers=(Fetcher(1, FetchPolicy(on_demand=True)),),
)

# The limit is such that some files come and others do not.
SMALL_FILES_ONLY = small_plan(
    *(Action(1.0 + n, "command_put", 0, 0.1 * n, 0.7 * n % 1) for n in range(9)),
    fetchers=(Fetcher(1, FetchPolicy(up_to_bytes=512)),),
)

# A write fails within a line, and the next one goes behind it; somebody looks before it is read.
TORN_LINE = small_plan(
    Action(3.0, "disk_error", 0, 0.051, 0.1829),
    Action(3.1, "set", 0, 0.0, 0.0),
    Action(5.1, "set", 0, 0.0, 0.0),
    *(Action(round(3.2 + 0.2 * n, 1), "inspect", 0, 0.0, 0.0) for n in range(30)),
    hint_loss=1.0,
)

ONE_CHANGE = small_plan(Action(1.0, "set", 0, 0.1, 0.2))

# Only the hostile client holds what it was told is committed, when the server's machine dies.
COMMITS_AND_POWER_CUTS = small_plan(
    *(
        action
        for n in range(4)
        for action in (
            Action(1.0 + 7 * n, "kill", 0, 0.3, 0.1),
            Action(1.0 + 7 * n, "kill", 1, 0.3, 0.1),
            Action(1.1 + 7 * n, "forge", 0, 0.01, 0.1),
            Action(round(1.5 + 7.01 * n, 3), "server_power_cut", 0, 0.1, 0.1),
        )
    )
)

# The server dies while a change is on its way to it.
CHANGES_AND_SERVER_KILLS = small_plan(
    *(
        action
        for n in range(4)
        for action in (
            Action(1.0 + 5 * n, "set", 0, 0.1 * n, 0.2),
            Action(round(1.01 + 5.01 * n, 3), "server_kill", 0, 0.1, 0.1),
        )
    )
)

# The daemon dies about when a change arrives from a server.
ARRIVALS_AND_KILLS = small_plan(
    *(
        action
        for n in range(6)
        for action in (
            Action(1.0 + 4 * n, "set", 0, 0.1 * n, 0.2),
            Action(round(1.04 + 4.015 * n, 3), "kill", 1, 0.01, 0.1),
        )
    )
)

# The disk refuses something while a chat is made: each time something later.
CHATS_AND_DISK_ERRORS = small_plan(
    *(
        action
        for n in range(14)
        for action in (
            Action(1.0 + 4 * n, "disk_error", 0, 0.001, round(0.0668 * n, 4)),
            Action(1.001 + 4 * n, "chat_new", 0, 0.1, 0.2),
        )
    )
)

# The daemon dies just before it appends anything of what was saved.
APPENDS_AND_KILLS = small_plan(
    *(
        action
        for n in range(3)
        for action in (
            Action(1.0 + 4 * n, "crash_at_append", 0, 0.9 - 0.1 * n, 0.0),
            Action(1.2 + 4 * n, "burst", 0, 0.1 * n, 0.2),
        )
    )
)

# The daemon dies in the midst of an append, anywhere, and says soon after how things stand.
CUT_APPENDS = small_plan(
    *(
        action
        for n in range(5)
        for action in (
            Action(1.0 + 10 * n, "crash_at_append", 0, 0.31, 0.1 + 0.17 * n),
            Action(1.1 + 10 * n, "burst", 0, 0.1 * n, 0.2),
            Action(7.0 + 10 * n, "inspect", 0, 0.0, 0.0),
        )
    )
)

# No event tells of what the other program writes.
UNHEARD_FILES = small_plan(
    *(Action(1.0 + 3 * n, "app_file", 0, 0.1 + 0.2 * n, 0.2) for n in range(4)),
    has_app=True,
    hint_loss=1.0,
)
UNHEARD_PROGRAM = small_plan(
    Action(1.0, "app_set", 0, 0.1, 0.2),
    Action(2.0, "app_create", 0, 0.3, 0.4),
    Action(4.0, "app_set", 0, 0.6, 0.7),
    has_app=True,
    hint_loss=1.0,
)

# A device without a server gets a change in a conflict copy only.
CONFLICT_COPY_ALONE = small_plan(
    *(
        Action(1.0 + 3 * n, "set" if n % 2 else "new_tree", 0, round(0.1 * n, 1), 0.2)
        for n in range(6)
    ),
    seed=25,
    topology=Topology(servers=1, mirrors=((0,), ())),
    around=Surroundings(carried=(0, 1)),
)

# A device without a server gets files in pieces, and is asked how it is doing in between.
CUT_FILES = small_plan(
    *(
        action
        for n in range(8)
        for action in (
            Action(1.0 + 25 * n, "app_file", 0, round(0.1 * n + 0.03, 2), round(0.3 + 0.07 * n, 2)),
            *(Action(12.0 + 25 * n + 2 * m, "inspect", 1, 0.0, 0.0) for m in range(6)),
        )
    ),
    seed=1,
    has_app=True,
    topology=Topology(servers=1, mirrors=((0,), ())),
    around=Surroundings(carried=(0, 1)),
)

# Two devices share a carrier, and a third has files that this carrier never brings.
FILES_FROM_ELSEWHERE = small_plan(
    *(Action(1.0 + 3 * n, "command_put", 2, round(0.1 + 0.2 * n, 2), 0.1) for n in range(4)),
    devices=3,
    seed=1,
    around=Surroundings(carried=(0, 1)),
)

# Somebody may only look for a while, and edits all the same.
EDITS_OF_A_VIEWER = small_plan(
    Action(1.0, "make_viewer", 1, 0.8, 0.0),
    Action(3.0, "set", 1, 0.1, 0.2),
    Action(12.0, "inspect", 1, 0.0, 0.0),
)

# Something of each kind comes long after everybody has compared everything.
NEWS = small_plan(
    Action(2.0, "secret", 0, 0.1, 0.2),
    Action(3.0, "set", 0, 0.1, 0.2),
)

REMOVED_SECRET = small_plan(
    Action(1.0, "secret", 0, 0.1, 0.2),
    Action(4.0, "unsecret", 0, 0.1, 0.2),
    Action(12.0, "set", 0, 0.1, 0.2),
)

# A backup of the server holds a removal; the value was removed and set again since.
OLDER_REMOVAL = small_plan(
    Action(1.0, "secret", 0, 0.1, 0.2),
    Action(3.0, "unsecret", 0, 0.1, 0.2),
    Action(6.0, "server_restored_openly", 0, 0.6, 0.05),
    Action(6.5, "secret", 0, 0.1, 0.3),
    Action(8.5, "unsecret", 0, 0.1, 0.3),
    Action(10.5, "secret", 0, 0.1, 0.4),
    Action(22.0, "set", 0, 0.1, 0.2),
)

SECRETS_AND_POWER_CUTS = written_before_power_cuts("app_secret")

# A secrets file of earlier comes back.
OLDER_SECRETS = small_plan(
    Action(1.0, "secret", 0, 0.1, 0.2),
    Action(2.0, "secret", 1, 0.1, 0.2),
    Action(5.0, "app_secret", 0, 0.1, 0.2),
    Action(5.1, "folder_restored", 0, 0.5, 0.1),
    Action(6.0, "secret", 0, 0.3, 0.3),
    Action(9.0, "app_secret", 0, 0.2, 0.1),
    Action(16.0, "set", 0, 0.1, 0.1),
    has_app=True,
)

# A folder goes back to before some vertices were made.
OLDER_FOLDER = small_plan(
    Action(0.5, "folder_restored", 0, 0.4, 0.02),
    Action(1.0, "create", 0, 0.1, 0.2),
    Action(1.1, "create", 0, 0.1, 0.9),
    Action(9.0, "set", 0, 0.1, 0.1),
)

OLDER_SERVER = _after_a_restore("server_restored")
OLDER_SERVER_TOLD = _after_a_restore("server_restored_openly")

# A device is away while others edit.
AWAY_FOR_A_WHILE = small_plan(
    Action(1.0, "kill", 1, 0.3, 0.2),
    Action(2.0, "set", 0, 0.1, 0.2),
    Action(3.0, "set", 0, 0.1, 0.2),
)

# The same, and it loses its store.
AWAY_WITHOUT_STORE = small_plan(
    Action(1.0, "set", 0, 0.1, 0.2),
    Action(3.0, "kill", 1, 0.5, 0.2),
    Action(3.1, "store_deleted", 1, 0.5, 0.2),
    Action(4.0, "set", 0, 0.1, 0.2),
    Action(12.0, "set", 0, 0.1, 0.2),
)

# A device without a folder edits while the server is away; then pages of its store are damaged.
AWAY_AND_DAMAGED = small_plan(
    *(
        action
        for n in range(5)
        for action in (
            Action(1.0 + 14 * n, "server_kill", 0, 0.99, 0.5),
            Action(1.5 + 14 * n, "burst", 1, round(0.1 + 0.15 * n, 2), 0.2),
            Action(1.9 + 14 * n, "set", 1, round(0.1 + 0.15 * n, 2), 0.4),
            Action(round(2.5 + 14 * n, 3), "store_damaged", 1, 0.1, round(0.1 + 0.17 * n, 2)),
        )
    ),
    seed=3,
    topology=Topology(servers=1, mirrors=((0,), (0,)), folderless=(1,)),
)

# A hostile client says other things under ids that were used.
TWINS = small_plan(Action(1.0, "forge", 0, 0.4, 0.2), Action(2.0, "forge", 0, 0.4, 0.3))

# A tree is let go of after live state, and loaded for the next edit.
LIVE_STATE = small_plan(
    Action(1.0, "set", 0, 0.1, 0.2),
    Action(1.5, "live", 0, 0.1, 0.2),
    Action(1.6, "live", 0, 0.2, 0.2),
    Action(12.0, "set", 0, 0.1, 0.2),
    Action(12.1, "set", 0, 0.1, 0.9),
)

# Tokens end after two seconds.
SHORT_TOKENS = small_plan(*(Action(1.0 + 3 * n, "set", 0, 0.1, 0.2) for n in range(8)), token_s=2)

# Both devices mirror to an original server too, and one hears from there what the other sent.
ORIGINAL_IS_HEARD = small_plan(
    *(Action(4.0 + 4 * n, "set", 0, 0.1, 0.1 * n) for n in range(6)),
    *(
        Action(4.0 + 4 * n + 0.1 * late, "inspect", 0, 0.1, 0.1)
        for n in range(6)
        for late in range(1, 6)
    ),
    topology=Topology(2, ((0,), (1,))),
    originals=(0, 1),
)

# What comes to an original server does not come into its memory.
ORIGINAL_HIDES = small_plan(
    Action(1.0, "original_hide", 0, 0.99, 0.1),
    Action(2.0, "set", 0, 0.1, 0.2),
    Action(2.5, "create", 0, 0.1, 0.2),
    Action(31.0, "inspect", 0, 0.1, 0.1),
    originals=(0,),
)

# The files of an original server are put back to how they were.
ORIGINAL_PUT_BACK = small_plan(
    Action(5.0, "original_put_back", 0, 0.1, 0.1),
    Action(6.0, "create", 0, 0.1, 0.2),
    Action(7.0, "set", 0, 0.1, 0.2),
    Action(20.0, "original_put_back", 0, 0.1, 0.1),
    originals=(0,),
)
