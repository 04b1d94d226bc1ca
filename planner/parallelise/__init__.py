"""Parallelising a model: from architecture and hardware to a profile for every (pp, tp, batch).

AlpaServe takes its profiles from Alpa's compiler, which measures on real devices. Here an analytic cost model
stands in for the devices; the two passes are the paper's: an integer program shards each stage's operators, a
dynamic program cuts the layers into stages.
"""

from planner.parallelise.architectures import Architecture, load_architectures, parse_architecture
from planner.parallelise.calibrate import CalibrationResult, CheckedMeasurement, Measurement, calibrate
from planner.parallelise.cost import Calibration
from planner.parallelise.cut import cut_stages, equal_cut
from planner.parallelise.hardware import Device, Software, load_hardware, parse_device
from planner.parallelise.huggingface import architecture_from_hf_config
from planner.parallelise.operators import Operator, build_operators
from planner.parallelise.plans import Plan, StageCost
from planner.parallelise.profile_model import DEFAULT_BATCHES, ModelledProfile, profile_model
from planner.parallelise.report import configuration_row, operator_names, profile_command
from planner.parallelise.sharding import ShardedStage, Strategy, shard_stage

__all__ = [
    "DEFAULT_BATCHES",
    "Architecture",
    "Calibration",
    "CalibrationResult",
    "CheckedMeasurement",
    "Device",
    "Measurement",
    "ModelledProfile",
    "Operator",
    "Plan",
    "ShardedStage",
    "Software",
    "StageCost",
    "Strategy",
    "parse_architecture",
    "architecture_from_hf_config",
    "build_operators",
    "calibrate",
    "configuration_row",
    "cut_stages",
    "parse_device",
    "equal_cut",
    "load_architectures",
    "load_hardware",
    "operator_names",
    "profile_command",
    "profile_model",
    "shard_stage",
]
