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
