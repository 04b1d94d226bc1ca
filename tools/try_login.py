"""Logins of two people at a real provider, in a real browser: `python -m tools.try_login [PREFIX]`.

Needs Node.js and npm, which bring oidc-provider into a temporary folder, Chromium, and requirements-login.txt.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.panels.login import DID_NOT_WORK, NEEDED
from app.state.workspace import SOMEBODY_ELSES
from tools.screenshots import CHROMIUM, CHROMIUM_ARGUMENTS, READY_S, ROOT, simple_sample, wait_until_still

PORT, PROVIDER_PORT = 8591, 8592
PROVIDER = f"http://127.0.0.1:{PROVIDER_PORT}"
SECRETS = """[auth]
redirect_uri = "{callback}"
cookie_secret = "not a secret on this machine, but long enough"
client_id = "planner"
client_secret = "not a secret on this machine"
server_metadata_url = "{metadata}"
"""
METADATA = f"{PROVIDER}/.well-known/openid-configuration"
WRITES = re.compile(r"[?&]w=([\w-]{32})")


@dataclass(frozen=True)
class Trial:
    """Attributes: folder: of the run, with the provider's code in it. prefix: of the page's path, empty for none."""

    folder: Path
    prefix: str

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{PORT}/{self.prefix}".rstrip("/")

    @contextmanager
    def provider(self) -> Iterator[None]:
        """The provider, running."""
        script, modules = str(ROOT / "tools" / "login_provider.mjs"), str(self.folder / "node_modules")
        command = ["node", script, modules, str(PROVIDER_PORT), f"{self.address}/oauth2callback"]
        with _running(command, METADATA, self.folder / "provider.log"):
            yield

    @contextmanager
    def planner(self, metadata: str = METADATA, **variables: str) -> Iterator[None]:
        """The page, running with logins at the provider that `metadata` describes."""
        secrets = self.folder / "secrets.toml"
        secrets.write_text(SECRETS.format(callback=f"{self.address}/oauth2callback", metadata=metadata))
        command = [sys.executable, "-m", "streamlit", "run", "app/serve.py", "--server.port", str(PORT)]
        command += ["--secrets.files", str(secrets), "--server.baseUrlPath", self.prefix]
        variables |= {"PLANNER_DATA": str(self.folder / "data"), "PLANNER_ADVICE": "asked"}
        with _running(command, f"{self.address}/_stcore/health", self.folder / "planner.log", variables):
            yield

    def page(self, context: BrowserContext, query: str = "") -> Page:
        """A new tab with the page in it."""
        page = context.new_page()
        page.goto(f"{self.address}/?{query}")
        return page


@contextmanager
def _running(command: list[str], asked: str, log: Path, variables: dict[str, str] | None = None) -> Iterator[None]:
    """A process, once it answers; it has ended afterwards."""
    environment = os.environ | (variables or {})
    with (
        log.open("a") as file,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            until_s = time.monotonic() + READY_S
            while process.poll() is None and time.monotonic() < until_s:
                try:
                    urllib.request.urlopen(asked, timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


def log_in(page: Page, name: str) -> None:
    """From the page that asks for a login through the provider's pages and back."""
    page.get_by_role("button", name="Log in").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Share", exact=True)).to_be_visible()


def log_out(page: Page) -> None:
    """By the button on the page Library, and the provider's question."""
    page.get_by_role("link", name="Library").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_text(NEEDED)).to_be_visible()


def try_two_people(trial: Trial, browser: Browser) -> None:
    """A workspace opens for its owner alone, its read-only link for the other one too, each after a login."""
    ann, ben = browser.new_context(), browser.new_context()
    with trial.provider(), trial.planner():
        page = trial.page(ann, simple_sample())
        expect(page.get_by_text(NEEDED)).to_be_visible()
        log_in(page, "ann")
        page.wait_for_url(WRITES)
        workspace = WRITES.findall(page.url)[0]
        said("asked for a login; back at the link; a workspace was made")
        wait_until_still(page)
        page.reload()
        expect(page.get_by_role("button", name="Share", exact=True)).to_be_visible()
        assert WRITES.findall(page.url) == [workspace]
        page.get_by_role("link", name="Library").click()
        expect(page.get_by_text("Logged in as ann@example.com.")).to_be_visible()
        link = page.locator("code", has_text="?r=").inner_text()
        said("kept after F5; Library says who is logged in")
        other = trial.page(ben, f"w={workspace}")
        log_in(other, "ben")
        expect(other.get_by_text(SOMEBODY_ELSES)).to_be_visible()
        said("the other one is refused")
        other.goto(link)
        expect(other.get_by_text("Somebody shared this workspace with you")).to_be_visible()
        said("the read-only link opens for the other one")
        log_out(page)
        page.goto(link)
        expect(page.get_by_text(NEEDED)).to_be_visible()
        log_in(page, "ann")
        expect(page.get_by_text("Somebody shared this workspace with you")).to_be_visible()
        said("logged out and in again, back at the link")
        try_cookies(trial, browser, ann)
    ann.close()
    ben.close()


def try_cookies(trial: Trial, browser: Browser, ann: BrowserContext) -> None:
    """A cookie that somebody made or changed is no login."""
    (cookie,) = [cookie for cookie in ann.cookies() if cookie.get("name") == "_streamlit_user"]
    kept, path = cookie.get("value", ""), f"/{trial.prefix}"
    assert (cookie.get("httpOnly"), cookie.get("sameSite"), cookie.get("path")) == (True, "Lax", path)
    for value in (f"{kept[:-3]}AAA", "e30.AAAA.BBBB", "%7B%22sub%22: %22ann%22%7D"):
        context = browser.new_context()
        context.add_cookies(
            [{"name": "_streamlit_user", "value": value, "domain": cookie.get("domain", ""), "path": path}]
        )
        page = trial.page(context)
        expect(page.get_by_text(NEEDED)).to_be_visible()
        context.close()
    said("forged cookies are no login")


def try_failures(trial: Trial, browser: Browser) -> None:
    """A provider that is away, at the start or later, and one that is another than it says."""
    context = browser.new_context()
    with trial.planner():
        page = trial.page(context, simple_sample())
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text(DID_NOT_WORK)).to_be_visible()
        said("without a provider a sentence says so")
        with trial.provider():
            log_in(page, "ann")
            page.wait_for_url(WRITES)
            said("and the login works once the provider is there")
    with trial.provider(), trial.planner(PLANNER_LOGIN_HOURS="1"):
        page = trial.page(context)
        expect(page.get_by_role("button", name="Share", exact=True)).to_be_visible()
        said("the login holds over a restart of the page")
    context.close()


def try_wrong_issuer(trial: Trial, browser: Browser) -> None:
    """The description of another provider, whose tokens come from elsewhere."""
    wrong = trial.folder / "wrong"
    wrong.mkdir()
    with trial.provider():
        described = urllib.request.urlopen(METADATA, timeout=10).read().decode()
        (wrong / "metadata.json").write_text(described.replace(f'"issuer":"{PROVIDER}"', '"issuer":"http://other"'))
        server = [sys.executable, "-m", "http.server", "8593", "--bind", "127.0.0.1", "--directory", str(wrong)]
        address = "http://127.0.0.1:8593/metadata.json"
        with _running(server, address, trial.folder / "wrong.log"), trial.planner(address):
            page = trial.page(browser.new_context())
            page.get_by_role("button", name="Log in").click()
            page.locator("input[name=login]").fill("ann")
            page.locator("input[name=password]").fill("any")
            page.get_by_role("button", name="Sign-in").click()
            page.get_by_role("button", name="Continue").click()
            expect(page.get_by_text(DID_NOT_WORK)).to_be_visible()
            said("tokens of another issuer are no login")


def said(sentence: str) -> None:
    """One line for each thing that was seen."""
    print(f"- {sentence}", flush=True)


def main(prefix: str = "") -> None:
    """All trials, below a prefix if one is given."""
    expect.set_options(timeout=1000 * 20)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--prefix", name, "oidc-provider@9"], check=True)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        trial = Trial(Path(name), prefix)
        for attempt in (try_two_people, try_failures, try_wrong_issuer):
            attempt(trial, browser)


if __name__ == "__main__":
    main(*sys.argv[1:])
