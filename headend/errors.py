class HeadendError(Exception):
    """Root of every error this package raises; the command line shows its text and ends with `exit_code`."""

    #: 1 failed, 2 usage or configuration, 3 meter not reachable, 4 refused by a rule, 5 outcome unknown
    exit_code = 1
