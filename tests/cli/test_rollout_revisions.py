"""atoll rollout history, diff and undo: what was released, and the way back."""

from __future__ import annotations

from tests.cli.shop import Shop


async def test_history_tells_what_became_of_each_revision(shop: Shop) -> None:
    await shop.released_twice()
    _, *rows = (await shop.atoll("history", "deployment/web")).out.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["1", "web-a", "nginx:1"],
        ["2", "web-b", "nginx:2"],
        ["3", "web-c", "nginx:3"],
    ]
    assert rows[1].endswith("Completed in web-1; stable")
    assert rows[2].endswith("RolledBack in web-2 (PodsFailed)")


async def test_diff_is_from_a_revision_to_what_is_there(shop: Shop) -> None:
    await shop.released_twice()
    said = (await shop.atoll("diff", "deployment/web", "--revision", "1")).out.splitlines()
    assert "-  - image: nginx:1" in said
    assert "+  - image: nginx:2" in said
    assert "is that of revision 2" in (await shop.atoll("diff", "deployment/web")).out


async def test_undo_returns_to_the_stable_revision(shop: Shop) -> None:
    await shop.released_twice()
    await shop.deploy("nginx:3")
    said = await shop.atoll("undo", "deployment/web")
    assert said.code == 0, said.err
    assert await shop.image() == "nginx:2"


async def test_undo_returns_to_a_revision_by_number(shop: Shop) -> None:
    await shop.released_twice()
    await shop.atoll("undo", "deployment/web", "--to-revision", "1")
    assert await shop.image() == "nginx:1"


async def test_undo_to_what_is_there_is_an_error(shop: Shop) -> None:
    await shop.released_twice()
    said = await shop.atoll("undo", "deployment/web")
    assert said.code == 1
    assert "--to-revision" in said.err


async def test_undo_to_a_revision_that_is_not_kept_names_those_that_are(shop: Shop) -> None:
    await shop.released_twice()
    said = await shop.atoll("undo", "deployment/web", "--to-revision", "7")
    assert said.code == 1
    assert "1, 2, 3" in said.err
