"""Catalogues of every format are read, and what is wrong in one is named."""

import json

import pytest

from simulator import InputError, Model, Profile, ProfileEntry
from simulator.catalogue import builtin_catalogue, catalogue_document, load_catalogue, parse_catalogue

TSV = (
    "ModelName\tBS\t#Microbatch\tDP\tOP\tPP\t#GPU\tMeanTime(s)\tStdTime(s)\tTFLOPs\tStageWeights(B)\t"
    "StagePeakMem(B)\tStageLatencies(s)\n"
    "m\t1\t1\t1\t1\t1\t1\t0.2\t0\t1\t[1073741824]\t[0]\t[0.2]\n"
    "m\t1\t1\t1\t1\t2\t2\t0.2\t0\t1\t[536870912, 536870912]\t[0, 0]\t[0.15, 0.1]\n"
    "m\t1\t1\t1\t1\t2\t2\t0.2\t0\t1\t[536870912, 536870912]\t[0, 0]\t[0.11, 0.12]\n"
    "m\t2\t1\t1\t1\t2\t2\t0.2\t0\t1\t[536870912, 536870912]\t[0, 0]\t[0.2, 0.2]\n"
)
CSV = "profile,device,pp,tp,stage_latency_s,stage_weight_gib,batches,source\n"


def test_the_built_in_catalogue_says_where_each_entry_comes_from():
    catalogue = builtin_catalogue()
    assert {"bert-1.3b", "bert-2.6b", "bert-6.7b", "bert-104b", "moe-1.3b", "moe-2.4b", "moe-5.3b"} <= set(catalogue)
    for profile in catalogue.values():
        assert profile.device == "v100-16gb"
        assert {entry.source for entry in profile.entries.values()} <= {"recovered", "estimated", "modelled"}
    assert catalogue["bert-2.6b"].single_device_latency_s == 0.2375
    assert catalogue["bert-104b"].single_device_latency_s == 4.6
    assert catalogue["bert-2.6b"].entries[8, 1].source == "recovered"


def test_a_catalogue_survives_writing_and_reading():
    catalogue = dict(builtin_catalogue())
    catalogue["own"] = Profile("own", {(2, 1): ProfileEntry(2, 1, (1, 2), (3, 4), "measured", {4: (2, 3)})}, "x", 2.5)
    assert parse_catalogue(json.dumps(catalogue_document(catalogue)).encode(), "c.json") == catalogue


def test_a_csv_of_the_same_columns_is_read():
    text = CSV + 'm,a100,1,1,0.1,1.0,"{""2"": [0.2]}",measured\nm,a100,2,1,0.06 0.05,0.5;0.5,,estimated\n'
    profile = parse_catalogue(text.encode(), "p.csv")["m"]
    assert profile.device == "a100"
    assert profile.entries[1, 1].batches == {2: (0.2,)}
    assert profile.entries[2, 1].stage_latency_s == (0.06, 0.05)
    assert profile.entries[2, 1].source == "estimated"


def test_the_authors_tsv_keeps_the_faster_of_two_measurements():
    profile = parse_catalogue(TSV.encode(), "p.tsv")["m"]
    assert profile.entries[1, 1].stage_weight_gib == (1.0,)
    assert profile.entries[2, 1].stage_latency_s == (0.11, 0.12)
    assert profile.entries[2, 1].batches == {2: (0.2, 0.2)}


def test_an_slo_scale_multiplies_the_latency_alone():
    profile = builtin_catalogue()["bert-104b"]
    assert Model.with_slo_scale("m", profile, 2).slo_s == pytest.approx(9.2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"{", "line 1"),
        (b"[]", "no profiles"),
        (b"{}", "no profiles"),
        (b'{"m": 3}', "profile 'm'"),
        (b'{"m": {"entries": []}}', "no entries"),
        (b'{"m": {"entries": [{"pp": 1}]}}', "entries.0.tp"),
        (b'{"m": {"speed": 1, "entries": []}}', "'speed' is not known"),
        (b'{"m": {"entries": [{"pp": 2, "tp": 1, "stage_latency_s": [1], "stage_weight_gib": [1]}]}}', "one for each"),
        (b'{"m": {"entries": [{"pp": 2, "tp": 1, "stage_latency_s": [1, 1], "stage_weight_gib": [1, 1]}]}}', "(pp 1"),
        (
            b'{"m": {"entries": [{"pp": 1, "tp": 1, "stage_latency_s": [-1], "stage_weight_gib": [1]}]}}',
            "a number from 0 to",
        ),
        (
            b'{"m": {"entries": [{"pp": 1, "tp": 1, "stage_latency_s": [NaN], "stage_weight_gib": [1]}]}}',
            "a number from 0 to",
        ),
        (b'{"m": {"entries": [{"pp": 1, "tp": 1, "stage_latency_s": [0], "stage_weight_gib": [1]}]}}', "add up to 0"),
        (b"a,b\n1,2\n", "column 'profile' is missing"),
        (CSV.encode(), "no rows"),
        (CSV.encode() + b"m,d,1,x,0.1,1,,\n", "line 2, column 'tp'"),
        (CSV.encode() + b"m,d,1,1,fast,1,,\n", "line 2, column 'stage_latency_s'"),
        (CSV.encode() + b"m,d,1,1,0.1,1,oops,\n", "batches"),
        (CSV.encode() + b"m,d,1,1,0.1,1,,guessed\n", "guessed"),
        (CSV.encode() + b"m,d,1,1,0.1,1,,\nm,d,1,1,0.1,1,,\n", "two entries"),
        (TSV.replace("\t1\t1\t1\t1\t1\t0.2", "\t1\t2\t1\t1\t1\t0.2", 1).encode(), "only 1 is allowed"),
        (TSV.replace("m\t1\t1\t1\t1\t1", "m\t2\t1\t1\t1\t1").encode(), "BS 1"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_a_sentence(content, words):
    with pytest.raises(InputError) as error:
        parse_catalogue(content, "mine.json")
    assert words in str(error.value)
    assert "mine.json" in str(error.value)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere.json"):
        load_catalogue(tmp_path / "nowhere.json")
