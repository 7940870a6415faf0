"""The reference of the command line, as Markdown, from the parser itself.

`python -m epochline.cli.reference > docs/cli.md` writes it; a test compares. argparse's own help
differs between versions of Python, so it is not used.
"""

from __future__ import annotations

import argparse

from epochline.cli.parser import NAMES, build_parser, command

__all__ = ["reference"]

_INTRO = """\
# Command line

<!-- Written by `python -m epochline.cli.reference > docs/cli.md`; do not edit. -->

"""
_CONVENTIONS = """\
`epochline COMMAND --help` shows the same. `python -m epochline` is `epochline`.

Conventions: epochs are those that Keras prints, from 1. Tables are never cut when the output is not
a terminal; `NO_COLOR` turns colours off. JSON has no NaN: a number that is not finite is the string
`"NaN"`, `"Infinity"` or `"-Infinity"`. In JSON `epoch` is zero-based, as in Python, and
`printed_epoch` is what Keras prints; times are seconds since 1970-01-01 UTC; keys are only ever
added.
"""


def reference() -> str:
    """Returns the whole document."""
    parser = build_parser()
    parts = [_INTRO + _paragraphs(parser.description), _paragraphs(parser.epilog), _CONVENTIONS]
    for name in NAMES:
        which = command(name)
        one = argparse.ArgumentParser(prog=f"epochline {name}", add_help=False)
        which.add_arguments(one)
        parts.append(f"## epochline {name}\n")
        parts.append(_paragraphs(which.DESCRIPTION))
        parts.append(_usage(one))
        parts.append("\n".join(_described(action) for action in _arguments(one)) + "\n")
    return "\n".join(parts)


def _paragraphs(text: str | None) -> str:
    # What describes JSON is shown as it stands.
    return "\n".join(
        f"```text\n{part}\n```\n" if "{" in part else f"{part}\n"
        for part in (text or "").split("\n\n")
    )


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 – argparse has no public way to list them


def _usage(parser: argparse.ArgumentParser) -> str:
    words = [_placed(action) for action in _arguments(parser)]
    return f"```\n{' '.join([parser.prog, *words])}\n```\n"


def _placed(action: argparse.Action) -> str:
    text = _spelled(action)
    if not action.option_strings:
        return f"[{text}]" if action.nargs == "?" else text
    return text if action.required else f"[{text}]"


def _spelled(action: argparse.Action) -> str:
    value = "|".join(action.choices) if action.choices else str(action.metavar or "")
    if action.nargs == "?" and action.option_strings:
        value = f"[{value}]"
    name = action.option_strings[-1] if action.option_strings else ""
    return " ".join(part for part in (name, value) if part)


def _described(action: argparse.Action) -> str:
    short = [f"`{name}`" for name in action.option_strings[:-1]]
    return f"- {', '.join([*short, f'`{_spelled(action)}`'])}: {action.help}"


if __name__ == "__main__":
    print(reference(), end="")
