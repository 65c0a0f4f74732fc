# SPDX-License-Identifier: Apache-2.0
"""One page per command: its form, what was typed, the refusal, and the way on.

A form carries a key of its own, so pressing twice does a thing once, and the version
of the thing as it was seen, so a thing that changed meanwhile is not overwritten.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError
from starlette.responses import RedirectResponse

from oreserve.reserve import NotFound, Refused, roles_for
from oreserve.reserve import Request as Order
from oreserve.reserve._contracts import BY_WORD
from oreserve.reserve._queries import views
from oreserve.web._forms import Field, Option, Shape, defaults, draw, read
from oreserve.web._grids import link_to
from oreserve.web._problems import Problem, field_errors
from oreserve.web._registry import MAKERS, hushed, open_commands
from oreserve.web._visit import Entry, Visit
from oreserve.web._words import heading, item_name, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

    from oreserve.reserve import Command, Receipt

__all__ = ["do_page", "local_path", "perform"]

MOST_CHOICES = 300  # above this a name is typed, not chosen
_ONE_OF = re.compile(r"(?:One|Any) of ([\w, ]+)$")
_VERSION = re.compile(r"\d{1,18}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# Arguments that name a thing: the view to choose from and the columns to show.
_THINGS = {
    "item": ("items", ("mineral", "form")),
    "depot": ("depots", ("name",)),
    "owner": ("owners", ("name",)),
    "producer": ("producers", ("name",)),
    "member": ("members", ("name",)),
    "series": ("index_series", ("name",)),
    "contract": ("contracts", ("title",)),
    "order_id": ("orders", ("contract", "status")),
    "delivery": ("deliveries", ("due_on", "status")),
    "lot": ("lots", ("item", "grams", "depot")),
    "release_id": ("releases", ("item", "status")),
    "appropriation": ("appropriations", ("title",)),
    "trigger": ("triggers", ("description",)),
    "user": ("users", ("name",)),
    "duty": ("duties", ("member", "item")),
}
_ALSO = {
    "to_depot": "depot", "from_depot": "depot", "to_member": "member",
    "from_member": "member", "use_item": "item",
}  # fmt: skip


def local_path(text: str) -> str:
    r"""Return a path of this server to go on to; anything else is the overview.

    Examples
    --------
    >>> local_path("/lots?item=x"), local_path("//evil.example"), local_path("/\\e")
    ('/lots?item=x', '/', '/')
    """
    if not text.isprintable() or not text.startswith("/") or "\\" in text:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:  # such as //[
        return "/"
    is_here = not (parts.scheme or parts.netloc or text.startswith("//"))
    return text if is_here else "/"


def do_page(visit: Visit, name: str) -> Response:
    """Show the form of a command with what the address fills in."""
    what = _known(visit, name)
    asked = {n: v for n, v in visit.request.query_params.items() if len(v) < 4000}
    given = frozenset(asked) & frozenset(what.arguments.model_fields)
    typed = defaults(Shape.of(what.arguments.model_json_schema())) | asked
    return _draw(visit, what, typed, fixed=given & frozenset(what.names))


async def perform(visit: Visit, name: str, typed: Mapping[str, str]) -> Response:
    """Carry out what a form says, or show the form again with the reason why not."""
    what = _known(visit, name)
    fixed = frozenset(typed.get("_fixed", "").split()) & frozenset(what.names)
    if typed.get("_more"):
        return _draw(visit, what, typed, fixed=fixed)
    arguments, errors = read(Shape.of(what.arguments.model_json_schema()), typed)
    errors |= _model_errors(what, arguments, errors)
    reason = typed.get("_reason", "").strip()
    if not reason:
        errors["_reason"] = "Say why."
    if errors:
        told = "Some fields do not hold; nothing was written."
        refused = Refused("arguments", told)
        return _draw(visit, what, typed, fixed=fixed, refused=refused, errors=errors)
    version = typed.get("_version", "")
    key = typed.get("_key", "")
    request = Order(
        name,
        arguments,
        visit.who.user,
        reason,
        key if _KEY.fullmatch(key) else secrets.token_urlsafe(18),
        int(version) if _VERSION.fullmatch(version) else None,
    )
    try:
        receipt = await visit.state.writer.execute(request)
    except NotFound as error:
        absent = hushed(error, name, visit.who, visit.state.reserve)
        return _draw(visit, what, typed, fixed=fixed, refused=absent, errors={})
    except (Refused, Problem) as error:
        return _draw(visit, what, typed, fixed=fixed, refused=error, errors={})
    visit.state.doorman.forget_roles_after(name)
    return RedirectResponse(_way_on(what, receipt, typed.get("_next", "")), 303)


def _known(visit: Visit, name: str) -> Command:
    what = open_commands().get(name)
    if what is None:
        message = f"there is no command {name[:80]!r}"
        raise NotFound(message)
    if not visit.may(name):
        may = ", ".join(roles_for(name)) or "nobody"
        message = f"{visit.who.user} may not {name}; it needs one of: {may}"
        raise Refused(rule="role", message=message, allowed=list(roles_for(name)))
    return what


def _model_errors(
    what: Command, arguments: Mapping[str, Any], known: Mapping[str, str]
) -> dict[str, str]:
    """Check the arguments; a field that could not be read is not missing as well."""
    try:
        what.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        found = field_errors(error.errors(include_url=False, include_input=False))
        return {
            one["field"]: one["message"]
            for one in found
            if one["field"] and not any(k.startswith(one["field"]) for k in known)
        } or ({} if known else {"": "; ".join(one["message"] for one in found)})
    return {}


def _draw(
    visit: Visit,
    what: Command,
    typed: Mapping[str, str],
    *,
    fixed: frozenset[str],
    refused: Refused | Problem | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    shapes = Shape.of(what.arguments.model_json_schema())
    wrong = errors or {}
    options = _choices(visit, shapes)
    if what.name in MAKERS:
        own = what.names[0] if what.names else what.kind
        options = {name: one for name, one in options.items() if name != own}
    fields = draw(shapes, typed, wrong, options, fixed=fixed)
    paragraphs = _help(what)
    back = local_path(typed.get("_next", "/"))
    title = what.name.replace("_", " ")
    title = title[:1].upper() + title[1:]
    return visit.page(
        title,
        template="do.html.j2",
        status=200 if refused is None else getattr(refused, "status", 0) or 503,
        command=what.name,
        help=paragraphs,
        fields=fields,
        fixed=[
            Entry(heading(name), shown(name, typed.get(name)))
            for name in what.names
            if name in fixed
        ],
        fixed_names=" ".join(sorted(fixed)),
        wide=any(field.kind == "lines" for field in fields),
        key=_fresh_key(typed, refused),
        version=typed.get("_version", ""),
        next=back,
        reason=typed.get("_reason", ""),
        reason_error=wrong.get("_reason", ""),
        verb=title,
        refusal=_refusal(refused, wrong, fields),
    )


def _fresh_key(typed: Mapping[str, str], refused: object) -> str:
    """Keep the key of a form whose outcome is unknown; else make a new one."""
    if isinstance(refused, Problem) and _KEY.fullmatch(typed.get("_key", "")):
        return typed["_key"]
    return secrets.token_urlsafe(18)


def _refusal(
    refused: Refused | Problem | None,
    errors: Mapping[str, str],
    fields: Sequence[Field],
) -> dict[str, Any] | None:
    if refused is None:
        return None
    ids = {field.name: (field.id, field.label) for field in fields}
    listed = []
    for place, message in errors.items():
        if place == "_reason":
            listed.append({"id": "f-_reason", "label": "Reason", "message": message})
            continue
        top = place.split(".")[0]
        anchor, label = ids.get(place) or ids.get(top) or ("", heading(top))
        listed.append({"id": anchor, "label": label, "message": message})
    allowed = getattr(refused, "allowed", None)
    return {
        "title": "Refused: nothing was written"
        if isinstance(refused, Refused)
        else "No answer",
        "message": _sentence(
            refused.message if isinstance(refused, Refused) else str(refused.detail)
        ),
        "allowed": "" if errors else _allowed_text(allowed),
        "errors": listed,
    }


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _allowed_text(allowed: object) -> str:
    if not allowed:
        return ""
    if isinstance(allowed, dict):
        return ", ".join(
            f"{heading(str(k))} {shown(str(k), v)}" for k, v in allowed.items()
        )
    if isinstance(allowed, list | tuple):
        return ", ".join(str(one) for one in allowed)
    return str(allowed)


def _help(what: Command) -> list[str]:
    """Return the paragraphs of a command's help, up to its numpy sections."""
    text = re.split(r"\n\s*\w+\n\s*-{3,}", what.help)[0]
    return [" ".join(part.split()) for part in text.strip().split("\n\n")]


def _choices(visit: Visit, shapes: Sequence[Shape]) -> dict[str, Sequence[Option]]:
    found: dict[str, Sequence[Option]] = {
        "rung": [Option(rung, rung.replace("_", " ")) for rung in BY_WORD]
    }
    for shape in (*shapes, *(part for one in shapes for part in one.parts)):
        named = _ONE_OF.search(shape.hint)
        if named:
            words = [word.strip() for word in named[1].split(",")]
            found[shape.name] = [Option(word, word.replace("_", " ")) for word in words]
            continue
        thing = _ALSO.get(shape.name, shape.name)
        if thing in _THINGS and shape.name not in found:
            view, columns = _THINGS[thing]
            options = _options(visit, view, columns)
            if options:
                found[shape.name] = options
    return found


def _options(visit: Visit, view: str, columns: Sequence[str]) -> list[Option]:
    if not visit.reads(view):
        return []
    key = views()[view].key
    if len(key) != 1:
        return []
    page = visit.state.reserve.query.page(view, visit.who, limit=MOST_CHOICES)
    if page.next is not None:
        return []
    options = []
    for row in page.rows:
        if row.get("status") in {"spent", "cancelled", "closed"}:
            continue
        value = str(row[key[0]])
        words = [shown(name, row.get(name)) for name in columns if row.get(name)]
        name = item_name(value) if view == "items" else value
        text = f"{name} ({', '.join(words)})" if words else name
        options.append(Option(value, text))
    return options


def _way_on(what: Command, receipt: Receipt, back: str) -> str:
    """Return where to go: to the new thing, or back to where the person was."""
    target = local_path(back) if back else "/"
    if not what.names:
        for column in ("contract", "lot", "release_id", "member"):
            made = receipt.result.get(column)
            if isinstance(made, str) and what.table.startswith(column[:4]):
                target = link_to(column, made)
                break
    path, _, query = target.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith("done=")]
    return f"{path}?{'&'.join([*kept, urlencode({'done': receipt.sequence})])}"
