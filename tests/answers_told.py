"""Which answers the OpenAPI document tells of, and which a server gave that it does not."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from starlette.routing import Route

from loops import run
from tocsin.settings import Settings
from tocsin.wiring import Program


@dataclass(frozen=True)
class Told:
    """The statuses of each operation; paths with fewer ids in them come first.

    unheard_of: (method, path of the document, status) of what was heard and is not told.
    """

    statuses: Mapping[str, Mapping[str, Collection[int]]]
    unheard_of: set[tuple[str, str, int]] = field(default_factory=set)

    @classmethod
    def of_a_program(cls, data: Path) -> Self:
        """Return what the document of a program says. data: an empty directory."""
        program = Program(Settings(data=data, database_url=f"sqlite:///{data / 'tocsin.db'}"))
        routes = (one for one in program.web().routes if isinstance(one, Route))
        (route,) = (one for one in routes if one.path == "/openapi.json")
        document = json.loads(run(route.endpoint(None)).body)
        program.close()
        return cls.of(document)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return what *document* says."""
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        return cls(
            {
                path: {
                    method.upper(): set(map(int, said["responses"]))
                    for method, said in document["paths"][path].items()
                }
                for path in paths
            }
        )

    def hear(self, method: str, target: str, status: int) -> None:
        """Note that *target* was answered so. What no path is, and a 405, is no operation's."""
        where = target.partition("?")[0]
        for path, methods in self.statuses.items():
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), where):
                if method in methods and status not in methods[method]:
                    self.unheard_of.add((method, path, status))
                return
