"""The routes of the API, with their documentation at `/api/v1/docs` and the OpenAPI document beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Response
from fastapi_offline import FastAPIOffline

from app import service
from app.api.errors import ApiError, answer_errors
from app.api.models import IndexRequest, Job, Match, Problem, Status
from app.api.queries import Clips, Seconds, Videos, filters_of, narrowed, on_disk, stored
from app.ui.library_work import start_indexing
from app.ui.site import Site
from indexer.requests import Example, Filters, Mode

PREFIX = "/api/v1"
_MOST, _FARTHEST = 1000, 100_000  # videos of one answer, and before it
_WAITING, _AGAIN_S = 32, 2  # searches at once, and seconds after which whoever got no place may try again
_MODES = (
    "What counts: `similar` scenes by look and motion, copies first; `copy`, the same footage only; `motion`, whatever "
    "it looks like; `look`, however it moves."
)
_DESCRIPTION = """
Where a moving scene happens in a video collection. Every error is `{"detail": sentence}`. Requests are limited as
`docs/service.md` says: 413 is a body that is too large, 429 comes with `Retry-After` in seconds.
"""


def build_api(site: Site) -> FastAPI:
    """The API over a site, to be mounted at PREFIX."""
    api = FastAPIOffline(
        title="reelseek", version="1", description=_DESCRIPTION, redoc_url=None, static_url="/assets",
        responses={code: {"model": Problem} for code in (413, 429)},
    )  # fmt: skip
    answer_errors(api)
    _add_search(api, site)
    _add_jobs(api, site)

    @api.get("/status", tags=["library"])
    def status() -> Status:
        """What the library holds, and which files could not be read and why."""
        return Status.model_validate(service.status(site.library))

    return api


def _add_search(api: FastAPI, site: Site) -> None:
    places = BoundedSemaphore(_WAITING)

    @api.post("/search", tags=["search"], responses=_problems(404, 415, 422, 503))
    def search(
        clip: Clips,
        video: Videos,
        unlike_clip: Clips,
        unlike_video: Videos,
        filters: Annotated[Filters, Depends(filters_of)],
        start: Seconds = None,
        end: Seconds = None,
        k: Annotated[int, Form(ge=1, le=_MOST, description="Videos to answer with, at most.")] = 10,
        offset: Annotated[int, Form(ge=0, le=_FARTHEST, description="Videos to pass over, of earlier pages.")] = 0,
        mode: Annotated[Mode, Form(description=_MODES)] = Mode.SIMILAR,
    ) -> list[Match]:
        """Find the videos, and the moments in them, in which a scene happens; best first.

        Send a clip, or name a video; several count together. `start` and `end` narrow the first one down to the scene,
        in seconds. The `unlike` ones show what is not wanted.
        """
        library = site.library
        with _place(places), site.metrics.searching(), on_disk(clip) as clips, on_disk(unlike_clip) as unlike_clips:
            wanted = [*map(Example, clips), *stored(library, video)]
            unwanted = [*map(Example, unlike_clips), *stored(library, unlike_video)]
            if not wanted:
                raise ApiError(422, "Send a clip, or the id of a video, to search for.")
            matches = library.search(narrowed(wanted, start, end), unwanted, filters, k, offset, mode)
            return [Match.model_validate(row) for row in service.search_rows(library, matches, mode)]


def _add_jobs(api: FastAPI, site: Site) -> None:
    @api.post("/jobs", tags=["jobs"], status_code=202, responses=_problems(403, 409, 422))
    def index(request: IndexRequest, response: Response) -> Job:
        """Index a folder in the background: what is new, changed, moved or gone. One run goes on at a time."""
        job = _job(site, start_indexing(site, request.path))
        response.headers["location"] = f"{PREFIX}/jobs/{job.id}"
        return job

    @api.get("/jobs", tags=["jobs"])
    def jobs() -> list[Job]:
        """The indexing run that goes on and those before it since the server was started, oldest first."""
        return [Job.of(state) for state in site.indexing.states()]

    @api.get("/jobs/{job_id}", tags=["jobs"], responses=_problems(404))
    def job(job_id: str) -> Job:
        """How far a run is, or what it did."""
        return _job(site, job_id)

    @api.delete("/jobs/{job_id}", tags=["jobs"], status_code=202, responses=_problems(404))
    def stop(job_id: str) -> Job:
        """Stop a run after the video it is at; what is in the library by then stays."""
        if _job(site, job_id).status == "running":
            site.indexing.stop(0)
        return _job(site, job_id)


@contextmanager
def _place(places: BoundedSemaphore) -> Iterator[None]:
    """A place among those who wait for an answer, if one is left."""
    if not places.acquire(blocking=False):
        raise ApiError(503, "Many people are searching right now; try again in a moment.", _AGAIN_S)
    try:
        yield
    finally:
        places.release()


def _job(site: Site, job_id: str) -> Job:
    state = next((state for state in site.indexing.states() if state.id == job_id), None)
    if state is None:
        raise ApiError(404, "There is no such job; those of before the server's last start are forgotten.")
    return Job.of(state)


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}
