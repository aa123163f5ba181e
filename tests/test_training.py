"""The atom: one contract, means weighted by items, modes given back, nothing lost on interrupt."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils.training import (
    MovingAverage,
    evaluate,
    progress,
    stoppable,
    train_epoch,
    update,
    warmup_then_decay,
)


def regression_loss(model, batch):
    x, y = batch
    error = (model(x) - y).square().sum(dim=1)
    return {"loss": error.mean(), "absolute": (model(x) - y).abs().sum(dim=1).mean()}


def small_problem(items=13):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(items, 4, generator=generator)
    return x, x @ torch.randn(4, 2, generator=generator)


def linear_model(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(4, 2)


def pieces(x, y, size):
    return list(zip(x.split(size), y.split(size), strict=True))


def test_update_is_one_step_of_the_optimizer_by_hand():
    x, y = small_problem()
    ours, by_hand = linear_model(), linear_model()
    update(ours, (x, y), regression_loss, torch.optim.SGD(ours.parameters(), lr=0.1))
    regression_loss(by_hand, (x, y))["loss"].backward()
    with torch.no_grad():
        for weight in by_hand.parameters():
            weight -= 0.1 * weight.grad
    torch.testing.assert_close(ours.weight, by_hand.weight)


def test_update_forgets_the_gradient_of_the_step_before():
    x, y = small_problem()
    model = linear_model()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    update(model, (x, y), regression_loss, still)
    first = model.weight.grad.clone()
    update(model, (x, y), regression_loss, still)
    torch.testing.assert_close(model.weight.grad, first)


def test_update_returns_every_loss_by_name_and_detached():
    x, y = small_problem()
    model = linear_model()
    losses = update(model, (x, y), regression_loss, torch.optim.SGD(model.parameters(), lr=0.1))
    assert set(losses) == {"loss", "absolute"}
    assert not any(value.requires_grad for value in losses.values())


def test_update_trains_in_train_mode():
    model = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)).eval()
    x, y = small_problem()
    update(model, (x, y), regression_loss, torch.optim.SGD(model.parameters(), lr=0.1))
    assert model.training


def test_update_in_bfloat16_keeps_the_weights_in_float32():
    x, y = small_problem()
    model = linear_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []

    def loss_fn(model, batch):
        seen.append(model(batch[0]).dtype)
        return regression_loss(model, batch)

    update(model, (x, y), loss_fn, optimizer, dtype=torch.bfloat16)
    assert seen == [torch.bfloat16]
    assert model.weight.dtype == model.weight.grad.dtype == torch.float32


def test_means_are_weighted_by_items_so_a_short_last_batch_changes_nothing():
    x, y = small_problem(13)
    model = linear_model()
    whole = regression_loss(model, (x, y))["loss"].item()
    assert abs(evaluate(model, pieces(x, y, 10), regression_loss)["loss"] - whole) < 1e-5
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    assert abs(train_epoch(model, pieces(x, y, 10), regression_loss, still)["loss"] - whole) < 1e-5


def test_train_epoch_learns_a_linear_map():
    x, y = small_problem(64)
    model = linear_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first = train_epoch(model, pieces(x, y, 16), regression_loss, optimizer)["loss"]
    for _ in range(30):
        last = train_epoch(model, pieces(x, y, 16), regression_loss, optimizer)["loss"]
    assert last < 0.01 * first


def test_no_batch_at_all_is_a_clear_error():
    try:
        evaluate(linear_model(), [], regression_loss)
    except ValueError as error:
        assert "empty" in str(error)
    else:
        raise AssertionError("an empty data set must not pass in silence")


def test_evaluate_is_in_eval_mode_repeats_exactly_and_gives_the_mode_back():
    model = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)).train()
    x, y = small_problem()
    one = evaluate(model, pieces(x, y, 5), regression_loss)
    assert one == evaluate(model, pieces(x, y, 5), regression_loss)
    assert model.training
    evaluate(model.eval(), [(x, y)], regression_loss)
    assert not model.training


def test_evaluate_gives_the_mode_back_after_an_exception():
    def broken(model, batch):
        raise RuntimeError("broken loss")

    model = linear_model().train()
    try:
        evaluate(model, pieces(*small_problem(), 5), broken)
    except RuntimeError:
        pass
    assert model.training


def test_schedule_rises_in_a_line_and_falls_to_zero():
    optimizer = torch.optim.SGD(linear_model().parameters(), lr=2.0)
    schedule = warmup_then_decay(optimizer, warmup_steps=4, total_steps=12)
    rates = []
    for _ in range(13):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:5] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert abs(rates[8] - 1.0) < 1e-12  # half-way down the cosine
    assert abs(rates[12]) < 1e-12
    assert all(a > b for a, b in zip(rates[4:], rates[5:], strict=False))


def test_schedule_refuses_a_warmup_longer_than_the_run():
    optimizer = torch.optim.SGD(linear_model().parameters(), lr=1.0)
    try:
        warmup_then_decay(optimizer, warmup_steps=5, total_steps=5)
    except ValueError as error:
        assert "warmup_steps" in str(error)
    else:
        raise AssertionError("warm-up as long as the run must be refused")


def test_train_epoch_steps_the_schedule_and_the_average_once_a_batch():
    x, y = small_problem(12)
    model = linear_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = warmup_then_decay(optimizer, warmup_steps=0, total_steps=3)
    average = MovingAverage(model)
    train_epoch(model, pieces(x, y, 4), regression_loss, optimizer, schedule, average)
    assert schedule.last_epoch == 3
    assert average.updates == 3


def test_moving_average_equals_torchs_once_its_short_memory_has_grown():
    model = linear_model()
    ours = MovingAverage(model, decay=0.9)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    ours.updates = 100  # past the start, where ours remembers less on purpose
    theirs.update_parameters(model)  # torch's first call copies
    for step in range(5):
        with torch.no_grad():
            model.weight += step
        ours.update(model)
        theirs.update_parameters(model)
    torch.testing.assert_close(ours.model.weight, theirs.module.weight)


def test_a_young_average_forgets_its_start():
    model = linear_model()
    average, start = MovingAverage(model, decay=0.999), model.weight.detach().clone()
    with torch.no_grad():
        model.weight += 10
    average.update(model)  # the first decay is 1 / 10
    torch.testing.assert_close(average.model.weight, start + 9)


def test_moving_average_copies_buffers_and_asks_for_no_gradient():
    model = nn.BatchNorm1d(3)
    average = MovingAverage(model)
    model(torch.randn(8, 3) + 5)
    average.update(model)
    torch.testing.assert_close(average.model.running_mean, model.running_mean)
    assert not any(weight.requires_grad for weight in average.model.parameters())


def test_interrupting_a_training_loop_keeps_model_and_history(capsys):
    x, y = small_problem(64)
    model = linear_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = []

    def loss_fn(model, batch):
        if len(history) == 3:
            raise KeyboardInterrupt  # the stop button, in the middle of an epoch
        return regression_loss(model, batch)

    with stoppable():
        for _ in range(100):
            history.append(train_epoch(model, pieces(x, y, 16), loss_fn, optimizer)["loss"])
    assert len(history) == 3
    assert evaluate(model, [(x, y)], regression_loss)["loss"] < history[0]
    assert "kept" in capsys.readouterr().out


def test_stoppable_lets_real_errors_through():
    try:
        with stoppable():
            raise ZeroDivisionError
    except ZeroDivisionError:
        return
    raise AssertionError("an error was swallowed")


def test_progress_writes_to_stdout_and_says_how_much_is_left(capsys):
    bar = progress(range(3), "training")
    for step in bar:
        bar.set_postfix(loss=step)
    shown = capsys.readouterr()
    assert "training: 100%" in shown.out and "loss=2" in shown.out
    assert shown.err == ""
    lines = shown.out.replace("\r", "\n").splitlines()
    assert shown.out.isascii() and max(map(len, lines)) == 100  # fits a notebook and any font


def test_the_number_format_reaches_every_product_and_is_float32_by_itself():
    x, y = small_problem()
    model, seen = linear_model(), []

    def loss_fn(model, batch):
        seen.append(model(batch[0]).dtype)
        return regression_loss(model, batch)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for dtype in (torch.float16, torch.bfloat16):
        update(model, (x, y), loss_fn, optimizer, dtype)
        train_epoch(model, [(x, y)], loss_fn, optimizer, dtype=dtype)
        evaluate(model, [(x, y)], loss_fn, dtype)
        assert seen == [dtype] * 3
        seen.clear()
    update(model, (x, y), loss_fn, optimizer)
    evaluate(model, [(x, y)], loss_fn)
    assert seen == [torch.float32] * 2


def test_an_average_without_memory_is_the_model_and_one_that_never_moves_is_refused():
    model = linear_model()
    average = MovingAverage(model, decay=0.0)
    with torch.no_grad():
        model.weight += 1
    average.update(model)
    torch.testing.assert_close(average.model.weight, model.weight)
    for decay in (1.0, 1.5, -0.1):
        with pytest.raises(ValueError, match="decay"):
            MovingAverage(model, decay=decay)
