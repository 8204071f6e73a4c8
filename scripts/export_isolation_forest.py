"""Writes a fitted scikit-learn IsolationForest as JSON, which `batch-core model import` reads.

    from export_isolation_forest import export
    export(forest, "forest.json")

    batch-core model import forest.json -m forest.bcm

Numbers read back to the same double. Nothing but the standard library and attributes of the estimator is used; docs/models.md has the
format.
"""

import json


def export(forest, path):
    """Writes `forest`, a fitted `sklearn.ensemble.IsolationForest`, to the file `path`."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(described(forest), file, allow_nan=False)


def described(forest):
    """What the file says."""
    names = getattr(forest, "feature_names_in_", None)
    # Until scikit-learn 1.6 max_samples_; since then under a name of its own.
    max_samples = getattr(forest, "_max_samples", None) or forest.max_samples_
    trees = zip(forest.estimators_, forest.estimators_features_)
    return {
        "schema": "batch-core.isolation-forest/1",
        "sklearn_version": forest.__getstate__().get("_sklearn_version", ""),
        "n_features": int(forest.n_features_in_),
        "feature_names": None if names is None else [str(name) for name in names],
        "max_samples": int(max_samples),
        "offset": float(forest.offset_),
        "trees": [_tree(estimator.tree_, features) for estimator, features in trees],
    }


def _tree(tree, features):
    """The arrays of a tree, its cuts counting the columns of the whole forest."""
    missing = getattr(tree, "missing_go_to_left", None)
    return {
        "children_left": tree.children_left.tolist(),
        "children_right": tree.children_right.tolist(),
        "feature": [int(features[feature]) if feature >= 0 else -1 for feature in tree.feature],
        "threshold": tree.threshold.tolist(),
        "n_node_samples": tree.n_node_samples.tolist(),
        "missing_go_to_left": [0] * tree.node_count if missing is None else missing.tolist(),
    }
