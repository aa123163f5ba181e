"""Seeds, device, number format, and checkpoints that are whole or not there."""

import json
import pickle
import random
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

from course_utils.runtime import (
    count_parameters,
    device_name,
    load_checkpoint,
    pick_device,
    pick_dtype,
    save_checkpoint,
    seed_everything,
)


def test_equal_seeds_give_equal_numbers():
    seed_everything(3)
    first, of_python = torch.rand(5), random.random()
    seed_everything(3)
    assert torch.equal(first, torch.rand(5)) and random.random() == of_python


def test_the_device_can_be_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    assert pick_device() == torch.device("meta")
    monkeypatch.delenv("COURSE_DEVICE")
    assert pick_device().type in ("cpu", "cuda")
    assert device_name(torch.device("cpu")) == "cpu"


def test_the_number_format_is_one_of_two_that_autocast_knows():
    assert pick_dtype(torch.device("cpu"), size=64) in (torch.float32, torch.bfloat16)


def test_parameters_are_counted_once_and_frozen_ones_not():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))  # 8 + 6
    assert count_parameters(model) == 14
    model.append(model[1])
    assert count_parameters(model) == 14
    model[0].requires_grad_(False)
    assert count_parameters(model) == 6


def test_a_checkpoint_gives_back_config_and_weights(tmp_path):
    model = nn.Linear(3, 2)
    save_checkpoint(tmp_path / "deep" / "model.safetensors", model, {"inputs": 3, "outputs": 2})
    config, weights = load_checkpoint(tmp_path / "deep" / "model.safetensors")
    again = nn.Linear(config["inputs"], config["outputs"])
    again.load_state_dict(weights)
    assert torch.equal(again.weight, model.weight)


def test_weights_that_are_shared_or_transposed_are_saved(tmp_path):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = nn.Parameter(model[0].weight.detach().T)
    save_checkpoint(tmp_path / "model.safetensors", model, {})
    _, weights = load_checkpoint(tmp_path / "model.safetensors")
    torch.testing.assert_close(weights["1.weight"], model[0].weight.detach().T)


def test_a_checkpoint_cut_off_half_way_is_refused_in_words(tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, nn.Linear(30, 20), {})
    content = path.read_bytes()
    for length in (0, 5, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="no whole checkpoint"):
            load_checkpoint(path)


def test_a_pickle_is_refused_and_never_executed(tmp_path):
    class Boom:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Boom()))
    with pytest.raises(ValueError, match="no whole checkpoint"):
        load_checkpoint(tmp_path / "model.safetensors")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("config", ["[" * 100_000, "[1]", "no json", "9" * 5000])
def test_a_config_that_is_none_is_refused_in_words(tmp_path, config):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors.torch.save({"w": torch.zeros(1)}, metadata={"config": config}))
    with pytest.raises(ValueError, match="no whole checkpoint.*delete it"):
        load_checkpoint(path)


def test_a_shape_that_no_machine_has_is_refused_in_words(tmp_path):
    weight = {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}
    header = json.dumps({"__metadata__": {"config": "{}"}, "w": weight}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="no whole checkpoint"):
        load_checkpoint(path)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="is not a file"):
        load_checkpoint(tmp_path)


def test_a_missing_checkpoint_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.safetensors")


def test_a_save_that_fails_keeps_the_old_checkpoint_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "model.safetensors"
    model = nn.Linear(30, 20)
    save_checkpoint(path, model, {"version": 1})
    with pytest.raises(TypeError):
        save_checkpoint(path, model, {"version": {1, 2}})  # a set is no JSON
    assert load_checkpoint(path)[0] == {"version": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX")
def test_a_full_disk_in_the_middle_of_a_save_keeps_the_old_checkpoint(tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, nn.Linear(30, 20), {"version": 1})
    code = """
import resource, signal, sys
from torch import nn
from course_utils.runtime import save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    save_checkpoint(sys.argv[1], nn.Linear(30, 20), {"version": 2})
except OSError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE)
    words = f"{path} cannot be saved: File too large; free some space"
    assert done.returncode == 1 and words in done.stderr.decode()
    assert load_checkpoint(path)[0] == {"version": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
