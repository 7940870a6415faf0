"""The command line: `epochline ls | show | why | history | plot | verify | restore | demo`.

Thin: arguments in, values of the query API out as text, tables or JSON. It imports no Keras; only
the demo, which trains, does so when it runs.
"""

from epochline.cli.main import main

__all__ = ["main"]
