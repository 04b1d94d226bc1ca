"""What whoever runs a server decides by environment variables; docs/deployment.md has them in one table."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from planner.executors.cluster import CLUSTER_VARIABLE, check_address
from planner.search.workers import worker_count
from simulator import InputError
from simulator.schema import Between, OneOf, first_problem

# `asked`: no recommended plan begins without a click.
ADVICE, ONLY_ASKED = "PLANNER_ADVICE", "asked"
# `required`: without logins the page shows nothing.
LOGIN, REQUIRED = "PLANNER_LOGIN", "required"
# The names under which a server is reached.
HOSTS = "PLANNER_HOSTS"


_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")


def _names(listed: object) -> object:
    names = tuple(name.strip().lower() for name in listed.split(",")) if isinstance(listed, str) else listed
    if isinstance(names, tuple) and not all(map(_NAME.fullmatch, names)):
        rule = "a list of names without ports, such as planner.example.com, 10.0.0.7, is allowed"
        raise PydanticCustomError("not_allowed", "{rule}", {"rule": rule})
    return names


class Settings(BaseModel):
    """Where things are kept, and what one visitor and all together may ask for.

    Attributes:
        data: the folder of the database and of the files. database: its address, None for SQLite in that folder.
        workspace_mb, store_mb: the most that one workspace and all together may hold, in MiB as stored.
        advice: whether a plan may begin without a click. login: whether nobody uses the page without one.
        login_hours: after so many hours a login is asked for again.
        upload_mb: the most that the files of one upload have, in MiB.
        visitor_mb, server_mb: the most memory that the uploads of one visitor and of all together take, in MiB.
        requests, models, devices: the most that a scenario on the page may have.
        hosts: the names under which the server is reached; none: any, unless it listens on its own machine only.
    """

    model_config = ConfigDict(frozen=True)

    data: Path = Field(
        default_factory=lambda: user_data_path("placement-planner", appauthor=False), alias="PLANNER_DATA"
    )
    database: str | None = Field(default=None, alias="DATABASE_URL")
    workspace_mb: Annotated[int, Between(1, 10**6)] = Field(default=1024, alias="PLANNER_WORKSPACE_MB")
    store_mb: Annotated[int, Between(1, 10**9)] = Field(default=20480, alias="PLANNER_STORE_MB")
    advice: Annotated[str, OneOf((ONLY_ASKED, "at once"))] = Field(default="at once", alias=ADVICE)
    login: Annotated[str, OneOf((REQUIRED, "if configured"))] = Field(default="if configured", alias=LOGIN)
    # Streamlit forgets a login after 30 days.
    login_hours: Annotated[int, Between(1, 720)] = Field(default=720, alias="PLANNER_LOGIN_HOURS")
    # As much as .streamlit/config.toml lets through.
    upload_mb: Annotated[int, Between(1, 200)] = Field(default=200, alias="PLANNER_UPLOAD_MB")
    visitor_mb: Annotated[int, Between(1, 10**6)] = Field(default=512, alias="PLANNER_VISITOR_UPLOADS_MB")
    server_mb: Annotated[int, Between(1, 10**7)] = Field(default=2048, alias="PLANNER_SERVER_UPLOADS_MB")
    requests: Annotated[int, Between(1000, 20_000_000)] = Field(default=5_000_000, alias="PLANNER_REQUESTS")
    models: Annotated[int, Between(1, 2000)] = Field(default=200, alias="PLANNER_MODELS")
    devices: Annotated[int, Between(1, 2048)] = Field(default=512, alias="PLANNER_DEVICES")
    hosts: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(default=(), alias=HOSTS)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """What the environment says, what it does not say as it ships; raises InputError naming the variable."""
    variables = [field.alias for field in Settings.model_fields.values() if field.alias]
    given = {name: environment[name] for name in variables if environment.get(name)}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise InputError(first_problem(error, given, lambda path: f"The variable {path[0]}")) from None


def _at_start() -> tuple[Settings, str | None]:
    try:
        # What the planner reads for itself is looked at too, so that no search finds it out.
        worker_count()
        if cluster := os.environ.get(CLUSTER_VARIABLE):
            check_address(cluster)
        return read_settings(), None
    except InputError as error:
        return Settings(), str(error)


# As the server began; where a variable is wrong what ships, and the sentence that stands on the page instead.
SETTINGS, PROBLEM = _at_start()
