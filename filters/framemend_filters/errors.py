"""The family of errors that framemend raises: one root, each also the builtin that a caller would catch.

FramemendError
├── SettingError   (ValueError)         wrong use: a setting out of range, options that contradict each other
├── ModelError     (ValueError)         no such model, or weights that are not safetensors
├── InputError     (ValueError)         media that cannot be used
│   └── InputNotFound (FileNotFoundError)
├── OutputError    (OSError)            the result could not be written
└── OutOfMemory    (MemoryError)        a device has too little memory, whatever the tiles
"""

from __future__ import annotations


class FramemendError(Exception):
    """Root of all errors that framemend raises on purpose. The text says what was wrong, the value found, what would work."""

    exit_status = 1


class SettingError(FramemendError, ValueError):
    """A setting or option is wrong."""

    exit_status = 2


class ModelError(FramemendError, ValueError):
    """A model is unknown, or its files are not what they should be."""

    exit_status = 2


class InputError(FramemendError, ValueError):
    """The media handed in cannot be repaired."""


class InputNotFound(InputError, FileNotFoundError):
    """There is no file of the name given."""


class OutputError(FramemendError, OSError):
    """The result cannot be written."""


class OutOfMemory(FramemendError, MemoryError):
    """A device has too little memory even for the smallest tiles."""
