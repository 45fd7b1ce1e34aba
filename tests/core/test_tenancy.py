"""Tenancy that cannot be forgotten: every path to a tenant's rows raises outside an organisation and, inside one,
touches that one's alone.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery

from apps.core.tenancy import (
    ForeignOrganization,
    NoOrganization,
    TenantManager,
    TenantModel,
    current_organization_id,
    enter_organization,
    organization_scope,
    unscoped,
)
from apps.tenants.models import Membership, Organization, ServiceAccount, User

pytestmark = pytest.mark.django_db

Rows = ServiceAccount.objects
ACCOUNTS = ServiceAccount.objects.all()  # as a class attribute of a view would hold it
NAMES = ["a1", "a2"]


class World:
    """Two organisations with two accounts each, and one person who is a member of both."""

    def __init__(self) -> None:
        self.ours = Organization.objects.create(slug="ours", name="Ours")
        self.theirs = Organization.objects.create(slug="theirs", name="Theirs")
        self.user = User.objects.create(email="ada@example.com")
        with unscoped(reason="the test's own rows"):
            for organization, names in ((self.ours, "a1 a2"), (self.theirs, "b1 b2")):
                Membership.objects.create(organization=organization, user=self.user, role="user")
                for name in names.split():
                    Rows.create(organization=organization, name=name, created_by=self.user)


@pytest.fixture
def world() -> World:
    return World()


def row(name: str) -> ServiceAccount:
    with unscoped(reason="looking from outside"):
        return Rows.get(name=name)


def names_left() -> list[str]:
    with unscoped(reason="looking from outside"):
        return sorted(Rows.values_list("name", flat=True))


def names(rows: Any) -> list[str]:
    return sorted(found.name for found in rows)


# ------------------------------------------------------------------ reading

READS: dict[str, tuple[Callable[[World], Any], Any]] = {
    "list": (lambda w: names(Rows.all()), NAMES),
    "a queryset made at import": (lambda w: names(ACCOUNTS.all()), NAMES),
    "filter": (lambda w: names(Rows.filter(name__gt="a1")), ["a2"]),
    "exclude": (lambda w: names(Rows.exclude(name="a1")), ["a2"]),
    "exclude all conditions": (lambda w: names(Rows.exclude(Q(name="a1") | Q(name="b1"))), ["a2"]),
    "either of two": (lambda w: names(Rows.filter(Q(name="a1") | Q(name="b1"))), ["a1"]),
    "get": (lambda w: Rows.get(name__startswith="a1").name, "a1"),
    "first": (lambda w: getattr(Rows.filter(name="b1").first(), "name", None), None),
    "last": (lambda w: getattr(Rows.order_by("name").last(), "name", None), "a2"),
    "latest": (lambda w: Rows.latest("name").name, "a2"),
    "exists": (lambda w: Rows.filter(name="b1").exists(), False),
    "contains": (lambda w: Rows.contains(row("b1")), False),
    "count": (lambda w: Rows.count(), 2),
    "aggregate": (lambda w: Rows.aggregate(n=Count("pk"))["n"], 2),
    "annotate": (
        lambda w: sorted(
            Rows.values("created_by").annotate(n=Count("pk")).values_list("n", flat=True)
        ),
        [2],
    ),
    "values": (lambda w: sorted(found["name"] for found in Rows.values("name")), NAMES),
    "values_list": (lambda w: sorted(Rows.values_list("name", flat=True)), NAMES),
    "dates": (lambda w: Rows.dates("created_at", "year").count(), 1),
    "iterator": (lambda w: names(Rows.iterator(chunk_size=1)), NAMES),
    "in_bulk": (lambda w: names(Rows.in_bulk([row("a1").pk, row("b1").pk]).values()), ["a1"]),
    "slice": (lambda w: names(Rows.order_by("-name")[:1]), ["a2"]),
    "distinct": (lambda w: names(Rows.distinct()), NAMES),
    "only": (lambda w: names(Rows.only("name")), NAMES),
    "defer": (lambda w: names(Rows.defer("is_active")), NAMES),
    "select_related": (lambda w: names(Rows.select_related("created_by")), NAMES),
    "combined by or": (lambda w: names(Rows.filter(name="a1") | Rows.filter(name="b1")), ["a1"]),
    "combined by and": (lambda w: names(Rows.all() & Rows.filter(name__lt="b")), NAMES),
    "union": (lambda w: names(Rows.filter(name="a1").union(Rows.filter(name="b1"))), ["a1"]),
    "difference": (lambda w: names(Rows.all().difference(Rows.filter(name="a1"))), ["a2"]),
    "intersection": (lambda w: names(Rows.all().intersection(Rows.filter(name="a1"))), ["a1"]),
    "subquery": (
        lambda w: User.objects.filter(pk__in=Rows.filter(name="b1").values("created_by")).count(),
        0,
    ),
    "scalar subquery": (
        lambda w: User.objects.annotate(
            account=Subquery(Rows.order_by("-name").values("name")[:1])
        ).values_list("account", flat=True)[0],
        "a2",
    ),
    "exists subquery": (
        lambda w: User.objects.filter(
            Exists(Rows.filter(created_by=OuterRef("pk"), name="b1"))
        ).count(),
        0,
    ),
    "prefetch": (
        lambda w: [
            member.organization_id == w.ours.pk
            for user in User.objects.prefetch_related("memberships")
            for member in user.memberships.all()
        ],
        [True],
    ),
    "prefetch of a queryset": (
        lambda w: [
            len(user.seats)  # type: ignore[attr-defined]  # made by the prefetch
            for user in User.objects.prefetch_related(
                Prefetch("memberships", Membership.objects.all(), to_attr="seats")
            )
        ],
        [1],
    ),
    "related manager": (lambda w: w.user.memberships.count(), 1),
    "related manager, exists": (
        lambda w: w.user.memberships.filter(organization=w.theirs).exists(),
        False,
    ),
    "explain": (lambda w: bool(Rows.all().explain()), True),
    "pickled query": (lambda w: names(_pickled_query()), NAMES),
}


def _pickled_query() -> Any:
    rows = Rows.all()
    rows.query = pickle.loads(pickle.dumps(rows.query))  # noqa: S301 - our own
    return rows


@pytest.mark.parametrize("read", [case[0] for case in READS.values()], ids=READS)
def test_read_raises_outside_an_organization(world: World, read: Callable[[World], Any]) -> None:
    with pytest.raises(NoOrganization):
        read(world)


@pytest.mark.parametrize(("read", "expected"), READS.values(), ids=READS)
def test_read_sees_its_own_rows_alone(
    world: World, read: Callable[[World], Any], expected: Any
) -> None:
    with organization_scope(world.ours.pk):
        assert read(world) == expected


def test_get_of_a_foreign_row_is_absent(world: World) -> None:
    with organization_scope(world.ours.pk), pytest.raises(ServiceAccount.DoesNotExist):
        Rows.get(name="b1")


def test_a_queryset_follows_the_scope_it_is_read_in(world: World) -> None:
    rows = ServiceAccount.objects.filter(name__gt="")

    with organization_scope(world.ours.pk):
        ours = names(rows.all())
    with organization_scope(world.theirs.pk):
        theirs = names(rows.all())

    assert (ours, theirs) == (["a1", "a2"], ["b1", "b2"])


# ------------------------------------------------------------------ reading, async

ASYNC_READS: dict[str, tuple[Callable[[World], Coroutine[Any, Any, Any]], Any]] = {
    "async for": (lambda w: _listed(Rows.all()), NAMES),
    "async for over exclude": (lambda w: _listed(Rows.exclude(name="a1")), ["a2"]),
    "async for over select_related": (lambda w: _listed(Rows.select_related("created_by")), NAMES),
    "aiterator": (lambda w: _listed(Rows.all().aiterator(chunk_size=1)), NAMES),
    "aexists": (lambda w: Rows.filter(name="b1").aexists(), False),
    "acount": (lambda w: Rows.acount(), 2),
    "aaggregate": (lambda w: Rows.aaggregate(n=Count("pk")), {"n": 2}),
    "afirst": (lambda w: _name(Rows.order_by("name").afirst()), "a1"),
    "alast": (lambda w: _name(Rows.order_by("name").alast()), "a2"),
    "aget": (lambda w: _name(Rows.aget(name="a1")), "a1"),
    "ain_bulk": (lambda w: _counted(Rows.ain_bulk()), 2),
    "related manager": (lambda w: w.user.memberships.acount(), 1),
}


async def _listed(rows: Any) -> list[str]:
    return sorted([found.name async for found in rows])


async def _name(reading: Coroutine[Any, Any, Any]) -> str:
    found = await reading
    return str(found.name)


async def _counted(reading: Coroutine[Any, Any, Any]) -> int:
    return len(await reading)


@pytest.mark.parametrize("read", [case[0] for case in ASYNC_READS.values()], ids=ASYNC_READS)
async def test_async_read_raises_outside_an_organization(
    world: World, read: Callable[[World], Coroutine[Any, Any, Any]]
) -> None:
    with pytest.raises(NoOrganization):
        await read(world)


@pytest.mark.parametrize(("read", "expected"), ASYNC_READS.values(), ids=ASYNC_READS)
async def test_async_read_sees_its_own_rows_alone(
    world: World, read: Callable[[World], Coroutine[Any, Any, Any]], expected: Any
) -> None:
    with organization_scope(world.ours.pk):
        assert await read(world) == expected


async def test_concurrent_tasks_keep_their_own(world: World) -> None:
    async def read(organization: Organization) -> list[str]:
        enter_organization(organization.pk)
        found = []
        for _ in range(3):
            await asyncio.sleep(0)
            found.append(",".join(await _listed(Rows.all())))
        return found

    async def read_nothing() -> str:
        await asyncio.sleep(0)
        with pytest.raises(NoOrganization):
            await Rows.acount()
        return "nothing"

    found = await asyncio.gather(read(world.ours), read(world.theirs), read_nothing())

    assert found == [["a1,a2"] * 3, ["b1,b2"] * 3, "nothing"]


# ------------------------------------------------------------------ changing

CHANGES: dict[str, tuple[Callable[[World], Any], Any, list[str]]] = {
    "update": (lambda w: Rows.update(name=F("name")), 2, ["a1", "a2", "b1", "b2"]),
    "update of a foreign row": (
        lambda w: Rows.filter(name="b1").update(name="x"),
        0,
        ["a1", "a2", "b1", "b2"],
    ),
    "update through a subquery": (
        lambda w: Rows.filter(pk__in=Rows.filter(name="b1")).update(name="x"),
        0,
        ["a1", "a2", "b1", "b2"],
    ),
    "delete": (lambda w: Rows.all().delete()[0], 2, ["b1", "b2"]),
    "delete of a foreign row": (
        lambda w: Rows.filter(name="b1").delete()[0],
        0,
        ["a1", "a2", "b1", "b2"],
    ),
    "bulk_update of a foreign row": (
        lambda w: _bulk_updated("b1"),
        0,
        ["a1", "a2", "b1", "b2"],
    ),
    "bulk_update": (lambda w: _bulk_updated("a1"), 1, ["a1!", "a2", "b1", "b2"]),
    "get_or_create": (
        lambda w: Rows.get_or_create(name="b1", defaults={"organization": w.ours})[1],
        True,
        ["a1", "a2", "b1", "b1", "b2"],
    ),
    "update_or_create": (
        lambda w: Rows.update_or_create(name="a1", defaults={"name": "a0"})[1],
        False,
        ["a0", "a2", "b1", "b2"],
    ),
    "create": (
        lambda w: Rows.create(organization=w.ours, name="a3").name,
        "a3",
        ["a1", "a2", "a3", "b1", "b2"],
    ),
    "bulk_create": (
        lambda w: len(Rows.bulk_create([ServiceAccount(organization=w.ours, name="a3")])),
        1,
        ["a1", "a2", "a3", "b1", "b2"],
    ),
    "save": (lambda w: _renamed("a1").save(), None, ["a1!", "a2", "b1", "b2"]),
    "delete one": (lambda w: row("a1").delete()[0], 1, ["a2", "b1", "b2"]),
    "lock": (lambda w: names(_locked()), NAMES, ["a1", "a2", "b1", "b2"]),
}


def _renamed(name: str) -> ServiceAccount:
    account = row(name)
    account.name += "!"
    return account


def _bulk_updated(name: str) -> int:
    return Rows.bulk_update([_renamed(name)], ["name"])


def _locked() -> Any:
    return Rows.select_for_update()


@pytest.mark.parametrize("change", [case[0] for case in CHANGES.values()], ids=CHANGES)
def test_change_raises_outside_an_organization(
    world: World, change: Callable[[World], Any]
) -> None:
    with pytest.raises(NoOrganization), transaction.atomic():
        change(world)

    assert names_left() == ["a1", "a2", "b1", "b2"]


@pytest.mark.parametrize(("change", "answer", "left"), CHANGES.values(), ids=CHANGES)
def test_change_touches_its_own_rows_alone(
    world: World, change: Callable[[World], Any], answer: Any, left: list[str]
) -> None:
    with organization_scope(world.ours.pk):
        assert change(world) == answer

    assert names_left() == left


ASYNC_CHANGES: dict[str, Callable[[World, ServiceAccount], Coroutine[Any, Any, Any]]] = {
    "aupdate": lambda w, b1: Rows.filter(name="b1").aupdate(name="x"),
    "adelete": lambda w, b1: Rows.filter(name="b1").adelete(),
    "acreate": lambda w, b1: Rows.acreate(organization=w.theirs, name="x"),
    "abulk_create": lambda w, b1: Rows.abulk_create([ServiceAccount(organization=w.theirs)]),
    "asave": lambda w, b1: b1.asave(),
    "adelete one": lambda w, b1: b1.adelete(),
}


@pytest.mark.parametrize("change", ASYNC_CHANGES.values(), ids=ASYNC_CHANGES)
def test_async_change_never_reaches_a_foreign_row(
    world: World, change: Callable[[World, ServiceAccount], Coroutine[Any, Any, Any]]
) -> None:
    account = _renamed("b1")

    @async_to_sync
    async def run() -> None:
        await change(world, account)

    with pytest.raises(NoOrganization), transaction.atomic():
        run()
    with organization_scope(world.ours.pk), suppress(ForeignOrganization):
        run()

    assert names_left() == ["a1", "a2", "b1", "b2"]


FOREIGN_WRITES: dict[str, Callable[[World], Any]] = {
    "create": lambda w: Rows.create(organization=w.theirs, name="x"),
    "get_or_create": lambda w: Rows.get_or_create(name="b1", organization=w.theirs),
    "update_or_create": lambda w: Rows.update_or_create(name="b1", organization=w.theirs),
    "bulk_create": lambda w: Rows.bulk_create([ServiceAccount(organization=w.theirs, name="x")]),
    "bulk_create of a mixture": lambda w: Rows.bulk_create(
        ServiceAccount(organization=owner, name="x") for owner in (w.ours, w.theirs)
    ),
    "save": lambda w: _renamed("b1").save(),
    "save of some fields": lambda w: _renamed("b1").save(update_fields=["name"]),
    "delete": lambda w: row("b1").delete(),
    "giving a row away": lambda w: _given_away(w).save(),
    "giving rows away": lambda w: Rows.update(organization=w.theirs),
    "giving rows away by id": lambda w: Rows.update(organization_id=w.theirs.pk),
    "giving rows away in bulk": lambda w: Rows.bulk_update([_given_away(w)], ["organization"]),
    "taking a row": lambda w: _taken(w).save(),
    "overwriting a row by its primary key": lambda w: ServiceAccount(
        pk=row("b1").pk, organization=w.ours, name="x"
    ).save(),
    "overwriting by bulk_create": lambda w: Rows.bulk_create(
        [ServiceAccount(pk=row("b1").pk, organization=w.ours, name="x")],
        update_conflicts=True,
        update_fields=["name"],
        unique_fields=["id"],
    ),
    "related manager": lambda w: w.user.memberships.create(organization=w.theirs, role="user"),
}


def _given_away(world: World) -> ServiceAccount:
    account = row("a1")
    account.organization = world.theirs
    return account


def _taken(world: World) -> ServiceAccount:
    account = row("b1")
    account.organization = world.ours
    return account


@pytest.mark.parametrize("write", FOREIGN_WRITES.values(), ids=FOREIGN_WRITES)
def test_write_for_another_organization_raises(world: World, write: Callable[[World], Any]) -> None:
    with (
        organization_scope(world.ours.pk),
        pytest.raises((ForeignOrganization, IntegrityError)),
        transaction.atomic(),
    ):
        write(world)

    assert names_left() == ["a1", "a2", "b1", "b2"]
    assert row("b1").organization_id == world.theirs.pk


# ------------------------------------------------------------------ the scope itself


def test_unscoped_sees_and_writes_everything(world: World) -> None:
    with organization_scope(world.ours.pk), unscoped(reason="a job across organisations"):
        seen = names(Rows.filter(Q(name="a1") | Q(name="b1")))
        Rows.create(organization=world.theirs, name="b3")
        Rows.filter(name="a1").delete()

    assert seen == ["a1", "b1"]
    assert names_left() == ["a2", "b1", "b2", "b3"]


def test_unscoped_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="say why"), unscoped(reason=""):
        pass


def test_scopes_end_where_they_began(world: World) -> None:
    with organization_scope(world.ours.pk):
        with pytest.raises(KeyError), organization_scope(world.theirs.pk):
            raise KeyError
        inside = current_organization_id()
        with unscoped(reason="to look"), pytest.raises(NoOrganization):
            current_organization_id()

    assert inside == world.ours.pk
    with pytest.raises(NoOrganization):
        current_organization_id()


def test_a_generator_read_after_the_scope_raises(world: World) -> None:
    def late() -> Iterator[ServiceAccount]:
        yield from Rows.iterator()

    with organization_scope(world.ours.pk):
        rows = late()

    with pytest.raises(NoOrganization):
        next(rows)


def test_a_bare_thread_is_outside(world: World) -> None:
    def count() -> int:
        try:
            return Rows.count()
        finally:
            connection.close()

    with organization_scope(world.ours.pk), ThreadPoolExecutor(1) as threads:
        counted = threads.submit(count)

    with pytest.raises(NoOrganization):
        counted.result()


def test_the_condition_is_one_comparison(world: World) -> None:
    """No join and no subquery: the index on the organisation serves it."""
    with organization_scope(world.ours.pk):
        sql = str(Rows.filter(name="a1").values("pk").query)

    column = '"tenants_serviceaccount"."organization_id"'
    assert sql.count(f"{column} = {world.ours.pk}") == 1
    assert "JOIN" not in sql
    assert sql.count("SELECT") == 1


# ------------------------------------------------------------------ the guard over all models

NOT_OWNED = {
    # Ours
    "core.ChangeMark": "a counter of changes; holds no content of anybody's",
    "events.Sequencer": "one row: who numbers the events of the installation",
    "jobs.Periodic": "the house's own schedule",
    "tenants.Organization": "the owner itself",
    "tenants.User": "a person may belong to several organisations",
    # Django's
    "admin.LogEntry": "the operator's own history",
    "auth.Group": "Django's permissions of the operator's admin",
    "auth.Permission": "Django's permissions of the operator's admin",
    "contenttypes.ContentType": "the list of models",
    "sessions.Session": "a browser; the organisation is inside",
}


def concrete_models() -> dict[str, type]:
    return {
        model._meta.label: model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
    }


def test_every_model_is_owned_or_says_why_not() -> None:
    homeless = {
        label
        for label, model in concrete_models().items()
        if not issubclass(model, TenantModel) and label not in NOT_OWNED and not _is_join(model)
    }

    assert homeless == set()


def test_the_list_of_models_not_owned_is_current() -> None:
    models = concrete_models()
    stale = {
        label
        for label in NOT_OWNED
        if label not in models or issubclass(models[label], TenantModel)
    }

    assert stale == set()


def test_every_owned_model_is_read_through_the_guard() -> None:
    """A manager of its own, or a queryset without the write guard, would be a hole."""
    wrong = {
        label
        for label, model in concrete_models().items()
        if issubclass(model, TenantModel)
        and not all(isinstance(manager, TenantManager) for manager in model._meta.managers)
    }

    assert wrong == set()


def _is_join(model: Any) -> bool:
    """The table behind a many-to-many field between models that are not owned."""
    owner = model._meta.auto_created
    return bool(owner) and owner._meta.label in NOT_OWNED
