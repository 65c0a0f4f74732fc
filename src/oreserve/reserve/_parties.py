# SPDX-License-Identifier: Apache-2.0
"""Commands about users and their roles, depots, owners, producers and items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from oreserve.reserve._commands import command, guard
from oreserve.reserve._roles import ROLES, actions
from oreserve.reserve._schema import OWNER_KINDS
from oreserve.reserve._values import (
    Arguments,
    Cents,
    Country,
    Days,
    GramsOrNone,
    Note,
    ThingId,
    Title,
)
from oreserve.tables import country_names, nearest

if TYPE_CHECKING:
    from oreserve.reserve._book import Book
    from oreserve.study import Study

__all__ = ["items_of"]

GRAMS_PER_T = 1_000_000
DAYS_PER_YEAR = 365.25


class FoundReserve(Arguments):
    """Name of the reserve and of its first administrator."""

    name: Title
    administrator: ThingId


class AddUser(Arguments):
    """A person, or a program, that may command."""

    user: ThingId
    name: Title
    email: Title | None = None
    member: ThingId | None = Field(None, description="Member for whom the user acts")
    roles: list[str] = Field([], description=f"Any of {', '.join(ROLES)}")


class ChangeUser(Arguments):
    """What changes; what is left out stays."""

    user: ThingId
    name: Title | None = None
    email: Title | None = None
    active: bool | None = None


class UserRole(Arguments):
    """A user and one role."""

    user: ThingId
    role: str = Field(description=f"One of {', '.join(ROLES)}")


class UserOnly(Arguments):
    """A user."""

    user: ThingId


class IssueToken(Arguments):
    """For whom, for what and until when; the token itself is kept elsewhere."""

    user: ThingId
    name: Title
    scopes: list[str] = Field(
        min_length=1, description="read, write, or names of commands"
    )
    expires_at: str = Field(max_length=40, description="RFC 3339, UTC")


class RevokeToken(Arguments):
    """Whose token, and which."""

    user: ThingId
    token: ThingId


class LinkIdentity(Arguments):
    """Who may sign in as whom through an identity provider."""

    user: ThingId
    issuer: Title = Field(description="Address of the provider")
    identity: Title = Field(description="The provider's name of the person")


class AddDepot(Arguments):
    """A place where lots lie."""

    depot: ThingId
    name: Title
    country: Country
    capacity_g: GramsOrNone | None = Field(None, description="Room, g; null: unknown")


class ChangeDepot(Arguments):
    """What changes; what is left out stays."""

    depot: ThingId
    name: Title | None = None
    capacity_g: GramsOrNone | None = Field(None, description="Room, g")
    active: bool | None = None


class AddOwner(Arguments):
    """Whose lots: the strategic reserve, the industrial one, or a keeper for others."""

    owner: ThingId
    name: Title
    kind: str = Field(description=f"One of {', '.join(OWNER_KINDS)}")


class ChangeProducer(Arguments):
    """What changes; what is left out stays."""

    producer: ThingId
    name: Title | None = None
    note: Note | None = None


class Item(Arguments):
    """What is counted, traded and stored: mineral x form x stage."""

    item: ThingId
    mineral: Title | None = None
    stage: Title | None = None
    form: Title | None = None
    basis: Title | None = Field(None, description="Mass basis of its grams")
    purity: Title | None = None
    storage_cents_per_t_year: Cents | None = Field(
        None, description="Storage, US cents per t and year; null: unknown"
    )
    shelf_life_days: Days | None = Field(None, description="Days; null: no limit")
    study: Title | None = Field(None, description="Study that it comes from")


class AddItems(Arguments):
    """Items that the reserve may hold."""

    items: list[Item] = Field(min_length=1, max_length=5000)


class ChangeItem(Arguments):
    """What changes; what is left out stays."""

    item: ThingId
    storage_cents_per_t_year: Cents | None = None
    shelf_life_days: Days | None = None


@command("found_reserve", subject=("reserve", None))
def found_reserve(book: Book, given: FoundReserve) -> dict[str, object]:
    """Found the reserve; only in an empty database."""
    if book.sequence != 1:
        book.refuse("exists", "this database holds a reserve already")
    if given.administrator != book.actor.user:
        book.refuse("role", "the founder is the first administrator")
    book.insert("meta", name="name", value=given.name)
    book.insert("meta", name="founded_at", value=book.at)
    book.insert(
        "users",
        user=given.administrator,
        name=given.administrator,
        email=None,
        member=None,
        active=True,
    )
    book.insert("user_roles", user=given.administrator, role="administrator")
    return {"name": "name", "administrator": given.administrator}


@command("add_user", subject=("user", "user"))
def add_user(book: Book, given: AddUser) -> dict[str, object]:
    """Add a user, with roles or without."""
    if given.member is not None:
        book.need("members", member=given.member)
    book.insert(
        "users",
        user=given.user,
        name=given.name,
        email=given.email,
        member=given.member,
        active=True,
    )
    for role in sorted(set(given.roles)):
        _check_role(book, role)
        _check_member_named(book, given.user, role, given.member)
        book.insert("user_roles", user=given.user, role=role)
    return {"user": given.user}


@command("change_user", subject=("user", "user"))
def change_user(book: Book, given: ChangeUser) -> dict[str, object]:
    """Change a user's name, address or activity."""
    if given.active is False:
        _keep_an_administrator(book, given.user)
    book.change("users", {"user": given.user}, **_given(given, "user"))
    return {"user": given.user}


@command("grant_role", subject=("user", "user"))
def grant_role(book: Book, given: UserRole) -> dict[str, object]:
    """Give a user a role."""
    _check_role(book, given.role)
    user = book.need("users", user=given.user)
    _check_member_named(book, given.user, given.role, user["member"])
    book.insert("user_roles", user=given.user, role=given.role)
    book.change("users", {"user": given.user})
    return {"user": given.user, "role": given.role}


@command("revoke_role", subject=("user", "user"))
def revoke_role(book: Book, given: UserRole) -> dict[str, object]:
    """Take a role from a user; one active administrator always stays."""
    _check_role(book, given.role)
    if given.role == "administrator":
        _keep_an_administrator(book, given.user)
    book.remove("user_roles", user=given.user, role=given.role)
    book.change("users", {"user": given.user})
    return {"user": given.user, "role": given.role}


@command("set_password", subject=("user", "user"))
def set_password(book: Book, given: UserOnly) -> dict[str, object]:
    """Record who set whose password; the password itself is kept elsewhere.

    Everybody may set their own, an administrator any.
    """
    book.change("users", {"user": given.user})
    return {"user": given.user}


@command("issue_token", subject=("user", "user"))
def issue_token(book: Book, given: IssueToken) -> dict[str, object]:
    """Record that a token was issued; everybody for themselves, an administrator any.

    A token never may more than its user.
    """
    for scope in given.scopes:
        _check_word(book, "scope", scope, ("read", "write", *actions()))
    book.change("users", {"user": given.user})
    return {"user": given.user, "name": given.name}


@command("revoke_token", subject=("user", "user"))
def revoke_token(book: Book, given: RevokeToken) -> dict[str, object]:
    """Record that a token was revoked; everybody their own, an administrator any."""
    book.change("users", {"user": given.user})
    return {"user": given.user, "token": given.token}


@guard("set_password", "issue_token", "revoke_token")
def _guard_sign_in(book: Book, given: UserOnly | IssueToken | RevokeToken) -> None:
    _check_own(book, given.user)


@command("link_identity", subject=("user", "user"))
def link_identity(book: Book, given: LinkIdentity) -> dict[str, object]:
    """Record that a user may sign in through an identity provider."""
    book.change("users", {"user": given.user})
    return {"user": given.user, "issuer": given.issuer}


@command("add_depot", subject=("depot", "depot"))
def add_depot(book: Book, given: AddDepot) -> dict[str, object]:
    """Add a depot."""
    _check_country(book, given.country)
    book.insert(
        "depots",
        depot=given.depot,
        name=given.name,
        country=given.country,
        capacity_g=given.capacity_g,
        active=True,
    )
    return {"depot": given.depot}


@command("change_depot", subject=("depot", "depot"))
def change_depot(book: Book, given: ChangeDepot) -> dict[str, object]:
    """Change a depot's name, room or activity; only an empty one can be closed."""
    held = book.total("mass_balances", "grams", account=f"depot:{given.depot}")
    if given.active is False and held:
        book.refuse("not_empty", f"depot {given.depot} holds {held} g: move them first")
    if given.capacity_g is not None and given.capacity_g < held:
        book.refuse(
            "no_room", f"depot {given.depot} holds {held} g already", {"grams": held}
        )
    book.change("depots", {"depot": given.depot}, **_given(given, "depot"))
    return {"depot": given.depot}


@command("add_owner", subject=("owner", "owner"))
def add_owner(book: Book, given: AddOwner) -> dict[str, object]:
    """Add an owner of lots."""
    _check_word(book, "kind of owner", given.kind, OWNER_KINDS)
    book.insert("owners", owner=given.owner, name=given.name, kind=given.kind)
    return {"owner": given.owner}


@command("change_producer", subject=("producer", "producer"))
def change_producer(book: Book, given: ChangeProducer) -> dict[str, object]:
    """Change a producer's name or note."""
    book.change("producers", {"producer": given.producer}, **_given(given, "producer"))
    return {"producer": given.producer}


@command("add_items", subject=("item", None))
def add_items(book: Book, given: AddItems) -> dict[str, object]:
    """Add items that the reserve may hold."""
    for item in given.items:
        book.insert("items", **item.model_dump())
    return {"items": [item.item for item in given.items]}


@command("change_item", subject=("item", "item"))
def change_item(book: Book, given: ChangeItem) -> dict[str, object]:
    """Change an item's storage cost or shelf life."""
    book.change("items", {"item": given.item}, **_given(given, "item"))
    return {"item": given.item}


def items_of(study: Study | str) -> list[dict[str, Any]]:
    """Return a study's storable items as arguments of ``add_items``.

    Storage in USD per t and year becomes whole cents, shelf life in years whole days.
    """
    from oreserve.study import load_study

    loaded = load_study(study) if isinstance(study, str) else study
    rows = []
    for row in loaded.table("items").sort("item").iter_rows(named=True):
        if row["storable"] is False:
            continue
        storage, life = row["storage_usd_per_t_year"], row["shelf_life_years"]
        rows.append(
            {
                "item": row["item"],
                "mineral": row["mineral"],
                "stage": row["stage"],
                "form": row["form"],
                "basis": row["basis"],
                "purity": row["purity"],
                "storage_cents_per_t_year": (
                    None if storage is None else round(storage * 100)
                ),
                "shelf_life_days": None if life is None else int(life * DAYS_PER_YEAR),
                "study": loaded.name,
            }
        )
    return rows


def _given(given: Arguments, *but: str) -> dict[str, Any]:
    """Return what a change gives: set and not null."""
    values = given.model_dump(exclude=set(but), exclude_none=True)
    return dict(sorted(values.items()))


def _check_word(book: Book, what: str, word: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word outside a closed list."""
    if word not in allowed:
        near = nearest(word, allowed)
        hint = f"; nearest: {near!r}" if near else ""
        message = f"{what} {word!r} is none of {', '.join(allowed)}{hint}"
        book.refuse("arguments", message, list(allowed))


def _check_own(book: Book, user: str) -> None:
    """Refuse to touch another's sign-in, unless as an administrator."""
    if user != book.actor.user and "administrator" not in book.actor.roles:
        message = f"{book.actor.user} is not {user}: an administrator can do this"
        book.refuse("role", message, ["administrator"])


def _check_role(book: Book, role: str) -> None:
    """Refuse a role that is none."""
    _check_word(book, "role", role, ROLES)


def _check_member_named(book: Book, user: str, role: str, member: str | None) -> None:
    """Refuse the role of a member to who acts for none."""
    if role == "member" and member is None and book.rules > 1:
        message = (
            f"{user} acts for no member: add a user with the member that it acts for"
        )
        book.refuse("no_member", message, {"commands": ["add_user"]})


def _check_country(book: Book, country: str) -> None:
    """Refuse a code that is no country's."""
    if country not in country_names():
        near = nearest(country, country_names())
        hint = f"; nearest: {near!r}" if near else ""
        book.refuse("arguments", f"country {country!r} is no ISO 3166 code{hint}")


def _keep_an_administrator(book: Book, user: str) -> None:
    """Refuse to leave the reserve without an active administrator."""
    others = [
        row["user"]
        for row in book.rows("user_roles", role="administrator")
        if row["user"] != user and book.need("users", user=row["user"])["active"]
    ]
    if not others:
        book.refuse("last_administrator", f"{user} is the last active administrator")
