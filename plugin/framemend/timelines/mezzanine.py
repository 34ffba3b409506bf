"""Writes a repaired range as a file for editing: ProRes or DNxHR in QuickTime, with timecode, reel name, sound and rate of its source."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framemend_filters.errors import OutputError

from ..detection import pictures_of, repairer_for
from ..finished import finished_file
from ..frames import LAYOUTS, build_frame, matrix_and_range
from ..masks import open_masks
from ..options import fitted, settings_from
from ..progress import Progress
from ..ranges import repair_range
from ..sources import VideoSource
from ..times import as_fraction
from .timecode import timecode_text

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from numpy.typing import NDArray

    from .plan import Job

PRORES_HQ, PRORES_4444 = "3", "4"
"""Profiles of prores_ks."""


def write_mezzanine(job: Job, *, quiet: bool) -> None:
    """Repair the job's frames into `job.target`, which is there only when it is whole. Raises FramemendError."""
    import av
    from av.error import FFmpegError

    assert job.target is not None
    options = job.options
    video, again = job.video, partial(pictures_of, partial(VideoSource, job.video.path))
    repairer = repairer_for(options, settings_from(options), again, lambda _: None)
    size = video.width, video.height
    repairer = fitted(repairer, *size, lambda _: None)
    masks = open_masks(options, *size, num_frames=video.num_frames, rate=video.rate, pictures=again)
    count = job.stop - job.first
    try:
        with (
            finished_file(job.target) as temporary,
            VideoSource(job.video.path) as source,
            av.open(str(temporary), "w", format="mov") as output,
            Progress(count, job.target.name, quiet) as progress,
        ):
            stream, pix_fmt = _add_video(output, source, job)
            sounds = [(s, _add_sound(output, s)) for s in source.container.streams.audio]
            output.metadata.update({k: v for k, v in source.container.metadata.items() if k in ("title", "comment")})
            for number, (frame, planes) in enumerate(repair_range(job.video, repairer, masks, job.first, job.stop)):
                made = build_frame(frame, planes, pix_fmt)
                made.pts, made.time_base = number, stream.codec_context.time_base
                output.mux(stream.encode(made))
                progress.update(number + 1)
            output.mux(stream.encode(None))
            begin = job.video.seconds(job.first)
            for given, written in sounds:
                _copy_sound(job.video.path, given, output, written, begin, begin + count / job.video.rate)
    except FFmpegError as error:
        raise OutputError(f"{job.target} cannot be written: {error.strerror}") from error


def _add_video(output: Any, source: VideoSource, job: Job) -> tuple[Any, str]:
    first = source.first
    layout = LAYOUTS[first.format.name]
    full = layout.family == "rgb" or (layout.family == "yuv" and layout.subsampling == (0, 0))
    if job.codec == "prores":
        pix_fmt = "yuva444p10le" if layout.alpha else "yuv444p10le" if full else "yuv422p10le"
        options = {"profile": PRORES_4444 if full or layout.alpha else PRORES_HQ, "vendor": "apl0"}
        encoder = "prores_ks"
    else:
        pix_fmt, encoder = ("yuv444p10le" if full else "yuv422p10le"), "dnxhd"
        options = {"profile": "dnxhr_444" if full else "dnxhr_hqx"}
    rate = job.video.rate
    stream: Any = output.add_stream(encoder, rate=rate, options=options)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt, context.time_base = first.width, first.height, pix_fmt, 1 / rate
    stream.time_base = 1 / rate
    context.thread_type = "AUTO"
    context.colorspace, context.color_range = matrix_and_range(first, pix_fmt)
    context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
    if source.sample_aspect_ratio:
        context.sample_aspect_ratio = source.sample_aspect_ratio
    base = job.timecode.frames or 0
    stream.metadata["timecode"] = timecode_text(base + job.first, rate, drop=job.timecode.drop)
    stream.metadata["reel_name"] = job.timecode.reel or job.video.path.stem
    return stream, pix_fmt


def _add_sound(output: Any, given: AudioStream) -> Any:
    name = "pcm_s16le" if given.format.name in ("s16", "s16p") else "pcm_s24le"
    stream = output.add_stream(name, rate=given.rate)
    stream.codec_context.layout = given.layout
    for tag in ("language", "title"):
        if tag in given.metadata:
            stream.metadata[tag] = given.metadata[tag]
    return stream


def _copy_sound(path: Path, given: AudioStream, output: Any, stream: Any, begin: Fraction, end: Fraction) -> None:
    """The samples from `begin` to `end` seconds after the first video frame, to the sample."""
    import av
    import numpy as np

    rate = given.rate
    with VideoSource(path) as source:
        zero = source.start_pts * source.time_base
    form = "s16" if stream.codec_context.name == "pcm_s16le" else "s32"
    wanted, stop, sent = round(begin * rate), round(end * rate), 0
    for frame, place in _sound(path, given.index, form, zero, rate):
        before, after = max(0, wanted - place), max(0, place + frame.samples - stop)
        if before >= frame.samples or after >= frame.samples:
            continue
        samples: NDArray[Any] = frame.to_ndarray()
        channels = frame.layout.nb_channels
        part: Any = samples[:, channels * before : samples.shape[1] - channels * after]
        gap = place + before - wanted - sent
        if gap > 0:  # sound that begins later than the picture
            part = np.concatenate([np.zeros((1, channels * gap), part.dtype), part], axis=1)
        made = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=form, layout=frame.layout.name)
        made.sample_rate, made.pts, made.time_base = rate, sent, Fraction(1, rate)
        sent += part.shape[1] // channels
        output.mux(stream.encode(made))
    output.mux(stream.encode(None))


def _sound(path: Path, index: int, form: str, zero: Fraction, rate: int) -> Iterator[tuple[AudioFrame, int]]:
    """Decoded sound and, for each frame, its place in samples after the first video frame."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams[index]
        resampler = av.AudioResampler(format=form)
        place: int | None = None
        for packet in container.demux(stream):
            for decoded in packet.decode():
                assert isinstance(decoded, av.AudioFrame)
                if place is None and decoded.pts is not None:
                    tick = as_fraction(decoded.time_base)
                    place = round((decoded.pts * tick - zero) * rate)
                for frame in resampler.resample(decoded):
                    yield frame, place or 0
                    place = (place or 0) + frame.samples
