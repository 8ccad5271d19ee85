"""A translator that is a program of its own."""

from __future__ import annotations

import shlex
import subprocess

from polyalign.core.errors import ConfigError, DataError


class Command:
    """A translator that is a command: it reads lines and writes as many.

    Args:
        command: The program and its arguments, quoted as in a shell, which is not there.

    Raises:
        ConfigError: No command.

    Example:
        >>> Command("cat")(["one", "", "two"])
        ['one', '', 'two']
    """

    def __init__(self, command: str) -> None:
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise ConfigError(
                f"--translator: found {command!r}, which is no command ({error}); close its quotes"
            ) from None
        if not self.words:
            raise ConfigError("--translator: found nothing, expected a command such as 'my-translator --to fr'")

    def __call__(self, texts: list[str], /) -> list[str]:
        """The translations.

        Raises:
            ConfigError: The program cannot be run.
            DataError: It fails, or writes other than a line of UTF-8 for each it read.
        """
        if not texts:
            return []
        text = "".join(t + "\n" for t in texts).encode("utf-8")
        try:
            done = subprocess.run(self.words, input=text, stdout=subprocess.PIPE, check=False)
        except OSError as error:
            raise ConfigError(
                f"--translator: {self.words[0]} cannot be run ({error.strerror}); check that it is installed and on the PATH"
            ) from None
        if done.returncode:
            raise DataError(
                f"--translator: {self.words[0]} ended with status {done.returncode}, expected 0; see what it said above"
            )
        try:
            lines = done.stdout.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise DataError(f"--translator: {self.words[0]} wrote something else than UTF-8 text") from None
        if lines[-1] == "":
            lines.pop()
        if len(lines) != len(texts):
            raise DataError(
                f"--translator: {self.words[0]} wrote {len(lines):,} lines, expected {len(texts):,}, one for each line it read"
            )
        return [line.removesuffix("\r") for line in lines]
