"""Plans that once broke a promise, made as small as they get; each with what was wrong."""

from __future__ import annotations

from tests.simulation.habits import AppHabits
from tests.simulation.plan import Action, Plan
from tests.simulation.surroundings import Surroundings
from tests.simulation.topology import Topology

REGRESSIONS: dict[str, Plan] = {
    # What a failed sync left in the page cache was read back, and credited to the folder.
    "unsynced_lines_are_not_credited": Plan(
        seed=14,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.001,
        hint_loss=0.0,
        actions=(
            Action(16.696, "burst", 0, 0.718368, 0.930289),
            Action(24.501, "set", 0, 0.936156, 0.47719),
            Action(24.555, "disk_error", 0, 0.351984, 0.768),
            Action(25.41, "server_stop", 1, 0.646102, 0.901255),
            Action(28.255, "create", 0, 0.26689, 0.259585),
            Action(44.107, "inspect", 0, 0.755296, 0.261019),
        ),
    ),
    # The daemon died between append and sync; the next one took the page cache for the disk.
    "lines_of_a_dead_daemon_are_not_credited": Plan(
        seed=1047,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.3,
        hint_loss=0.1,
        actions=(
            Action(0.1, "create", 0, 0.29867, 0.619373),
            Action(7.035, "new_tree", 0, 0.003539, 0.903062),
            Action(9.595, "set", 1, 0.682656, 0.517171),
            Action(12.034, "burst", 0, 0.836066, 0.11655),
            Action(13.196, "crash_at_step", 0, 0.83508, 0.999396),
            Action(18.17, "create", 1, 0.971258, 0.744079),
            Action(20.27, "create", 1, 0.337908, 0.161797),
            Action(22.932, "crash_at_step", 0, 0.421053, 0.141897),
            Action(30.967, "set", 0, 0.920636, 0.749536),
        ),
    ),
    # Never wrong in the code: a daemon that dies between append and sync, and is asked soon after.
    "lines_read_back_are_synced_first": Plan(
        seed=1047,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.001,
        hint_loss=0.1,
        actions=(
            Action(1.0, "set", 0, 0.1, 0.1),
            Action(5.0, "crash_at_append", 0, 0.7, 0.4),
            Action(5.1, "burst", 0, 0.3, 0.3),
            Action(14.0, "inspect", 0, 0.0, 0.0),
        ),
    ),
    # A server put a change off, and had got it from another device before it was sent again: the
    # debt was paid, and counted for ever.
    "a_debt_that_another_paid_is_no_debt": Plan(
        seed=82,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "server_disk_error", 0, 0.001, 0.0014),
            Action(1.5, "set", 0, 0.1, 0.2),
            Action(2.5, "set", 0, 0.1, 0.2),
            Action(3.5, "set", 0, 0.1, 0.2),
        ),
        topology=Topology(servers=2, mirrors=((0, 1), (0, 1))),
    ),
    # Never wrong in the code, and too rare for the seeds: a disk that is full within a line.
    "a_torn_line_is_closed": Plan(
        seed=0,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.001,
        hint_loss=0.0,
        actions=(
            Action(3.0, "disk_error", 0, 0.051, 0.1829),
            Action(3.1, "set", 0, 0.0, 0.0),
            Action(5.1, "set", 0, 0.0, 0.0),
        ),
    ),
    # Two servers brought the same ops, and status went on to say that they wait for the second.
    "what_came_from_two_servers_is_owed_to_none": Plan(
        seed=66,
        devices=6,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=1.0,
        actions=(),
        topology=Topology(
            servers=2, mirrors=((0, 1), (0, 1), (0, 1), (0,), (0, 1), (0, 1)), folderless=(1,)
        ),
        around=Surroundings(has_threads=True),
    ),
    # The disk refused a deleted store its directory, and the mirror was never seen again.
    "a_store_that_has_no_directory_is_tried_again": Plan(
        seed=84,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.001,
        hint_loss=0.0,
        actions=(
            Action(1.0, "store_deleted", 1, 0.1, 0.956588),
            Action(1.5, "disk_error", 1, 0.5, 0.0),
            Action(9.0, "inspect", 0, 0.0, 0.0),
        ),
    ),
    # Never wrong in the code: a power cut between what was just saved and its way into the folder.
    "what_is_saved_outlasts_a_power_cut": Plan(
        seed=1,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.001,
        hint_loss=0.0,
        actions=(
            Action(1.0, "server_kill", 0, 0.9, 0.0),
            Action(1.5, "set", 0, 0.1, 0.3),
            Action(1.6, "set", 0, 0.1, 0.9),
            Action(1.61, "power_cut", 0, 0.02, 0.1),
            Action(4.5, "set", 0, 0.2, 0.3),
            Action(4.6, "set", 0, 0.2, 0.5),
            Action(4.61, "power_cut", 0, 0.02, 0.2),
        ),
    ),
    # Never wrong in the code: a server refuses a batch whole, for one op in it.
    "a_batch_outlives_a_refusal": Plan(
        seed=5,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "poison", 0, 0.5, 0.0),
            Action(1.5, "burst", 0, 0.7, 0.9),
            Action(4.0, "set", 0, 0.1, 0.2),
            Action(9.0, "inspect", 0, 0.0, 0.0),
        ),
    ),
    # Never wrong in the code: a server dies of one op of a batch, as often as it comes.
    "a_server_dies_of_one_op": Plan(
        seed=5,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "poison", 0, 0.1, 0.0),
            Action(1.5, "burst", 0, 0.7, 0.9),
            Action(9.0, "set", 0, 0.1, 0.2),
            Action(60.0, "inspect", 0, 0.0, 0.0),
        ),
    ),
    # Never wrong in the code: a machine goes back behind what its server has of it, and edits on.
    "a_machine_that_went_back_edits_on": Plan(
        seed=0,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "machine_rolled_back", 1, 0.3, 0.02),
            Action(1.5, "set", 1, 0.1, 0.3),
            Action(1.6, "set", 1, 0.2, 0.9),
            Action(3.3, "server_kill", 0, 0.9, 0.0),
            Action(4.0, "set", 1, 0.4, 0.5),
            Action(4.1, "set", 1, 0.6, 0.1),
            Action(4.2, "set", 1, 0.6, 0.7),
            Action(9.0, "set", 0, 0.2, 0.2),
        ),
    ),
    # What another program had not ended its line of was credited to the folder, which then went
    # back to before that line: only the store held the change, and nobody noticed.
    "a_line_without_its_end_may_go_again": Plan(
        seed=3,
        devices=2,
        has_app=True,
        first_in_first_out=False,
        delay_s=0.001,
        hint_loss=0.0,
        actions=(
            Action(1.0, "app_set", 0, 0.1, 0.3),
            Action(1.5, "folder_restored", 0, 0.14, 0.02),
            Action(1.9, "app_set", 0, 0.1, 0.4),
            Action(9.0, "set", 0, 0.2, 0.2),
        ),
        around=Surroundings(app=AppHabits(syncs=True, ends_lines_late=True)),
    ),
    # What stood for the secrets file was not seen: they were taken for absent, and all for well.
    "secrets_that_were_not_brought_are_waited_for": Plan(
        seed=116,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "secret", 0, 0.1, 0.2),
            Action(14.0, "inspect", 1, 0.0, 0.0),
            Action(18.0, "inspect", 1, 0.0, 0.0),
            Action(22.0, "inspect", 1, 0.0, 0.0),
            Action(26.0, "inspect", 1, 0.0, 0.0),
        ),
        topology=Topology(servers=1, mirrors=((0,), ())),
        around=Surroundings(carried=(0, 1)),
    ),
    # Never wrong in the code: a viewer happened to forge the very op that somebody had made.
    "a_forgery_may_be_what_somebody_said": Plan(
        seed=3,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "create", 0, 0.1, 0.2),
            Action(1.5, "delete", 0, 0.1, 0.2),
            Action(2.0, "forge_as_viewer", 1, 0.4, 0.0),
            Action(3.0, "forge_as_viewer", 1, 0.4, 0.1),
            Action(4.0, "forge_as_viewer", 1, 0.4, 0.2),
            Action(5.0, "forge_as_viewer", 1, 0.4, 0.3),
            Action(6.0, "forge_as_viewer", 1, 0.4, 0.4),
            Action(7.0, "forge_as_viewer", 1, 0.4, 0.5),
            Action(8.0, "forge_as_viewer", 1, 0.4, 0.6),
            Action(9.0, "forge_as_viewer", 1, 0.4, 0.7),
        ),
    ),
    # A download that found the folder away was taken for a file that the server does not have:
    # it was not asked for again once the folder was back, and the mirror said `current`.
    "a_file_that_found_the_folder_away_comes": Plan(
        seed=3024,
        devices=4,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.3,
        hint_loss=0.1,
        actions=(
            Action(6.723, "machine_rolled_back", 0, 0.165408, 0.439366),
            Action(7.017, "command_put", 0, 0.005932, 0.154946),
            Action(12.167, "crash_at_file", 0, 0.453936, 0.259371),
            Action(24.815, "folder_away", 0, 0.855942, 0.731159),
            Action(28.676, "set", 0, 0.113565, 0.5654),
        ),
        topology=Topology(servers=1, mirrors=((0,), (0,), (0,), (0,))),
    ),
    # A server that was closing its spaces opened one beside for a client that came just then: two
    # connections wrote one database, and only SQLite's own locks stood between them.
    "a_server_that_stops_opens_nothing_beside": Plan(
        seed=3350,
        devices=2,
        has_app=False,
        first_in_first_out=True,
        delay_s=0.02,
        hint_loss=1.0,
        actions=(Action(0.37, "server_stop", 1, 0.978876, 0.902425),),
        topology=Topology(servers=1, mirrors=((0,), (0,)), folderless=(1,)),
        around=Surroundings(has_threads=True, app=AppHabits(compacts=True)),
        token_s=60,
    ),
    # A file was gone, written to again, and then put back as it was known, all between two looks:
    # what was appended meanwhile was gone, and nothing told so.
    "a_file_put_back_as_it_was_known_lacks_what_came_meanwhile": Plan(
        seed=3701,
        devices=2,
        has_app=True,
        first_in_first_out=True,
        delay_s=0.001,
        hint_loss=1.0,
        actions=(
            Action(1.883, "new_tree", 1, 0.568401, 0.18779),
            Action(3.316, "new_tree", 1, 0.35457, 0.152055),
            Action(17.17, "folder_restored", 0, 0.704582, 0.819237),
            Action(20.705, "set", 0, 0.969163, 0.859267),
            Action(21.29, "folder_restored", 0, 0.967337, 0.975794),
            Action(27.077, "set", 0, 0.927249, 0.540309),
            Action(27.761, "app_create", 1, 0.818812, 0.073873),
        ),
        around=Surroundings(has_threads=True, app=AppHabits(compacts=True)),
    ),
    # Two devices carried two contents of a file to where the other one was, in step and for ever.
    # Found under seed 30147; files have travelled at other moments since.
    "two_contents_do_not_change_places": Plan(
        seed=19,
        devices=2,
        has_app=True,
        first_in_first_out=False,
        delay_s=0.3,
        hint_loss=0.1,
        actions=(
            Action(1.237, "set", 0, 0.108752, 0.674708),
            Action(1.294, "new_tree", 0, 0.184191, 0.349965),
            Action(1.317, "app_var", 1, 0.025917, 0.549957),
            Action(1.379, "app_set", 0, 0.316452, 0.501537),
            Action(1.852, "new_tree", 1, 0.344329, 0.281234),
            Action(1.857, "move", 1, 0.888207, 0.792263),
            Action(1.935, "app_file", 1, 0.82713, 0.603033),
            Action(2.052, "new_tree", 0, 0.497153, 0.804175),
            Action(2.268, "original_set", 0, 0.717232, 0.657331),
            Action(2.462, "command_fetch", 0, 0.159504, 0.71354),
            Action(3.722, "app_set", 0, 0.310558, 0.502125),
            Action(4.034, "app_create", 0, 0.1987, 0.285444),
            Action(4.116, "app_var", 1, 0.593782, 0.795262),
            Action(4.129, "create", 0, 0.255005, 0.426102),
            Action(4.302, "server_restored", 0, 0.085631, 0.533058),
            Action(4.361, "delete", 0, 0.380097, 0.63846),
            Action(4.425, "secret", 1, 0.04528, 0.367931),
            Action(4.807, "set", 1, 0.535692, 0.347931),
            Action(4.839, "command_fetch", 1, 0.5878, 0.600253),
            Action(5.474, "original_set", 1, 0.722125, 0.992936),
            Action(5.806, "set", 1, 0.181465, 0.537853),
            Action(6.084, "delete", 1, 0.088551, 0.65283),
            Action(6.223, "set", 1, 0.208387, 0.485588),
            Action(6.298, "create", 0, 0.354818, 0.587616),
            Action(7.272, "store_damaged", 0, 0.413365, 0.328815),
            Action(7.284, "app_create", 1, 0.537403, 0.516467),
            Action(7.328, "secret", 0, 0.44276, 0.447766),
        ),
        topology=Topology(servers=2, mirrors=((0, 1), (0, 1)), folderless=(1,)),
        around=Surroundings(has_threads=True, app=AppHabits(syncs=True, ends_lines_late=True)),
    ),
    # Never wrong in the code: another device's store and folder were copied over what a viewer had
    # edited. Nobody holds that any more, so nothing waits. Found under seed 358 with Python 3.13.
    "what_a_copy_overwrote_waits_for_nobody": Plan(
        seed=358,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=(
            Action(1.0, "make_viewer", 1, 0.99, 0.0),
            Action(3.0, "set", 1, 0.1, 0.2),
            Action(8.0, "cloned", 0, 0.1, 0.0),
            Action(18.0, "inspect", 1, 0.0, 0.0),
        ),
    ),
}
