"""Model descriptions, hardware files and Hugging Face configs: what is read and what is refused."""

import json

import pytest

from planner.parallelise import architecture_from_hf_config, load_architectures, load_hardware
from simulator.errors import InputError

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "hidden_act": "silu",
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}
MIXTRAL = LLAMA | {"model_type": "mixtral", "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2}
GPT2 = {"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257, "n_positions": 1024}
SAME = {"name", "source"}


def test_the_config_of_a_shipped_model_gives_the_shipped_description():
    shipped = load_architectures()
    for config, name in ((LLAMA, "llama-3.1-8b"), (MIXTRAL, "mixtral-8x7b")):
        read = architecture_from_hf_config(config, name)
        assert read.model_dump(exclude=SAME) == shipped[name].model_dump(exclude=SAME)


def test_an_older_config_is_read_by_its_own_names_with_tied_head_and_learned_positions():
    read = architecture_from_hf_config(GPT2, "gpt2")
    assert (read.layers, read.ffn_width, read.ffn_kind, read.tied_head) == (12, 3072, "gelu", True)
    assert (read.learned_positions, read.sequence, read.biases) == (1024, 1024, True)


def test_of_a_multimodal_config_the_text_part_is_read():
    assert architecture_from_hf_config({"text_config": LLAMA, "vision_config": {}}).hidden == 4096


def test_sequence_and_data_type_can_be_given():
    read = architecture_from_hf_config(LLAMA, sequence=512, dtype="float16")
    assert (read.sequence, read.dtype) == (512, "float16")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "is a list; a JSON object is allowed"),
        ({}, "none of num_hidden_layers, .* is given"),
        (LLAMA | {"kv_lora_rank": 512}, "multi-head latent attention"),
        (LLAMA | {"torch_dtype": "int3"}, "the data type is 'int3'"),
        (LLAMA | {"num_hidden_layers": "many"}, "key 'layers' is 'many'"),
        (LLAMA | {"num_key_value_heads": 5}, "heads 32 is no multiple of kv_heads 5"),
        (LLAMA | {"hidden_size": 4095}, "hidden 4095 is no multiple of heads 32"),
        (MIXTRAL | {"num_experts_per_tok": 9}, "top_k is 9; from 1 to the 8 experts"),
    ],
)
def test_a_config_that_cannot_be_modelled_is_refused_in_one_sentence(config, message):
    with pytest.raises(InputError, match=message) as refused:
        architecture_from_hf_config(config)
    assert "\n" not in str(refused.value)


def test_every_shipped_device_names_its_sources_and_the_date_of_its_price():
    for device in load_hardware().values():
        assert device.source
        assert device.software.note
        assert device.price_date
        assert device.price_source
        assert device.weight_memory_gib < device.memory_gib


def test_own_devices_are_added_to_those_that_ship(tmp_path):
    own = load_hardware()["t4-16gb"].model_dump(exclude={"name"}) | {"memory_gib": 20.0}
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"my-t4": own}))
    assert load_hardware(path)["my-t4"].memory_gib == 20
    assert "a100-80gb" in load_hardware(path)


def test_own_models_are_read_by_name(tmp_path):
    path = tmp_path / "models.json"
    path.write_text(json.dumps({"tiny": {"layers": 2, "hidden": 64, "heads": 4, "ffn_width": 128, "vocabulary": 99}}))
    assert load_architectures(path)["tiny"].head_width == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no|not a readable JSON"),
        ("[]", "holds a list"),
        ('{"x": 3}', "'x': the .* is no object"),
        ('{"x": {"hiden": 3}}', "key '.*' is (missing|not known)"),
    ],
)
@pytest.mark.parametrize("load", [load_architectures, load_hardware])
def test_a_broken_file_is_refused_naming_the_entry(tmp_path, text, message, load):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        load(path)
    assert "broken.json" in str(refused.value)


def test_a_wrong_rate_of_a_device_is_named(tmp_path):
    own = load_hardware()["t4-16gb"].model_dump(exclude={"name"})
    path = tmp_path / "own.json"
    for change, message in (
        ({"peak_tflops": {"float7": 1}}, "names 'float7'"),
        ({"peak_tflops": {"float16": -1}}, "peak_tflops of float16 is -1"),
        ({"link_gb_per_s": {"1": 5}}, "link_gb_per_s is 5.0 for 1 devices"),
        ({"memory_gib": 0}, "key 'memory_gib' is 0; a number above 0 and up to 10\u202f000 is allowed"),
    ):
        path.write_text(json.dumps({"mine": own | change}))
        with pytest.raises(InputError, match=message):
            load_hardware(path)
