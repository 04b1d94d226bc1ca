"""Import of the config.json that comes with a model on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping

from planner.parallelise.architectures import DTYPE_BYTES, Architecture, parse_architecture
from simulator.errors import InputError

DEFAULT_SEQUENCE = 2048
GATED_ACTIVATIONS = ("silu", "swish", "swiglu", "geglu")
GATED_FAMILIES = ("llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "phi3", "olmo", "cohere", "granite")
TIED_BY_DEFAULT = ("gpt2", "gpt_neo", "opt", "bert", "roberta", "bloom", "falcon", "gemma", "cohere", "t5")

# Each of our keys and the names that model families use for it, in the order they are looked for.
NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head_width": ("head_dim",),
    "ffn_width": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "vocabulary": ("vocab_size",),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "top_k": ("num_experts_per_tok", "num_experts_per_token", "moe_top_k"),
    "shared_expert_width": ("shared_expert_intermediate_size",),
    "expert_width": ("moe_intermediate_size",),
    "expert_every": ("decoder_sparse_step", "moe_layer_frequency", "moe_layer_freq"),
}
REQUIRED = ("layers", "hidden", "heads", "vocabulary")
# Keys of a config that change the cost in a way the model does not know.
UNKNOWN_DESIGNS = {"kv_lora_rank": "multi-head latent attention", "ssm_cfg": "state-space layers"}


def architecture_from_hf_config(
    config: Mapping[str, object], name: str = "imported", sequence: int | None = None, dtype: str | None = None
) -> Architecture:
    """The architecture that a Hugging Face config.json describes.

    Args:
        config: the parsed file. Of a multimodal model the `text_config` is taken.
        name: what to call the model.
        sequence: tokens of a request; by default DEFAULT_SEQUENCE, or fewer if the model allows fewer.
        dtype: instead of the config's; needed where it names one that is not in DTYPE_BYTES.

    Raises InputError naming the key that is missing, or the design that cannot be modelled.
    """
    where = f"Hugging Face config of '{name}'"
    if not isinstance(config, Mapping):
        raise InputError(f"{where} is a {type(config).__name__}; a JSON object is allowed.")
    text_config = config.get("text_config")
    if isinstance(text_config, Mapping):
        config = text_config
    for key, design in UNKNOWN_DESIGNS.items():
        if config.get(key):
            raise InputError(f"{where}: {key} means {design}, which cannot be modelled; plain attention is allowed.")
    found = {ours: _first(config, theirs) for ours, theirs in NAMES.items()}
    for ours in REQUIRED:
        if found[ours] is None:
            raise InputError(f"{where}: none of {', '.join(NAMES[ours])} is given; one of them is needed.")
    family = str(config.get("model_type", "")).lower()
    if found["ffn_width"] is None and isinstance(found["hidden"], int):
        found["ffn_width"] = 4 * found["hidden"]
    if family.startswith("falcon") and config.get("multi_query") and not config.get("new_decoder_architecture"):
        found["kv_heads"] = 1
    gated = _is_gated(config, family)
    description = {key: value for key, value in found.items() if value is not None}
    description |= {
        "name": name,
        "ffn_kind": "gated" if gated else "gelu",
        "tied_head": config.get("tie_word_embeddings", family.startswith(TIED_BY_DEFAULT)),
        "biases": not gated,
        "sequence": sequence or _default_sequence(config),
        "learned_positions": 0 if gated or "rotary" in str(config.get("position_embedding_type")) else _limit(config),
        "dtype": dtype or _dtype(config, where),
        "source": f"config.json of {config.get('_name_or_path') or name}",
    }
    return parse_architecture(description, where)


def _first(config: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _is_gated(config: Mapping[str, object], family: str) -> bool:
    activation = str(config.get("hidden_act") or config.get("activation_function") or "").lower()
    return activation in GATED_ACTIVATIONS or family.startswith(GATED_FAMILIES)


def _limit(config: Mapping[str, object]) -> int:
    limit = _first(config, ("max_position_embeddings", "n_positions", "max_seq_len"))
    return limit if isinstance(limit, int) else 0


def _default_sequence(config: Mapping[str, object]) -> int:
    return min(_limit(config) or DEFAULT_SEQUENCE, DEFAULT_SEQUENCE)


def _dtype(config: Mapping[str, object], where: str) -> str:
    named = str(config.get("torch_dtype") or config.get("dtype") or "float16").removeprefix("torch.")
    if named not in DTYPE_BYTES:
        raise InputError(f"{where}: the data type is '{named}'; {', '.join(DTYPE_BYTES)} are allowed.")
    return named
