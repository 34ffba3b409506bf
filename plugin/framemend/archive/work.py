"""The repair of one video from first frame to last, whoever does it: this process, others, or an earlier run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from framemend_filters.errors import OutputError, SettingError

from .chunks import ChunkRepairer, RepairedFrame
from .feed import Feed
from .job import count_threads, describe_job, use_threads
from .ranges import ranges_from
from .store import SegmentStore, drop_store, store_folder

if TYPE_CHECKING:
    from framemend_filters.engine import Repairer

    from ..masks import MaskSource
    from ..sources import VideoSource
    from .crew import Crew
    from .smart import SmartSource

Note = Callable[[str], None]

SEGMENT_FRAMES = 60
"""Frames of a segment, about: what a crash costs at most."""
KEEP_FROM = 240
"""Clips with more frames than this are kept segment by segment without being told to."""


def add_work_options(parser: argparse.ArgumentParser) -> None:
    """--resume to --distributed."""
    group = parser.add_argument_group("long work")
    group.add_argument(
        "--resume", action="store_true", help="go on from the segments that a run that was cut off has finished"
    )
    group.add_argument("--restart", action="store_true", help="drop such segments and start again")
    group.add_argument(
        "--no-keep", dest="keep", action="store_false", help="keep no finished segments beside the output meanwhile"
    )
    group.add_argument(
        "--segment",
        type=int,
        default=SEGMENT_FRAMES,
        metavar="N",
        help=f"frames of a segment, about (default: {SEGMENT_FRAMES})",
    )
    group.add_argument(
        "--smart",
        action="store_true",
        help="encode again only groups of pictures with frames to repair, copy the others",
    )
    group.add_argument("--workers", type=int, metavar="N", help="repair segments in N processes")
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of each process, on a CPU (default: all, shared out among --workers; 1 on Ray)",
    )
    group.add_argument(
        "--distributed", metavar="WHERE", help="repair segments on Ray: local, or ray://HOST:PORT of a cluster"
    )


class Work:
    """The frames of one video, repaired; a context manager.

    Segments that are finished are kept in a hidden folder until `finish`: when the block ends otherwise they stay, for
    --resume.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        source: VideoSource,
        masks: MaskSource | None,
        repairer: Repairer,
        note: Note,
        *,
        recorded: bool = False,
        smart: SmartSource | None = None,
    ) -> None:
        """args: of `framemend repair`; recorded: whether records are wanted whatever the options say; smart: where frames
        come from, and which are of interest; None: all, from `source`.

        Raises SettingError where options contradict each other or segments of another run are in the way.
        """
        self.generated = 0.0
        """Sum over frames of the share that was generated."""
        self.store: SegmentStore | None = None
        self._args, self._note, self._reported = args, note, recorded
        self._feed = Feed(smart or source, masks)
        self._size = segment_frames(args, repairer)
        self._crew: Crew | None = None
        many = args.workers is not None or args.distributed is not None
        if not many and args.threads is not None:
            use_threads(args)
        long = source.num_frames is None or source.num_frames > KEEP_FROM
        kept = recorded or many or args.resume or (args.keep and long)
        if args.restart:
            drop_store(args.output)
        folder = store_folder(args.output)
        if kept or folder.exists():
            self.store = SegmentStore(folder, describe_job(args), resume=args.resume)
        self._repairer = ChunkRepairer(self._feed, repairer, ranges_from(args).covers, recorded=self.store is not None)
        self._chunks = self._size // repairer.chunk_frames
        self._radius = repairer.radius
        self._numbers: Sequence[int] | None = None
        """Of the segments to make; None: all."""
        if smart is not None:
            held = (range(run.start // self._size, (run.stop - 1) // self._size + 1) for run in smart.plan.worked_at)
            self._numbers = sorted({number for numbers in held for number in numbers})
        if many and self.store is not None:
            promised = None if source.num_frames is None else range(-(-source.num_frames // self._size))
            self._crew = _hire(args, self.store, promised if self._numbers is None else self._numbers, note)
        if self.store is not None:
            for number in self.store.damaged:
                note(f"segment {number} in {folder} is damaged; it is made again")
            if args.resume:
                taken = len(self.store.numbers())
                note(
                    f"{taken} finished segments of {self._size} frames are taken over" if taken else "nothing to resume"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._crew is not None:
            self._crew.close()
        if self.store is None or kind is None:
            return
        finished = len(self.store.numbers())
        if finished:
            self._note(f"{finished} finished segments are kept in {self.store.folder}; --resume goes on from there")
        else:
            self.store.remove()

    def frames(self) -> Iterator[RepairedFrame]:
        """Every frame of the clip, in order; of a smart source only those near groups that are encoded again. May be
        called once."""
        if self.store is not None:
            self.store.begin()
        for number in count() if self._numbers is None else self._numbers:
            self._feed.keep_from(number * self._size - self._radius)
            if not self._feed.reach(number * self._size):
                break
            if self._crew is not None:
                self._crew.wait_for(number)
            if self.store is not None and self.store.has(number):
                frames = self._kept(self.store, number)
            else:
                frames = self._made(number)
            for done in frames:
                self.generated += done.generated
                yield done
        self._feed.read_out()

    def report(self, repairer: Repairer, written: Path, path: Path) -> None:
        """Read the written file back and say in `path` what was changed. Raises OutputError."""
        from .report import make_report

        assert self.store is not None
        made = None if self._numbers is None else frozenset(self._numbers)
        report = make_report(
            self._args,
            repairer,
            self.store,
            written,
            self._args.output,
            lambda index: made is not None and index // self._size not in made,
        )
        report.save(path)

    def finish(self) -> None:
        """The output has its name: what was kept goes."""
        if self.store is not None:
            self.store.remove()

    def _made(self, number: int) -> Iterator[RepairedFrame]:
        chunks = range(number * self._chunks, (number + 1) * self._chunks)
        if self.store is None:
            yield from self._repairer.repair(chunks)
            return
        before = self._repairer.worked_on
        with self.store.writer(number) as writer:
            for done in self._repairer.repair(chunks):
                writer.add(done)
                yield done
            writer.needed = self._reported or self._repairer.worked_on > before

    def _kept(self, store: SegmentStore, number: int) -> Iterator[RepairedFrame]:
        from ..frames import views

        segment = store.read(number)
        start = number * self._size
        try:
            for place, record in enumerate(segment.records):
                index = start + place
                self._feed.keep_from(index - self._radius)
                if not self._feed.reach(index):
                    raise self._misfit(store, number, segment.count)
                if self._crew is not None:
                    self._crew.look_after()
                frame = self._feed.frame(index)
                generated = record.generated if record else 0.0
                planes = segment.planes(index, views(frame)) if record else None
                yield RepairedFrame(index, frame, planes, record, generated)
            if segment.count < self._size and self._feed.reach(start + segment.count):
                raise self._misfit(store, number, segment.count)
        finally:
            segment.close()

    @staticmethod
    def _misfit(store: SegmentStore, number: int, count: int) -> OutputError:
        return OutputError(
            f"{store.path(number)} holds {count} frames, not as many as the input; run again with --restart"
        )


class SegmentMaker:
    """Makes segments of one video, for another process to join. Goes through the video once if they are asked for in
    rising order."""

    def __init__(self, args: argparse.Namespace) -> None:
        """args: of `framemend repair`."""
        from ..detection import pictures_for, repairer_for
        from ..options import settings_from

        self._args = args
        self._repairer = repairer_for(args, settings_from(args), partial(pictures_for, args), lambda _: None)
        self._source: VideoSource | None = None
        self._next = 0

    def make(self, number: int, path: Path) -> int:
        """Write segment `number` to `path`; how many frames it holds, 0 beyond the end of the clip."""
        from .store import SegmentWriter

        source = self._source
        if source is None or number < self._next:
            source = self._open()
        self._next = number + 1
        count = 0
        source.passing.clear()  # whoever joins the segments reads these for himself
        with SegmentWriter(path) as writer:
            for done in self._chunk_repairer.repair(range(number * self._chunks, (number + 1) * self._chunks)):
                writer.add(done)
                count += 1
        return count

    def close(self) -> None:
        """Close the video."""
        if self._source is not None:
            self._source.__exit__(None, None, None)

    def _open(self) -> VideoSource:
        from ..detection import pictures_for
        from ..masks import open_masks
        from ..options import fitted
        from ..sequences import open_video

        self.close()
        source = self._source = open_video(self._args)
        again = partial(pictures_for, self._args)
        size = source.first.width, source.first.height
        masks = open_masks(self._args, *size, pictures=again)
        repairer = fitted(self._repairer, *size, lambda _: None)
        self._chunks = segment_frames(self._args, repairer) // repairer.chunk_frames
        self._chunk_repairer = ChunkRepairer(
            Feed(source, masks), repairer, ranges_from(self._args).covers, recorded=True
        )
        return source


def segment_frames(args: argparse.Namespace, repairer: Repairer) -> int:
    """Frames of a segment: whole chunks. Raises SettingError."""
    if args.segment < 1:
        raise SettingError(f"--segment is {args.segment}; it counts frames, at least 1")
    return -(-args.segment // repairer.chunk_frames) * repairer.chunk_frames


def _hire(args: argparse.Namespace, store: SegmentStore, segments: Sequence[int] | None, note: Note) -> Crew:
    """The workers that --workers and --distributed ask for. Raises SettingError."""
    if args.workers is not None and args.workers < 1:
        raise SettingError(f"--workers is {args.workers}; it takes at least 1")
    count_threads(args)
    if args.distributed is not None:
        from .cluster import RayCrew

        return RayCrew(args, store, segments, note)
    from .workers import LocalCrew

    return LocalCrew(args, store, segments, note)
