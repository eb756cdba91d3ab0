"""The command line of sila-daemon: arguments in, one call, a result out. No logic of its own."""
