"""Keys of JSON objects while they are written: a schema cannot forbid that one comes twice."""

from __future__ import annotations

from dataclasses import dataclass, field

UNKNOWN = "\ufffd"  # stands for bytes that are no character yet: keys with it are not compared


@dataclass
class KeyReader:
    """Reads the text of one JSON value as it grows, and knows the keys of every open object."""

    stack: list[set[str] | None] = field(default_factory=list[set[str] | None])  # None: an array
    repeated: bool = False
    _string: str | None = None  # the string being written
    _escaped: bool = False
    _is_key: bool = False  # whether that string is a key, or the next one will be

    def feed(self, text: str) -> None:
        """Go on by ``text``."""
        for letter in text:
            if self._string is not None:
                self._in_string(letter)
            elif letter == '"':
                self._string = ""
            elif letter in "{[":
                self.stack.append(set() if letter == "{" else None)
                self._is_key = letter == "{"
            elif letter in "}]":
                if self.stack:
                    self.stack.pop()
                self._is_key = False
            elif letter == ",":
                self._is_key = bool(self.stack) and self.stack[-1] is not None

    def _in_string(self, letter: str) -> None:
        assert self._string is not None
        if self._escaped or letter != '"':
            self._escaped = letter == "\\" and not self._escaped
            self._string += letter
            return
        keys = self.stack[-1] if self.stack else None
        if self._is_key and keys is not None:
            self.repeated |= self._string in keys and UNKNOWN not in self._string
            keys.add(self._string)
        self._string, self._is_key = None, False

    @property
    def in_new_key(self) -> bool:
        """Whether a key is being written, or comes next, in an object that has others."""
        return self._is_key and bool(self.stack and self.stack[-1])

    def may_repeat(self, text: str) -> bool:
        """Whether going on by ``text`` writes a key that is there, or the beginning of one."""
        keys = self.stack[-1] if self.in_new_key else None
        if keys is None:
            return False
        written = self._string
        if written is None:
            _, quote, text = text.partition('"')
            if not quote:
                return False
            written = ""
        begun = written + text
        return any((key + '"').startswith(begun) or begun.startswith(key + '"') for key in keys)
