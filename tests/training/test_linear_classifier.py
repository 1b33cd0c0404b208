import pytest
import torch
from torch.nn.functional import one_hot

from training.linear_classifier import ProbeSchedule, fit_classifier, mean_of_videos


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(count, seed, classes=3, spread=0.3):
    """Rows around a corner for each class, on scales that differ a thousandfold."""
    truth = torch.arange(count) % classes
    noise = torch.randn(count, classes, generator=seeded(seed)) * spread
    return (one_hot(truth, classes) + noise) * torch.tensor([1e-3, 1.0, 50.0])[:classes] + 7, truth


def test_classes_that_lie_apart_are_told_apart_on_new_rows():
    predict = fit_classifier(*blobs(300, 0), 3, seeded())
    rows, truth = blobs(90, 1)
    probabilities = predict(rows)
    assert (probabilities.argmax(1) == truth).float().mean() > 0.9
    torch.testing.assert_close(probabilities.sum(1), torch.ones(90))


def test_labels_without_meaning_are_not_learnt():
    rows, _ = blobs(300, 0)
    truth = torch.randint(0, 3, (300,), generator=seeded(2))
    predict = fit_classifier(rows, truth, 3, seeded())
    new, labels = torch.randn(300, 3, generator=seeded(3)), torch.arange(300) % 3
    assert 0.2 < (predict(new).argmax(1) == labels).float().mean() < 0.5


def test_the_same_seed_gives_the_same_probe():
    rows, truth = blobs(60, 0, spread=1.0)
    one, same, other = (fit_classifier(rows, truth, 3, seeded(seed))(rows) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_class_that_is_never_seen_is_never_named():
    rows, truth = blobs(90, 0, classes=2)
    assert (fit_classifier(rows, truth, 5, seeded())(rows).argmax(1) < 2).all()


def test_at_the_end_the_gradient_of_penalised_cross_entropy_vanishes():
    """Where mean cross entropy + decay / 2 of all squared weights is least, its gradient is minus decay times them."""
    rows, truth = blobs(120, 0, spread=2.0)
    schedule = ProbeSchedule(epochs=400, drops=(300, 360), weight_decay=0.05, batch=120)
    predict = fit_classifier(rows, truth, 3, seeded(), schedule)
    z = (rows - rows.mean(0)) / (rows.var(0) + 1e-5).sqrt()  # that of batch-norm
    z = torch.cat([z, torch.ones(120, 1)], 1)  # for the bias
    weights = (one_hot(truth, 3) - predict(rows)).mT @ z / len(z) / 0.05
    torch.testing.assert_close((z @ weights.mT).softmax(1), predict(rows), atol=0.01, rtol=0)


@pytest.mark.parametrize("rows", [torch.zeros(1, 3), torch.full((4, 3), torch.nan)])
def test_rows_that_cannot_be_learnt_from_are_refused(rows):
    with pytest.raises(ValueError, match="two or more rows of finite numbers"):
        fit_classifier(rows, torch.zeros(len(rows), dtype=torch.long), 2, seeded())


def test_clips_are_averaged_by_video():
    clips = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.2, 0.8], [0.5, 0.5]])
    expected = torch.tensor([[0.6, 0.4], [0.25, 0.75]])
    torch.testing.assert_close(mean_of_videos(clips, torch.tensor([0, 1, 0, 1]), 2), expected)


def test_what_is_said_of_a_row_does_not_depend_on_the_rows_beside_it():
    rows, truth = blobs(90, 0)
    predict = fit_classifier(rows, truth, 3, seeded())
    torch.testing.assert_close(predict(rows)[:1], predict(rows[:1]))
