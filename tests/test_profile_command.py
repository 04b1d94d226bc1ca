"""The command `profile`: what a profile is called, and how long its requests are."""

import json

import pytest

from planner.commands.profile import find_architecture
from tests.test_app_profile import CONFIG
from tests.test_command_line import run, run_json

SMALL = ("--max-pp", "1", "--max-tp", "1")
UNNAMED = {key: value for key, value in CONFIG.items() if key != "_name_or_path"}


@pytest.mark.parametrize(
    ("inside", "path", "name"),
    [
        ("me/tiny", "some/config.json", "tiny"),
        ("me/tiny/", "some/other.json", "tiny"),
        ("tiny", "config.json", "tiny"),
        (None, "some/llama-7b.json", "llama-7b"),
        (None, "llama-7b/config.json", "llama-7b"),
        ("", "llama-7b/config.json", "llama-7b"),
        (3, "llama-7b/config.json", "llama-7b"),
    ],
)
def test_a_profile_is_called_as_the_description_says_then_as_its_file_then_as_its_folder(tmp_path, inside, path, name):
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(UNNAMED if inside is None else CONFIG | {"_name_or_path": inside}))
    assert find_architecture(str(file)).name == name


def test_the_name_of_a_folder_is_found_from_within_it(tmp_path, monkeypatch):
    folder = tmp_path / "llama-7b"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(UNNAMED))
    monkeypatch.chdir(folder)
    assert find_architecture("config.json").name == "llama-7b"


@pytest.mark.parametrize(("options", "tokens"), [((), 2048), (("--sequence", "512"), 512), (("--sequence", "1"), 1)])
def test_the_tokens_of_a_request_are_printed_and_in_the_json(capsys, options, tokens):
    status, out, _ = run(capsys, "profile", "bert-1.3b", *SMALL, *options)
    assert status == 0 and f"for requests of {tokens:,} tokens (--sequence)".replace(",", " ") in out.splitlines()[0]
    assert run_json(capsys, "profile", "bert-1.3b", *SMALL, *options)["sequence"] == tokens


def test_longer_requests_take_longer(capsys):
    latencies = [
        run_json(capsys, "profile", "bert-1.3b", *SMALL, "--sequence", n)["configurations"][0]["latency_s"]
        for n in (128, 512, 2048)
    ]
    assert latencies == sorted(set(latencies))


@pytest.mark.parametrize("sequence", ["0", "-1", "99999999999999999999"])
def test_tokens_that_cannot_be_are_refused(capsys, sequence):
    status, out, err = run(capsys, "profile", "bert-1.3b", f"--sequence={sequence}")
    assert (status, out) == (2, "") and err.startswith(f"Error: sequence is {sequence}; a whole number of tokens")
