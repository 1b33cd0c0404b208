"""Where this machine keeps things and how it works: REELSEEK_* environment variables and their defaults."""

from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What changes the machine and not the result; command-line flags win over it."""

    model_config = SettingsConfigDict(env_prefix="REELSEEK_")

    library: Path = Field(default_factory=lambda: user_data_path("reelseek") / "library")
    catalog_url: str | None = None  # SQLAlchemy URL; None: a SQLite file in the library's folder
    workers: int | None = Field(default=None, ge=1)  # files decoded at once; None: one a processor
    stall_s: float = Field(default=60.0, gt=0)  # seconds without a picture after which a file is given up

    # Of `serve`
    upload_mb: int = Field(default=2000, ge=1)  # megabytes of one upload, at most
    upload_mb_per_hour: int = Field(default=20_000, ge=1)  # megabytes that one user may send
    actions_per_minute: int = Field(default=240, ge=1)  # searches, uploads and the like of one user
    grace_s: float = Field(default=10.0, ge=0)  # seconds that open requests have when the server is asked to stop
