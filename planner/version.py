"""The version, in one place: the wheel and `--version` read it."""

VERSION = "0.2.0"
