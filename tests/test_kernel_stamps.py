"""Compiled kernels hold as long as what they are compiled from, their own file and others, says the same."""

import importlib.util
import os
import sys

CALLEE = """
from numba import njit

@njit(cache=True)
def number():
    return {number}
"""
CALLER = """
import callee_kernels
from callee_kernels import number
from numba import njit
from simulator.kernel_stamps import follow_stamps

follow_stamps(__file__, callee_kernels)

@njit(cache=True)
def called():
    return number()
"""


def load(path, monkeypatch):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module


def test_a_kernel_follows_an_edit_of_the_kernel_that_it_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    callee, caller = tmp_path / "callee_kernels.py", tmp_path / "caller_kernels.py"
    caller.write_text(CALLER)
    for number in (1, 2, 2):
        callee.write_text(CALLEE.format(number=number))
        # The time says nothing: in an image it loses its fractions on the way to another machine.
        os.utime(caller, (number, number))
        load(callee, monkeypatch)
        kernel = load(caller, monkeypatch).called
        assert kernel() == number
    assert sum(kernel.stats.cache_hits.values()) == 1
    os.utime(caller)
    again = load(caller, monkeypatch).called
    assert again() == number and sum(again.stats.cache_hits.values()) == 1
