"""The Profile page as a person walks it."""

import json
import subprocess
import sys
from pathlib import Path

from app.look import words
from tests.browser.test_capacity import open_page
from tools.screenshots import wait_until_still

ROOT = Path(__file__).parents[2]


def test_the_latency_is_that_of_the_command_line(page, address):
    done = subprocess.run([sys.executable, "-m", "planner", "profile", "bert-2.6b", "--json"], cwd=ROOT,
                          capture_output=True, text=True, check=True)  # fmt: skip
    rows = json.loads(done.stdout)["configurations"]
    alone = next(row for row in rows if (row["pp"], row["tp"]) == (1, 1))
    open_page(page, address, "profile?profile.model=bert-2.6b")
    page.wait_for_function("document.querySelector('.verdict')?.innerText.includes('bert-2.6b takes')", timeout=60_000)
    assert words.duration(alone["latency_s"]) in page.locator(".verdict").first.inner_text()


def test_a_config_is_uploaded_and_its_profile_used_in_the_plan(page, address, tmp_path):
    config = {"model_type": "llama", "num_hidden_layers": 8, "hidden_size": 1024, "num_attention_heads": 8,
              "vocab_size": 32000, "hidden_act": "silu", "torch_dtype": "float16",
              "_name_or_path": "me/tiny"}  # fmt: skip
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    open_page(page, address, "profile")
    page.locator(".verdict").first.wait_for(timeout=60_000)
    # The page draws once more when the browser has told its theme; an upload before would go astray.
    wait_until_still(page, 1000)
    page.locator('input[type="file"]').first.set_input_files(file)
    page.wait_for_function("document.querySelector('.verdict')?.innerText.includes('tiny takes')", timeout=60_000)
    # Until the run has ended, what the last one drew stands beside what this one has drawn.
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=60_000)
    page.get_by_role("button", name="Use this profile").click()
    page.get_by_text("is a model of the scenario now").wait_for(timeout=30_000)
    page.get_by_role("link", name="Plan", exact=True).click()
    page.get_by_text("25 models of 2 kinds").wait_for(timeout=60_000)
