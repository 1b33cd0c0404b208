"""What the API takes and gives, as its documentation shows it. Times are seconds, scores in [0, 1]."""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, Field

from app.service import index_result
from app.ui.job import JobState
from indexer.update import UpdateReport


class Problem(BaseModel):
    """Why a request was not carried out."""

    detail: str = Field(description="One sentence.", examples=["clip.mp4 is not a video file."])


class Segment(BaseModel):
    """A moment of a video that matches a part of the query."""

    score: float
    start: float
    end: float
    query_start: float
    query_end: float
    tempo: float = Field(description="Seconds of the video for each of the query; below 0 it shows it backwards.")
    confidence: float | None = Field(None, description="Chance that it is right, where that is known.")
    example: int | None = Field(None, description="Which example it matches, from 0, where there are several.")


class Match(Segment):
    """A video that matches the query; its own times are those of its best segment."""

    video: int = Field(description="The video's id; `/media/{id}` plays it, `/thumb/{id}?t=SECONDS` is a picture.")
    path: str
    segments: list[Segment] = Field(description="All that match, best first.")
    copies: list[str] = Field(description="Other files with the same bytes.")


class Encoder(BaseModel):
    """What the library's embeddings were made with."""

    name: str
    fingerprint: str
    clip_s: float
    hop_s: float


class FailedFile(BaseModel):
    """A file that is not searchable."""

    path: str
    reason: str


class DamagedFile(BaseModel):
    """A file that is searchable although some of its packets could not be decoded."""

    path: str
    packets: int


class Status(BaseModel):
    """What the library holds."""

    library: str
    videos: int
    files: int
    clips: int
    video_seconds: float
    bytes: int = Field(description="Of the library on disk.")
    encoder: Encoder
    cache: str
    damaged: list[DamagedFile]
    failed: list[FailedFile]


class IndexRequest(BaseModel):
    """What to index."""

    path: str = Field(
        max_length=4096,
        description="A folder or file in one of the folders that the server allows: absolute, or relative to one.",
        examples=["holidays/2026"],
    )


class IndexResult(BaseModel):
    """What an indexing run did; every file found is in one of the counts or in `failed`."""

    indexed: int
    unchanged: int
    moved: int
    copies: int
    removed: int
    failed: list[FailedFile]
    clips: int
    video_seconds: float
    seconds: float


class JobStatus(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Job(BaseModel):
    """A piece of work in the library, in the background."""

    id: str
    title: str
    status: JobStatus
    share: float = Field(description="Done, in [0, 1].")
    text: str = Field(description="What it is at.")
    seconds: float = Field(description="Since it began, or that it took.")
    left_s: float | None = Field(description="Seconds left, where they can be told.")
    failed: list[FailedFile] = Field(description="Files that could not be read so far.")
    error: str | None = Field(description="Why it ended early.")
    result: IndexResult | None = Field(description="What it did, once it is done.")

    @classmethod
    def of(cls, state: JobState) -> Self:
        """A job as its state tells it."""
        report = state.result
        return cls(
            id=state.id, title=state.title, status=_status(state), share=state.share, text=state.text,
            seconds=round(state.seconds, 3), left_s=state.left_s, error=state.error,
            failed=[FailedFile(path=path, reason=reason) for path, reason in state.failures],
            result=_result(report, state.seconds) if isinstance(report, UpdateReport) else None,
        )  # fmt: skip


def _status(state: JobState) -> JobStatus:
    if state.running:
        return JobStatus.RUNNING
    if state.stopped:
        return JobStatus.STOPPED
    return JobStatus.DONE if state.error is None else JobStatus.FAILED


def _result(report: UpdateReport, seconds: float) -> IndexResult:
    values: dict[str, Any] = index_result(report, seconds)
    return IndexResult.model_validate(values)
