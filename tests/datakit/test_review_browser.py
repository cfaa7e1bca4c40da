"""The review page in a real browser: rate, prefer, flag, reload, save; and what it saved goes into the store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datakit.review import review
from rewards.outcome import Outcome, Status
from schemas.options import ReviewOptions

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HOSTILE = "<img src=x onerror=\"document.title='hacked'\"></script><b>bold?</b> ‏مرحبا‏ 你好 👩‍🔬"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser that is installed here; CI must have one (DATAKIT_REQUIRE_BROWSER)."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None and not os.environ.get("DATAKIT_REQUIRE_BROWSER"):
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test if anything goes wrong in it, or if it asks for anything but itself."""
    context = browser.new_context(accept_downloads=True)
    opened, wrong = context.new_page(), []
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture
def file(desk: Any, fill: Any, drawn: Any, make_reward: Any) -> Path:
    reward = make_reward(name="r", scorers=({"rule": "a"},))
    groups = [
        [drawn(f"{HOSTILE} {number} {place}", (Outcome(Status.OK, place / 2),)) for place in range(3)]
        for number in range(3)
    ]
    fill(desk.store, groups, reward, prompts=[[{"role": "user", "content": f"{HOSTILE}{n}"}] for n in range(3)])
    output: Path = desk.folder / "review.html"
    review("p", ReviewOptions(output=output), store=desk.store, reward=reward)
    return output


def pressed(page: Any) -> list[str]:
    return [button.text_content() for button in page.locator("button[aria-pressed=true]").all()]


def test_a_person_rates_prefers_flags_reloads_saves_and_the_store_has_it(desk: Any, page: Any, file: Path) -> None:
    page.goto(file.as_uri())
    assert page.locator("article").count() == 2
    assert page.text_content("#done") == "0 of 3 done"
    first, second = page.locator("article").all()
    first.get_by_role("button", name="7", exact=True).click()
    second.get_by_role("button", name="10", exact=True).click()
    second.get_by_label("flag").check()
    second.get_by_label("What is wrong with Answer B").fill("不对 & <wrong>")
    page.get_by_role("button", name="B is better").click()
    assert pressed(page) == ["7", "10", "B is better"]
    assert page.text_content("#done") == "1 of 3 done"
    page.get_by_role("button", name="Next").click()
    page.keyboard.press("t")
    page.fill("#rater", "Ana")
    page.reload()
    assert page.input_value("#rater") == "Ana"
    assert page.text_content("#place") == "2 of 3"
    assert pressed(page) == ["as good as each other"]
    page.get_by_role("button", name="Back").click()
    assert pressed(page) == ["7", "10", "B is better"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    saved = desk.folder / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.name == "review-p@1-Ana.json"
    report = desk.ingest(saved)
    assert report.counts == {"ratings": 2, "flags": 1, "preferences": 2, "stored": 5}
    assert desk.sql("SELECT reason FROM scores JOIN scorers USING (scorer_id) WHERE name = 'Ana: flag'") == [
        "不对 & <wrong>"
    ]
    assert sorted(desk.sql("SELECT verdict FROM comparisons")) == ["right", "tie"]


def test_texts_are_shown_as_they_are_and_run_nothing(page: Any, file: Path) -> None:
    page.goto(file.as_uri())
    assert page.title() == "Review of p@1"
    assert page.locator("article .said").first.text_content().startswith(HOSTILE)
    assert page.locator("main img, main b").count() == 0


def test_the_reward_is_hidden_until_it_is_asked_for(page: Any, file: Path) -> None:
    page.goto(file.as_uri())
    assert not page.locator(".outcomes").first.is_visible()
    page.get_by_label("show what the reward says").check()
    assert "a\tok\t" in page.locator(".outcomes").first.inner_text()


def test_nothing_is_saved_without_a_name(page: Any, file: Path) -> None:
    page.goto(file.as_uri())
    page.get_by_role("button", name="Save").click()
    assert page.text_content("#done") == "write your name first"
    assert page.evaluate("document.activeElement.id") == "rater"


def test_everything_can_be_done_with_the_keyboard(page: Any, file: Path) -> None:
    page.goto(file.as_uri())
    page.locator("article").first.focus()
    page.keyboard.press("0")
    page.locator("article").nth(1).focus()
    page.keyboard.press("3")
    page.keyboard.press("a")
    assert pressed(page) == ["10", "3", "A is better"]
    page.keyboard.press("ArrowRight")
    assert page.text_content("#place") == "2 of 3"


def test_the_page_fits_a_narrow_screen(page: Any, file: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
