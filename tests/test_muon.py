import pytest
import torch
from torch import nn

from course_utils.muon import Muon, orthogonalize
from course_utils.training import warmup_then_decay


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 4, 30), (2, 30, 4)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    found = left.mT @ orthogonalize(x) @ right.mT  # diagonal, if the vectors are the same
    diagonal = found.diagonal(dim1=1, dim2=2)
    used = values > 0.05 * values.amax(dim=1, keepdim=True)  # tiny ones need more turns
    assert diagonal[used].min() > 0.6 and diagonal.max() < 1.25
    torch.testing.assert_close(found, torch.diag_embed(diagonal), rtol=0, atol=1e-3)


def test_one_turn_is_the_polynomial_of_the_paper():
    s = torch.tensor([0.8, 0.6])  # singular values with sum of squares 1: the norm changes nothing
    found = orthogonalize(torch.diag(s)[None], turns=1)[0]
    wanted = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5  # Jordan et al. 2024
    torch.testing.assert_close(found, torch.diag(wanted))


def test_each_matrix_of_a_stack_is_treated_as_if_it_were_alone():
    x = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    x *= torch.tensor([1e-3, 1.0, 1e3])[:, None, None]
    alone = torch.cat([orthogonalize(matrix[None]) for matrix in x])
    torch.testing.assert_close(orthogonalize(x), alone)


def test_a_gradient_of_zero_moves_nothing_and_stays_finite():
    weight = nn.Parameter(torch.ones(3, 4))
    weight.grad = torch.zeros(3, 4)
    Muon([weight], [], rate=0.1, decay=0.0).step()
    torch.testing.assert_close(weight.detach(), torch.ones(3, 4))


@pytest.mark.parametrize("shape", [(6, 6), (12, 4), (4, 12)])
def test_steps_are_those_of_torch(shape):
    theirs = getattr(torch.optim, "Muon", None)
    if theirs is None:
        pytest.skip("torch.optim.Muon came with torch 2.9")
    source = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=source)
    a, b = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    ours = Muon([a], [], rate=0.1, decay=0.1)
    other = theirs([b], lr=0.1, weight_decay=0.1, momentum=0.95, nesterov=True)
    for _ in range(5):
        a.grad = torch.randn(shape, generator=source)
        b.grad = a.grad.clone()
        ours.step()
        other.step()
    # theirs multiplies in bfloat16 (3 digits) and moves every singular value by about 0.1 a step
    torch.testing.assert_close(a.detach(), b.detach(), rtol=0, atol=0.03)
    assert (a - start).abs().max() > 0.15


def test_the_others_get_the_steps_of_adamw_with_their_own_rate():
    source = torch.Generator().manual_seed(0)
    matrix, bias, twin = (nn.Parameter(torch.zeros(n)) for n in ((2, 3), (3,), (3,)))
    ours = Muon([matrix], [{"params": [bias], "lr": 0.01}], rate=0.1)
    adam = torch.optim.AdamW([twin], lr=0.01, betas=(0.9, 0.95), weight_decay=0.0)
    for _ in range(3):
        matrix.grad = torch.randn(2, 3, generator=source)
        bias.grad = torch.randn(3, generator=source)
        twin.grad = bias.grad.clone()
        ours.step()
        adam.step()
    torch.testing.assert_close(bias, twin)


def test_one_schedule_moves_all_rates():
    matrix, bias = nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(3))
    optimizer = Muon([matrix], [{"params": [bias], "lr": 0.01}], rate=0.1)
    schedule = warmup_then_decay(optimizer, 2, 10)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.005]
    matrix.grad, bias.grad = torch.ones(2, 3), torch.ones(3)
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.1, 0.01]


def test_what_is_no_matrix_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        Muon([nn.Parameter(torch.zeros(3))], [], rate=0.1)


def test_no_weight_decays_but_the_matrices_by_a_tenth_of_the_rate():
    matrix, bias = nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.ones(3))
    matrix.grad, bias.grad = torch.zeros(3, 4), torch.zeros(3)
    Muon([matrix], [{"params": [bias], "lr": 0.5}], rate=0.5).step()
    torch.testing.assert_close(matrix.detach(), torch.full((3, 4), 1 - 0.5 * 0.1))
    torch.testing.assert_close(bias.detach(), torch.ones(3))
