# SPDX-License-Identifier: Apache-2.0
"""The description of the API (OpenAPI 3.1), made from the registry and the views.

The file `docs/openapi.json` is this document; a test says when it is not current.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from oreserve.reserve import ROLES, Actor, roles_for
from oreserve.reserve._queries import views
from oreserve.web._formats import MEDIA_TYPES
from oreserve.web._problems import MEDIA_TYPE, PROBLEM_SCHEMA
from oreserve.web._reads import LARGEST_PAGE, USUAL_PAGE
from oreserve.web._registry import open_commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oreserve.reserve import Command
    from oreserve.reserve._queries import Column, Queries, View

__all__ = ["document"]

API = "/api/v1"
_TEXT = {"type": "string"}
_XLSX = MEDIA_TYPES["xlsx"]
_FORBIDDEN = (401, 403)
_STATUSES = (400, 401, 403, 404, 406, 409, 413, 415, 422, 503)
_FORMAT = {
    "name": "format",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "enum": ["csv", "json", "xlsx"]},
}
_PAGING = {
    "limit": {
        "name": "limit",
        "in": "query",
        "description": f"Most rows of a page; {USUAL_PAGE} if not given.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
    },
    "after": {
        "name": "after",
        "in": "query",
        "description": "`next` of the page before.",
        "schema": {"type": "string"},
    },
}
_INTRODUCTION = """\
Commands change the reserve, views read it. Masses are whole grams, money whole US
cents, prices US cents per tonne, days YYYY-MM-DD, times RFC 3339 in UTC.

Every command carries a reason and an `Idempotency-Key`: repeating a key returns the
first result, so a lost answer never does a thing twice. `If-Match` with the `ETag` of
a thing refuses a command that was meant for an older version of it (409). Where an
argument ends in `grams`, `cents` or `cents_per_t`, a decimal text under `tonnes`,
`usd` or `usd_per_t` is taken as well if it is exact.

Lists come in pages with an opaque cursor: give `next` of one page as `after` of the
next. With `.csv` or `.xlsx` and neither `limit` nor `after` the whole list comes.

Sign in with a token (`Authorization: Bearer …`), or with the cookie of the pages and
the header `X-CSRF-Token`. Errors are problem documents (RFC 9457)."""


def document(queries: Queries, *, version: str) -> dict[str, Any]:
    """Return the whole description.

    Parameters
    ----------
    queries
        Of any reserve: only the columns of its views are asked for.
    version
        Of the package.
    """
    registry = open_commands()
    _, definitions = models_json_schema(
        [(what.arguments, "validation") for what in registry.values()],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = dict(definitions.get("$defs", {}))
    schemas |= {
        "Column": _COLUMN,
        "Page": _PAGE,
        "Problem": PROBLEM_SCHEMA,
        "Receipt": _RECEIPT,
    }
    paths: dict[str, Any] = {}
    parameters: dict[str, Any] = {**_PAGING, "format": _FORMAT}
    everybody = Actor("", frozenset(ROLES), None)
    for view in views().values():
        columns = queries.columns(view.name, everybody)
        schemas[f"row_{view.name}"] = _row_schema(columns)
        parameters[f"where_{view.name}"] = _conditions(view)
        paths[f"{API}/{view.name}"] = {"get": _list(view)}
        paths[f"{API}/{view.name}.{{format}}"] = {"get": _list(view, "format")}
        one = "/".join(f"{{{name}}}" for name in view.key)
        paths[f"{API}/{view.name}/{one}"] = {"get": _one(view, columns)}
    for what in registry.values():
        paths[f"{API}/commands/{what.name}"] = {"post": _command(what)}
    paths |= _EXTRA
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Oreserve",
            "version": version,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": [], "csrf": []}],
        "tags": [
            {"name": "commands", "description": "What changes the reserve."},
            {"name": "views", "description": "What can be read."},
            {"name": "about", "description": "Who you are, and whether all agrees."},
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": dict(sorted(parameters.items())),
            "responses": _responses(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "oreserve"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def _list(view: View, by: str = "") -> dict[str, Any]:
    names = [*([by] if by else []), *_PAGING, f"where_{view.name}"]
    parameters = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    rows = {"$ref": f"#/components/schemas/row_{view.name}"}
    page = {
        "allOf": [{"$ref": "#/components/schemas/Page"}],
        "properties": {"rows": {"type": "array", "items": rows}},
    }
    content: dict[str, Any] = {
        MEDIA_TYPES["json"]: {"schema": page},
        "text/csv": {"schema": _TEXT},
        MEDIA_TYPES["xlsx"]: {"schema": {"type": "string", "format": "binary"}},
    }
    more = (404,) if by else (406,)
    return {
        "tags": ["views"],
        "operationId": f"list_{view.name}{'_as' if by else ''}",
        "summary": view.description,
        "description": f"Readers: {_readers(view)}. Key: {', '.join(view.key)}.",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "Rows in the order of the key.",
                "headers": {"Link": {"schema": _TEXT}},
                "content": content,
            },
            **_problems((*_FORBIDDEN, 413, 422, *more)),
        },
    }


def _readers(view: View) -> str:
    readers = list(roles_for(view.action))
    if view.own_rows:
        readers += [f"{role} (own rows)" for role in roles_for("read_own_member")]
    return ", ".join(readers)


def _one(view: View, columns: Sequence[Column]) -> dict[str, Any]:
    types = {column.name: _type(column) for column in columns}
    return {
        "tags": ["views"],
        "operationId": f"get_{view.name}",
        "summary": f"One row of {view.name}",
        "description": view.description,
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": types[name]},
            }
            for name in view.key
        ],
        "responses": {
            "200": {
                "description": "The row; its version is the ETag.",
                "headers": {"ETag": {"schema": _TEXT}},
                "content": {
                    MEDIA_TYPES["json"]: {
                        "schema": {"$ref": f"#/components/schemas/row_{view.name}"}
                    }
                },
            },
            "304": {"description": "Not changed since."},
            **_problems((*_FORBIDDEN, 404, 422)),
        },
    }


def _command(what: Command) -> dict[str, Any]:
    model = what.arguments.__name__
    may = ", ".join(roles_for(what.name)) or "nobody"
    return {
        "tags": ["commands"],
        "operationId": what.name,
        "summary": what.summary,
        "description": f"{_dedented(what.help)}\n\nRoles: {may}.",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "New for each new command; the same to repeat one.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            },
            {
                "name": "If-Match",
                "in": "header",
                "description": "Version of the thing that you saw.",
                "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                MEDIA_TYPES["json"]: {
                    "schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["arguments", "reason"],
                        "properties": {
                            "arguments": {"$ref": f"#/components/schemas/{model}"},
                            "reason": {
                                "type": "string",
                                "minLength": 1,
                                "maxLength": 2000,
                                "description": "Why, for the audit trail.",
                            },
                        },
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "It is committed.",
                "headers": {"Idempotent-Replayed": {"schema": _TEXT}},
                "content": {
                    MEDIA_TYPES["json"]: {
                        "schema": {"$ref": "#/components/schemas/Receipt"}
                    }
                },
            },
            **_problems((400, *_FORBIDDEN, 404, 409, 413, 415, 422, 503)),
        },
    }


def _dedented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _type(column: Column) -> str:
    """Return the type of a column in the words of JSON Schema."""
    return "string" if column.type == "text" else column.type


def _row_schema(columns: Sequence[Column]) -> dict[str, Any]:
    """Describe a row; nothing is required, since readers see different columns."""
    properties: dict[str, Any] = {}
    for column in columns:
        properties[column.name] = {"type": [_type(column), "null"]}
        if column.unit:
            properties[column.name]["description"] = column.unit
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _conditions(view: View) -> dict[str, Any]:
    """Describe conditions: each column may be asked for by its name."""
    return {
        "name": "where",
        "in": "query",
        "style": "form",
        "explode": True,
        "description": "Values that columns must have: `?item=cobalt&status=held`.",
        "schema": {"$ref": f"#/components/schemas/row_{view.name}"},
    }


def _problems(statuses: Iterable[int]) -> dict[str, Any]:
    return {str(s): {"$ref": f"#/components/responses/{s}"} for s in sorted(statuses)}


def _responses() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in _STATUSES
    }


def _about(
    name: str, summary: str, schema: dict[str, Any], *, more: tuple[int, ...] = ()
) -> dict[str, Any]:
    return {
        "get": {
            "tags": ["about"],
            "operationId": name,
            "summary": summary,
            "responses": {
                "200": {
                    "description": summary,
                    "content": {MEDIA_TYPES["json"]: {"schema": schema}},
                },
                **_problems((*_FORBIDDEN, *more)),
            },
        }
    }


_COLUMN = {
    "type": "object",
    "required": ["name", "type", "unit"],
    "properties": {"name": _TEXT, "type": _TEXT, "unit": _TEXT},
}
_PAGE = {
    "type": "object",
    "required": ["view", "columns", "rows", "next"],
    "properties": {
        "view": _TEXT,
        "columns": {"type": "array", "items": {"$ref": "#/components/schemas/Column"}},
        "rows": {"type": "array"},
        "next": {"type": ["string", "null"]},
    },
}
_RECEIPT = {
    "type": "object",
    "description": "A command that was committed.",
    "required": [
        "sequence", "at", "command", "subject", "result", "hash", "repeated",
    ],
    "properties": {
        "sequence": {"type": "integer", "description": "Number in the audit trail."},
        "at": {"type": "string", "format": "date-time"},
        "command": _TEXT,
        "subject": {"type": ["string", "null"]},
        "result": {"type": "object"},
        "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "repeated": {
            "type": "boolean",
            "description": "The key was seen before: this is the first result.",
        },
    },
}  # fmt: skip
_WORKBOOK = {"schema": {"type": "string", "format": "binary"}}
_EXTRA: dict[str, Any] = {
    f"{API}/workbooks": {
        "post": {
            "tags": ["commands"],
            "operationId": "import_workbook",
            "summary": "Preview a workbook, or take it in: all rows or none",
            "parameters": [
                {
                    "name": "reason",
                    "in": "query",
                    "required": True,
                    "schema": {"type": "string", "minLength": 1, "maxLength": 2000},
                },
                {
                    "name": "write",
                    "in": "query",
                    "description": "false previews and writes nothing.",
                    "schema": {"type": "string", "enum": ["false", "true"]},
                },
            ],
            "requestBody": {"required": True, "content": {_XLSX: _WORKBOOK}},
            "responses": {
                "200": {
                    "description": "What it writes, row by row.",
                    "content": {
                        MEDIA_TYPES["json"]: {
                            "schema": {
                                "type": "object",
                                "required": ["is_written", "new", "lines"],
                                "properties": {
                                    "is_written": {"type": "boolean"},
                                    "new": {"type": "integer"},
                                    "lines": {"type": "array"},
                                },
                            }
                        }
                    },
                },
                **_problems((*_FORBIDDEN, 413, 415, 422, 503)),
            },
        }
    },
    f"{API}/workbooks/template.xlsx": {
        "get": {
            "tags": ["about"],
            "operationId": "workbook_template",
            "summary": "An empty workbook with the names that the reserve knows",
            "responses": {
                "200": {"description": "Excel", "content": {_XLSX: _WORKBOOK}},
                **_problems(_FORBIDDEN),
            },
        }
    },
    f"{API}/me": _about(
        "who_am_i",
        "Who you are, and what you may do",
        {
            "type": "object",
            "required": ["user", "member", "roles", "commands", "views"],
            "properties": {
                "user": _TEXT,
                "member": {"type": ["string", "null"]},
                "roles": {"type": "array", "items": _TEXT},
                "commands": {"type": "array", "items": _TEXT},
                "views": {"type": "array", "items": _TEXT},
            },
        },
    ),
    f"{API}/verify": _about(
        "verify",
        "Replay the audit chain and compare it with the ledger",
        {
            "type": "object",
            "required": ["ok"],
            "properties": {"ok": {"type": "boolean"}},
        },
        more=(503,),
    ),
}
