"""Writes evaluate.json beside itself: what scikit-learn and PyOD say of scores and labels.

Rows whose score or label is null (None) are left out before they are asked, as batch-core leaves them out. Nothing here is
random between runs. The format is told in README.md.
"""
import json
import pathlib
from importlib.metadata import version

import numpy as np
from pyod.utils.utility import precision_n_scores
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

PACKAGES = ("pyod", "scikit-learn", "numpy")


def cases():
    """Name -> (scores, labels, the score above which rows are flagged)."""
    rng = np.random.default_rng(20261128)

    def normal(rows, positives, shift=1.5):
        labels = np.zeros(rows, int)
        labels[rng.choice(rows, positives, replace=False)] = 1
        return (rng.normal(size=rows) + shift * labels).round(6), labels

    yield "distinct", *normal(300, 30), 1.5
    yield "imbalanced", *normal(1500, 3), 2.5
    yield "mostly positive", *normal(200, 190), 0.5
    yield "one positive", *normal(100, 1), 2
    yield "one negative", *normal(100, 99), 2
    yield "no better than chance", *normal(400, 40, 0), 1
    yield "worse than chance", *normal(200, 20, -2), 1
    scores, labels = normal(400, 60)
    yield "ties", scores.round(), labels, 1
    yield "ties in halves", (scores * 2).round() / 2, labels, 1
    yield "two scores", (scores > 1).astype(float), labels, 0.5
    yield "all equal", np.full(50, 0.25), np.arange(50) % 5 == 0, 0.5
    yield "all equal and flagged", np.full(50, 0.25), np.arange(50) % 5 == 0, 0.1
    yield "perfect", np.arange(40.0), np.arange(40) >= 35, 34.5
    yield "inverted", -np.arange(40.0), np.arange(40) >= 35, -4.5
    # The highest score is that of more rows than there are positives: none of them is among the n highest.
    yield "a tie at the top", np.repeat([3.0, 2.0, 1.0], [10, 10, 10]), np.arange(30) % 6 == 0, 2.5
    yield "a tie across n", np.array([9, 8, 7, 7, 7, 6, 5, 4.0]), np.array([1, 0, 1, 0, 1, 0, 0, 1]), 6.5
    yield "a tie that ends at n", np.array([9, 7, 7, 7, 6, 5, 4.0]), np.array([1, 0, 1, 1, 0, 0, 1]), 6.5
    yield "zeros of both signs", np.array([0.0, -0.0, 0.0, -0.0, -1, 1]), np.array([1, 0, 0, 1, 0, 1]), 0
    yield "of all sizes", np.array([1e300, -1e300, 1e-300, 0, 5, -5, 1e18, 3]), np.array([1, 0, 0, 0, 1, 0, 1, 0]), 4
    scores, labels = normal(300, 40)
    scores, labels = list(scores.round(2)), list(labels)
    for place in range(0, 300, 7):
        scores[place] = None
    for place in range(0, 300, 11):
        labels[place] = None
    yield "nulls", scores, labels, 1


def golden(name, scores, labels, threshold):
    rows = [(None if s is None else float(s), None if y is None else int(y)) for s, y in zip(scores, labels)]
    used = [(s, y) for s, y in rows if s is not None and y is not None]
    s, y = np.array([s for s, _ in used]), np.array([y for _, y in used])
    flags = (s > threshold).astype(int)
    return {
        "name": name,
        "scores": [s for s, _ in rows],
        "labels": [y for _, y in rows],
        "threshold": threshold,
        "evaluated": len(used),
        "positives": int(y.sum()),
        "auroc": float(roc_auc_score(y, s)),
        "averagePrecision": float(average_precision_score(y, s)),
        "precisionAtN": float(precision_n_scores(y, s)),
        "precision": float(precision_score(y, flags, zero_division=0)),
        "recall": float(recall_score(y, flags, zero_division=0)),
        "f1": float(f1_score(y, flags, zero_division=0)),
    }


def main():
    document = {
        "versions": {package: version(package) for package in PACKAGES},
        "cases": [golden(*case) for case in cases()],
    }
    target = pathlib.Path(__file__).with_name("evaluate.json")
    lines = ",\n".join("    " + json.dumps(case) for case in document["cases"])
    target.write_text(f'{{\n  "versions": {json.dumps(document["versions"])},\n  "cases": [\n{lines}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
