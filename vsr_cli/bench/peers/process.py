"""A contender in a process of its own, in the process group of its parent."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NoReturn, Self

import numpy as np

from vsr_cli.bench.peers.contender import Contender
from vsr_cli.errors import VsrError, typed_message

END_S = 10  # for a process to end of its own accord


class ContenderProcess:
    """Makes a contender in a new process when the context is entered, and ends it with it.

    ``make`` is called there, so it is something that can be pickled. Errors come back as what they
    are: ``ValueError`` for what cannot be, ``VsrError`` for all else.
    """

    def __init__(self, name: str, make: Callable[[], Contender]) -> None:
        self.name, self.title = name, name
        context = get_context("spawn")  # a fork would share torch's and OpenCV's threads
        self._connection, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, make), daemon=True)
        self._other: Connection[Any, Any] | None = other

    def __enter__(self) -> Self:
        self._process.start()
        if self._other is not None:
            self._other.close()  # so that its end is noticed here
            self._other = None
        try:
            self.title = self._receive()
        except BaseException:
            self._end(is_idle=False)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        self._end(is_idle=error is None)

    @property
    def pid(self) -> int | None:
        """The number of the process; None before it is started."""
        return self._process.pid

    def round(self) -> float:
        """Seconds of one round."""
        seconds: float = self._call("round")
        return seconds

    def picture(self) -> np.ndarray | None:
        """See ``Contender.picture``."""
        picture: np.ndarray | None = self._call("picture")
        return picture

    def _call(self, name: str) -> Any:
        self._connection.send(name)
        return self._receive()

    def _receive(self) -> Any:
        try:
            kind, value = self._connection.recv()
        except EOFError:
            self._process.join(END_S)
            code = self._process.exitcode
            raise VsrError(f"the process of {self.name} ended with exit code {code}") from None
        if kind == "value":
            return value
        raise (ValueError if kind == "caller" else VsrError)(value)

    def _end(self, *, is_idle: bool) -> None:
        """A process that waits for a word ends when it notices that there is nobody any more."""
        self._connection.close()
        if is_idle:
            self._process.join(END_S)
        self._process.terminate()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def serve(connection: Connection[Any, Any], make: Callable[[], Contender]) -> None:
    """Make a contender, let it warm up, and do what is asked until nobody asks any more.

    Ctrl-C is the parent's, which then ends this process; SIGTERM unwinds, so that a program that
    runs meanwhile is ended, too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    try:
        contender = make()
        contender.warm_up()
        connection.send(("value", contender.title))
        while True:
            connection.send(("value", getattr(contender, connection.recv())()))
    except (EOFError, BrokenPipeError):  # the parent is done, or gone
        return
    except ValueError as error:
        connection.send(("caller", str(error)))
    except VsrError as error:
        connection.send(("world", str(error)))
    except Exception as error:
        connection.send(("world", typed_message(error)))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is left is the end


def _unwind(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    sys.exit(0)
