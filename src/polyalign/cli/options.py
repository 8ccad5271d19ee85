"""A method's parameters as command-line flags, and groups whose subcommands are methods."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

import rich_click as click
from rich.markup import escape
from rich_click.utils import OptionGroupDict

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError, UnknownMethodError
from polyalign.core.params import Param

#: Runs a verb: the method, then the values of the verb's own arguments and options.
Verb = Callable[..., None]


#: What the word none stands for on the command line, where None is the absence of a flag.
NONE = object()


class JsonType(click.ParamType[Any]):
    """A value written as JSON, for parameters that are lists or tables."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value that the text stands for."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            self.fail(f"found {value!r}, expected JSON such as '[1, 2]' or '{{\"a\": 1}}'", param, ctx)


class NumberOrNone(click.ParamType[Any]):
    """A number, or the word none."""

    name = "float|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or `NONE`."""
        return NONE if value == "none" else click.FLOAT.convert(value, param, ctx)


def flag_type(kind: Any) -> click.ParamType[Any] | type:
    """The click type for a parameter's annotation."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(k for k in get_args(kind) if k is not type(None))
        if kind is float:
            return NumberOrNone()
    if get_origin(kind) is Literal:
        return click.Choice([str(a) for a in get_args(kind)])
    return kind if kind in (int, float, str, bool) else JsonType()


def option_of(param: Param) -> click.Option:
    """One parameter as an option; its absence leaves the method's own default."""
    flag = "--" + param.name.replace("_", "-")
    names = [f"{flag}/--no-{flag[2:]}"] if param.type is bool else [flag]
    kind, metavar, help = flag_type(param.type), None, escape(param.help.replace("``", "`"))
    if isinstance(kind, click.Choice) and len(kind.choices) > 3:
        # Too many for the column of types.
        metavar, help = "NAME", f"{help} One of {', '.join(kind.choices)}."
    help += "" if param.required else f" [dim](default: {_shown(param.default)})[/dim]"
    return click.Option(
        [*names, param.name], type=kind, default=None, required=param.required, help=help, metavar=metavar
    )


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return "none" if default in (None, "", {}, ()) else str(default)


def method_from(row: registry.Row, values: Mapping[str, Any]) -> Any:
    """Build a method from the flags that were given.

    Raises:
        ConfigError: A value the method refuses.
    """
    return params.build(row, {k: None if v is NONE else v for k, v in values.items() if v is not None})


class MethodGroup(click.RichGroup):
    """A verb whose subcommands are the methods of a task.

    Args:
        task: The task.
        arguments: The verb's own arguments and options, for every method.
        verb: What to do with the method built from the flags.
        usual: The method that is meant where none is named; none for that one has to be.
    """

    def __init__(
        self, *, task: str, arguments: Sequence[click.Parameter], verb: Verb, help: str, usual: str = ""
    ) -> None:
        super().__init__(
            name=task,
            help=help,
            no_args_is_help=True,
            subcommand_metavar="METHOD [ARGS]...",
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        self.task, self.arguments, self.verb, self.usual = task, list(arguments), verb, usual

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual method where the first word is no method."""
        if self.usual and args and args[0] not in ("-h", "--help", *self.list_commands(ctx)):
            args = [self.usual, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The task's methods."""
        return [row.name for row in registry.rows().values() if row.task == self.task]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A stand-in that knows what the method does, for the list; the method is not imported."""
        row = registry.rows().get(f"{self.task}/{cmd_name}")
        return click.RichCommand(name=cmd_name, short_help=registry.summary(row)) if row else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The method's own command, its parameters as flags."""
        try:
            row = registry.find(args[0], task=self.task)
        except UnknownMethodError as error:
            raise ConfigError(f"{ctx.command_path}: {error}") from None
        command = self._command(row)
        # rich-click takes panels by the command's path: the verb's own options, then the method's.
        shared = {p.name for p in self.arguments}
        options = [p for p in command.params if isinstance(p, click.Option)]
        panels: list[OptionGroupDict] = [
            {"name": "In and out", "options": [p.opts[0] for p in options if p.name in shared] + ["--help"]},
            {"name": "Parameters of the method", "options": [p.opts[0] for p in options if p.name not in shared]},
        ]
        click.rich_click.OPTION_GROUPS[f"{ctx.command_path} {row.name}"] = panels
        return row.name, command, args[1:]

    def _command(self, row: registry.Row) -> click.Command:
        own = {p.name for p in self.arguments}
        every = params.params_of(registry.load(row))
        fields = [p for p in every if p.name not in own]
        names = list(row.presets) if "preset" not in own else []
        preset = click.Option(
            ["--preset"], type=click.Choice(names), metavar="NAME",
            help=f"Parameters to begin with, one of {', '.join(names)}.",
        )  # fmt: skip

        def callback(**values: Any) -> None:
            # What the verb has for every method (a seed, say) goes to the method if it has it too.
            given = {name: values[name] for name in [*(p.name for p in every), "preset"] if name in values}
            method = method_from(row, given)
            for name in [*(p.name for p in fields), *(["preset"] if names else [])]:
                del values[name]
            self.verb(method, **values)

        return click.RichCommand(
            name=row.name,
            params=[*self.arguments, *([preset] if names else []), *(option_of(p) for p in fields)],
            callback=callback,
            help=f"{registry.summary(row)}\n\nHow it works, and the papers: polyalign show {row.id}",
        )
