"""What the page can ask for. Every address begins with the visitor's own session; none holds a path."""

import argparse
import json
from collections.abc import Iterable
from functools import partial
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response

from framemend_filters.damage.detection import KINDS
from framemend_filters.errors import FramemendError, InputError, SettingError
from framemend_filters.weights import shipped_models

from ..detection import pictures_of, repairer_for
from ..masks import open_masks
from ..options import has_masks, settings_from
from ..ranges import IndexedVideo, repair_range
from ..sources import VideoSource
from .guard import Guard
from .pictures import LARGEST_MASK_BYTES, PictureCache, jpeg, mask_of_png, png, rgb_of
from .sessions import Busy, Session, Sessions
from .wording import MASK_NAME, command_line, output_name, parsed, repair_arguments, vapoursynth_script
from .work import Job, run_command

LARGEST_JSON = 256 << 10
LARGEST_THUMBNAIL = 640
MOST_PREVIEW_FRAMES = 120
STATIC = {path.name: path for path in files(__package__).joinpath("static").iterdir()}
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
}


def _visitor(session: str, request: Request) -> Session:
    return request.app.state.sessions.find(session)


Visitor = Annotated[Session, Depends(_visitor)]
"""The session that the address names."""


def build_app(
    sessions: Sessions, *, port: int, token: str | None = None, hosts: Iterable[str] | None, max_upload: int
) -> Guard:
    """The studio as an ASGI application. max_upload: bytes; the rest as `Guard` has it."""
    app = FastAPI(title="framemend studio", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.sessions = sessions
    pictures = PictureCache()

    @app.exception_handler(FramemendError)
    async def refuse(request: Request, error: FramemendError) -> JSONResponse:
        status = 503 if isinstance(error, Busy) else 400
        return JSONResponse({"message": str(error)}, status)

    @app.get("/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            return Response("there is nothing of that name", 404, media_type="text/plain")
        return Response(STATIC[name].read_bytes(), media_type=MEDIA_TYPES[name.rpartition(".")[2]])

    @app.get("/")
    def index() -> Response:
        return static("index.html")

    @app.post("/api/sessions")
    def begin() -> dict[str, Any]:
        models = sorted({*shipped_models(), sessions.model})
        names = list(sessions.library.files())
        start = {"files": names, "models": models, "model": sessions.model, "kinds": ["auto", *KINDS]}
        return start | {"session": sessions.begin().id}

    @app.delete("/api/{session}")
    def end(session: str) -> dict[str, Any]:
        sessions.end(session)
        return {}

    @app.post("/api/{session}/open")
    async def open_file(session: Visitor, request: Request) -> dict[str, Any]:
        name = str((await _json(request)).get("name", ""))
        await run_in_threadpool(lambda: session.open(sessions.library.path(name), name))
        return session.facts()

    @app.post("/api/{session}/upload")
    async def upload(session: Visitor, request: Request, name: str = "clip") -> dict[str, Any]:
        if not session.lock.acquire(blocking=False):
            raise Busy("an upload is running in this tab already")
        try:
            partial = session.folder / "upload.part"
            await _receive(request, partial, max_upload)
            await run_in_threadpool(session.take_upload, partial, name)
        finally:
            session.lock.release()
        return session.facts()

    @app.get("/api/{session}/frame/{number}")
    def frame(session: Visitor, number: int, width: int = 0) -> Response:
        if not 0 <= width <= LARGEST_THUMBNAIL:
            raise SettingError(f"width is {width}; it goes from 0 to {LARGEST_THUMBNAIL}")
        return Response(pictures.frame(session.clip, number, width), media_type="image/jpeg")

    @app.put("/api/{session}/mask")
    async def put_mask(session: Visitor, request: Request) -> dict[str, Any]:
        data = await _body(request, LARGEST_MASK_BYTES)
        clip = session.clip
        mask = await run_in_threadpool(mask_of_png, data, clip.width, clip.height)
        session.take_mask(png(mask) if mask.any() else None)
        return {"painted": bool(mask.any())}

    @app.get("/api/{session}/mask")
    def get_mask(session: Visitor) -> Response:
        if session.mask is None:
            raise InputError("nothing is painted")
        return FileResponse(session.mask, filename=MASK_NAME)

    @app.post("/api/{session}/words")
    async def words(session: Visitor, request: Request) -> dict[str, str]:
        arguments = repair_arguments(await _json(request), MASK_NAME if session.mask else None, model=sessions.model)
        clip, target = session.clip, output_name(session.name)
        script = vapoursynth_script(parsed(arguments), session.name, clip.width, clip.height)
        return {"command": command_line(arguments, session.name, target), "script": script}

    @app.post("/api/{session}/preview")
    async def preview(session: Visitor, request: Request) -> dict[str, Any]:
        asked = await _json(request)
        return _queue(sessions, session, _preview_job(sessions, session, asked))

    @app.post("/api/{session}/clip")
    async def whole(session: Visitor, request: Request) -> dict[str, Any]:
        asked = await _json(request)
        return _queue(sessions, session, _clip_job(sessions, session, asked))

    @app.get("/api/{session}/jobs/{number}")
    def job(session: Visitor, number: int) -> dict[str, Any]:
        found = session.job(number)
        return found.facts(sessions.workshop.ahead_of(found))

    @app.delete("/api/{session}/jobs/{number}")
    def cancel(session: Visitor, number: int) -> dict[str, Any]:
        found = session.job(number)
        found.cancel()
        return found.facts()

    @app.get("/api/{session}/jobs/{number}/frame/{frame}")
    def repaired_frame(session: Visitor, number: int, frame: int) -> Response:
        path = session.preview_folder(session.job(number)) / f"{frame}.jpg"
        if not path.is_file():
            raise InputError(f"there is no repaired frame {frame}")
        return FileResponse(path, media_type="image/jpeg")

    @app.get("/api/{session}/jobs/{number}/file")
    def result(session: Visitor, number: int) -> Response:
        found = session.job(number)
        if found.state != "done" or found.output is None:
            raise InputError("it is not finished")
        return FileResponse(found.output, filename=found.output_name, media_type="application/octet-stream")

    return Guard(app, port=port, token=token, hosts=hosts)


def _queue(sessions: Sessions, session: Session, job: Job) -> dict[str, Any]:
    before = [j for j in session.jobs if j.kind == job.kind]
    if job.kind == "clip" and any(j.state in ("waiting", "running") for j in before):
        raise Busy("the clip is being repaired already; cancel that first")
    if not sessions.workshop.add(job):
        raise Busy("too many repairs wait; try again when one is done")
    for other in before:  # a new one takes the place of the one before
        session.drop(other)
    session.jobs.append(job)
    return job.facts(sessions.workshop.ahead_of(job))


def _preview_job(sessions: Sessions, session: Session, asked: dict[str, Any]) -> Job:
    """A second around the play head, repaired as the whole clip would be."""
    clip = session.clip
    words = [*repair_arguments(asked, session.mask, model=sessions.model), "--device", sessions.device]
    if asked.get("show_mask"):
        words.append("--show-mask")
    options = parsed(words)
    settings = settings_from(options)
    _check_marks(options, clip)
    count = min(clip.num_frames, MOST_PREVIEW_FRAMES, max(1, round(clip.rate)))
    head = asked.get("frame", 0)
    if not isinstance(head, int) or not 0 <= head < clip.num_frames:
        raise SettingError(f"frame is {head!r}; the clip has {clip.num_frames}")
    first = max(0, min(head - count // 2, clip.num_frames - count))

    def work(job: Job) -> None:
        folder = session.preview_folder(job)
        folder.mkdir()
        again = partial(pictures_of, partial(VideoSource, clip.path))
        size = clip.width, clip.height
        masks = open_masks(options, *size, num_frames=clip.num_frames, rate=clip.rate, pictures=again)
        looks = options.detect or options.show_mask  # what a repairer finds is kept, and is of one clip
        key = (settings, has_masks(options), options.detect, options.show_mask, clip if looks else None)
        repairer = sessions.workshop.repairer(key, lambda: repairer_for(options, settings, again, lambda _: None))
        for number, (frame, planes) in enumerate(repair_range(clip, repairer, masks, first, first + count), first):
            if job.stopped:
                return
            (folder / f"{number}.jpg").write_bytes(jpeg(rgb_of(frame, planes)))
            job.done = number + 1 - first

    return Job("preview", count, work, result={"first": first, "count": count}, mask=session.mask)


def _clip_job(sessions: Sessions, session: Session, asked: dict[str, Any]) -> Job:
    clip = session.clip
    arguments = [*repair_arguments(asked, session.mask, model=sessions.model), "--device", sessions.device]
    options = parsed(arguments)
    settings_from(options)
    _check_marks(options, clip)
    name = output_name(session.name)
    suffix = name[name.rindex(".") :]

    def work(job: Job) -> None:
        assert job.output is not None
        try:
            run_command(job, [str(clip.path), str(job.output), "--overwrite", *arguments])
        except FramemendError as error:
            told = str(error).replace(str(clip.path), session.name).replace(str(job.output), name)
            raise InputError(told) from error

    job = Job("clip", clip.num_frames, work, output_name=name, mask=session.mask)
    job.output = session.folder / f"repaired-{job.number}{suffix}"
    return job


def _check_marks(options: argparse.Namespace, clip: IndexedVideo) -> None:
    """Raise what is wrong with the marks now, not when the job runs; they are carried through the shot only then."""
    here = argparse.Namespace(**(vars(options) | {"track": None}))
    open_masks(here, clip.width, clip.height, num_frames=clip.num_frames)
    if options.track is not None and options.track >= clip.num_frames:
        raise SettingError(f"track is {options.track}; the clip has {clip.num_frames} frames")


async def _json(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises SettingError."""
    data = await _body(request, LARGEST_JSON)
    try:
        value = json.loads(data or b"{}")
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise SettingError(f"the request is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise SettingError("the request must be a JSON object")
    return value


async def _body(request: Request, limit: int) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > limit:
            raise SettingError(f"the request is larger than {limit} bytes")
    return bytes(data)


async def _receive(request: Request, path: Any, limit: int) -> None:
    """Write the request's body to a file as it comes. Raises InputError where it is empty or larger than `limit`."""
    told = request.headers.get("content-length", "")
    too_large = InputError(f"the file is larger than {limit / (1 << 30):g} GiB, which --max-upload allows")
    if told.isdigit() and int(told) > limit:
        raise too_large
    size = 0
    try:
        with path.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                await run_in_threadpool(file.write, part)
        if size == 0:
            raise InputError("the file is empty")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
