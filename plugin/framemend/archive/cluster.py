"""Repairs segments on Ray: on this machine, or on a cluster that reads the input under the same path.

Ray does what a film archive needs of many machines: it places makers, restarts them where one dies, and carries the
finished segments back. They are joined here, by the same code as those of this machine's processes.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framemend_filters.errors import FramemendError, OutputError, SettingError

from .crew import Crew, Event
from .job import count_threads, use_threads
from .work import SegmentMaker

if TYPE_CHECKING:
    from .store import SegmentStore

CONNECT_TRIES = 3


class RayCrew(Crew):
    """One Ray actor a maker."""

    def __init__(
        self, args: argparse.Namespace, store: SegmentStore, segments: Sequence[int] | None, note: Callable[[str], None]
    ) -> None:
        """args: of `framemend repair`; without --workers there is a maker for each CPU (each GPU where there are some).

        Raises SettingError where Ray is not installed or the address is wrong, OutputError where it cannot be reached.
        """
        self._ray = _connect(args.distributed, args.workers, count_threads(args))
        resources = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if args.device in ("auto", "cuda") else 0
        size = args.workers or gpus or max(1, int(resources.get("CPU", 1)) // count_threads(args))
        super().__init__(store, size, segments, note)
        needs = {"num_gpus": 1} if gpus >= size else {"num_cpus": count_threads(args)}
        self._actor = self._ray.remote(max_restarts=0, **needs)(_Maker)
        local = vars(args) | {"input": args.input.resolve(), "mask": args.mask and str(Path(args.mask).resolve())}
        self._args = argparse.Namespace(**local)
        self._makers: dict[int, Any] = {}
        self._results: dict[Any, int] = {}
        self.pids: dict[int, int] = {}
        """Process ids of the makers that have finished a segment, by place, each on its own machine."""

    def close(self) -> None:
        self._ray.shutdown()

    def _start(self, place: int, number: int) -> None:
        if place not in self._makers:
            self._makers[place] = self._actor.remote(self._args)
        self._results[self._makers[place].make.remote(number)] = place

    def _listen(self, seconds: float) -> Iterable[Event]:
        from ray.exceptions import RayActorError, RayError  # pyright: ignore[reportMissingImports]  # an extra

        if not self._results:
            return
        ready, _ = self._ray.wait(list(self._results), num_returns=1, timeout=seconds)
        for reference in ready:
            place = self._results.pop(reference)
            try:
                answer = self._ray.get(reference)
            except RayActorError as error:
                del self._makers[place]
                self.pids.pop(place, None)
                yield Event(place, reason=_short(error))
                continue
            except RayError as error:
                yield Event(place, error=OutputError(f"a worker on Ray failed: {_short(error)}"))
                continue
            if isinstance(answer, FramemendError):
                yield Event(place, error=answer)
                continue
            self.pids[place], count, content = answer
            self._store.put(self._in_hand[place], content)
            yield Event(place, count=count)


class _Maker:
    """Lives on a machine of the cluster; makes segments and returns their files' contents."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._maker: Any = None

    def make(self, number: int) -> tuple[int, int, bytes] | FramemendError:
        """The process id, frames in the segment, and its file; or what was wrong."""
        import tempfile

        try:
            if self._maker is None:
                use_threads(self._args)
                self._maker = SegmentMaker(self._args)
            with tempfile.TemporaryDirectory(prefix="framemend-") as folder:
                path = Path(folder) / "segment.zip"
                count = self._maker.make(number, path)
                return os.getpid(), count, path.read_bytes()
        except FramemendError as error:
            return error


def _connect(address: str, workers: int | None, threads: int) -> Any:
    if address != "local" and not address.startswith("ray://"):
        raise SettingError(f"--distributed is {address!r}; it takes local or ray://HOST:PORT")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # silences a warning of an announced change
    try:
        import ray  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise SettingError("--distributed needs Ray; pip install 'framemend[ray]' brings it") from error
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == "local":
            here = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}  # so that workers find this framemend
            ray.init(
                address="local",
                num_cpus=None if workers is None else workers * threads,
                include_dashboard=False,
                runtime_env=here,
                **quiet,
            )
        else:
            _connect_to_head(ray, address, quiet)
    except Exception as error:
        token = "" if address == "local" else "; a cluster that asks for a token needs RAY_AUTH_MODE=token here too"
        raise OutputError(f"cannot reach Ray at {address}: {_short(error)}{token}") from error
    return ray


def _connect_to_head(ray: Any, address: str, options: dict[str, Any]) -> None:
    """Once more where the head was too busy to start the process that serves us before Ray gave up waiting for it."""
    for tries_left in reversed(range(CONNECT_TRIES)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it warns of is what it raises
                ray.init(address, **options)
            return
        except Exception as error:
            if not tries_left or "Proxy failed" not in str(error):
                raise


def _short(error: BaseException) -> str:
    """The last line of Ray's account, which is where the cause stands."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[-1].split())[:200] if lines else type(error).__name__
