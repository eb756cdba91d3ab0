"""Plans that kill mutants which harm files on their way, see `plans`."""

from __future__ import annotations

from tests.simulation.mutants.small_plan import small_plan, written_before_power_cuts
from tests.simulation.plan import Action, Plan
from tests.simulation.topology import Topology

# The machine dies while it takes in a file.
FILES_AND_POWER_CUTS = small_plan(
    *(
        action
        for n in range(10)
        for action in (
            Action(1.0 + 4 * n, "command_put", 0, round(0.05 + 0.09 * n, 3), 0.1),
            Action(1.0 + 4 * n, "crash_at_step", 0, 0.1, round(0.05 + 0.09 * n, 3)),
        )
    ),
    seed=2,
)

# The server dies while a file is on its way to it.
FILES_AND_SERVER_KILLS = small_plan(
    *(
        action
        for n in range(6)
        for action in (
            Action(1.0 + 8 * n, "command_put", 0, round(0.1 + 0.13 * n, 3), 0.1),
            Action(round(1.02 + 8.015 * n, 3), "server_kill", 0, 0.1, 0.1),
        )
    ),
    seed=2,
)

# Files that were brought while nobody was reached go up together, and not all the way.
PACKS_THAT_BREAK_OFF = small_plan(
    Action(0.5, "server_stop", 0, 0.3, 0.1),
    *(Action(1.0 + 0.2 * n, "command_put", 0, 0.1 * n, 0.37 * n % 1) for n in range(8)),
    Action(1.0, "lost_answers", 0, 0.99, 0.99),
    Action(30.0, "inspect", 0, 0.1, 0.1),
)

# Files of 2,500 bytes, which is large here, and of which many break off on their way. Wrong bytes
# under a right name are soon found by the mirror, so it is looked for them all the time.
_LARGE = (0.008, 0.009, 0.01, 0.029, 0.031, 0.033, 0.038, 0.042, 0.064, 0.07)
LARGE_FILES_THAT_BREAK_OFF = small_plan(
    Action(0.9, "lost_answers", 0, 0.99, 0.99),
    *(
        action
        for n, content in enumerate(_LARGE)
        for action in (
            Action(1.0 + n, "command_put", 0, 0.1, content),
            *(Action(round(1.02 + n + 0.04 * m, 2), "inspect", 1, 0.1, 0.1) for m in range(24)),
        )
    ),
    *(Action(round(11.0 + 0.04 * n, 2), "inspect", 1, 0.1, 0.1) for n in range(125)),
    is_tight=True,
)

FILE_IN_TWO_PLACES = Plan(
    seed=77,
    devices=2,
    has_app=True,
    first_in_first_out=False,
    delay_s=0.001,
    hint_loss=0.0,
    actions=(
        Action(2.0, "app_var", 0, 0.1, 0.2),
        Action(8.0, "app_var", 0, 0.1, 0.5),
        Action(9.0, "app_var", 0, 0.1, 0.6),
        Action(14.0, "server_restored", 0, 0.7, 0.1),
        Action(20.0, "app_var", 0, 0.1, 0.7),
        Action(26.0, "app_var", 0, 0.1, 0.9),
        Action(30.0, "set", 0, 0.3, 0.3),
    ),
)
"""A server is put back to what it had of a file that goes on changing here."""

CONTENTS_AND_POWER_CUTS = written_before_power_cuts("app_var")

# One of two servers is away for the second content of a file. Then a device that has lost its store
# takes the first one from there, and carries it to the other server; a device that comes a moment
# later knows better, and carries the second one here. Each then hears of what the other brought.
CROSSING_CONTENTS = small_plan(
    Action(0.5, "partition", 1, 0.49, 0.0015),
    Action(1.0, "app_var", 0, 0.1, 0.195),
    Action(8.0, "server_kill", 0, 0.4167, 0.0015),
    Action(8.5, "app_var", 0, 0.1, 0.0),
    Action(12.0, "store_deleted", 0, 0.0917, 0.1),
    Action(12.0, "kill", 1, 0.2167, 0.1),
    Action(20.0, "inspect", 0, 0.1, 0.1),
    has_app=True,
    delay_s=0.2,
    topology=Topology(servers=2, mirrors=((0, 1), (0, 1))),
)
