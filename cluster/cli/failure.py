"""The failure of a command that its user can do something about."""


class CommandError(Exception):
    """Printed as one line: what is wrong and what to do next; the command has changed nothing, or says what."""
