"""What one would otherwise use in Python, on rows that lie in memory: one process per figure.

Usage: python bench/reference.py <case> <file> <rows> <threads> [<output of ours>]

Prints {"seconds", "version", ...} as JSON: the time of scoring alone, with the fit, imports and the reading of the file left out; of
`evaluate` the time of everything after the imports, for its work is to read.
"""

import json
import sys
import time
import types
from importlib.metadata import version

import numpy as np
import pyarrow.parquet as parquet

# PyOD imports it to draw, which nothing here does.
sys.modules["matplotlib"] = types.ModuleType("matplotlib")
sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"] = types.ModuleType("matplotlib.pyplot")

CASE, FILE, ROWS, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
COLUMNS = [f"f{j}" for j in range(10)]
SAMPLE = 104_857


def read() -> np.ndarray:
    table = parquet.read_table(FILE, columns=COLUMNS).slice(0, ROWS)
    return np.column_stack([table[name].to_numpy() for name in COLUMNS])


def sklearn_forest(rows: np.ndarray):
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=0, n_jobs=THREADS).fit(rows[:SAMPLE])
    return "scikit-learn", lambda: -forest.score_samples(rows)


def sklearn_covariance(rows: np.ndarray):
    from sklearn.covariance import MinCovDet

    covariance = MinCovDet(random_state=0).fit(rows[:SAMPLE])
    return "scikit-learn", lambda: covariance.mahalanobis(rows)


def sklearn_neighbours(rows: np.ndarray):
    from sklearn.neighbors import NearestNeighbors

    center, deviation = rows[:SAMPLE].mean(axis=0), rows[:SAMPLE].std(axis=0)
    chosen = np.random.default_rng(0).choice(SAMPLE, 256, replace=False)
    neighbours = NearestNeighbors(n_neighbors=5, algorithm="brute", n_jobs=THREADS)
    neighbours.fit((rows[chosen] - center) / deviation)
    return "scikit-learn", lambda: neighbours.kneighbors((rows - center) / deviation)[0][:, -1]


def of_pyod(module: str, name: str, **options):
    def fitted(rows: np.ndarray):
        detector = getattr(__import__(f"pyod.models.{module}", fromlist=[name]), name)(**options).fit(rows[:SAMPLE])
        return "pyod", lambda: detector.decision_function(rows)

    return fitted


def river_trees(rows: np.ndarray):
    from river.anomaly import HalfSpaceTrees

    low, high = rows.min(axis=0), rows.max(axis=0)
    scaled = [dict(enumerate(row)) for row in (rows - low) / (high - low)]
    trees = HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=0)
    for row in scaled[:2000]:
        trees.learn_one(row)
    return "river", lambda: np.array([trees.score_one(row) for row in scaled])


CASES = {
    "iforest": sklearn_forest,
    "mcd": sklearn_covariance,
    "knn": sklearn_neighbours,
    "inne": of_pyod("inne", "INNE", n_estimators=200, max_samples=8, random_state=0),
    "loda": of_pyod("loda", "LODA"),
    "hbos": of_pyod("hbos", "HBOS"),
    "ecod": of_pyod("ecod", "ECOD"),
    "copod": of_pyod("copod", "COPOD"),
    "pca": of_pyod("pca", "PCA"),
    "hst": river_trees,
}


def evaluate(output: str) -> dict:
    import pandas
    from sklearn.metrics import average_precision_score, roc_auc_score

    started = time.perf_counter()
    scores = pandas.read_parquet(output, columns=["row", "score"])
    labels = pandas.read_parquet(FILE, columns=["planted"])
    planted = labels["planted"].to_numpy()[scores["row"].to_numpy()]
    answer = [roc_auc_score(planted, scores["score"]), average_precision_score(planted, scores["score"])]
    return {"seconds": time.perf_counter() - started, "version": f"scikit-learn {version('scikit-learn')}", "answer": answer}


def score() -> dict:
    rows = read()
    package, scored = CASES[CASE](rows)
    started = time.perf_counter()
    scores = scored()
    seconds = time.perf_counter() - started
    # Every 100,000th row is planted: how far up they are, 1 being all on top.
    places = np.argsort(np.argsort(scores))[99_999::100_000]
    return {"seconds": seconds, "version": f"{package} {version(package)}", "planted": float(np.mean(places) / len(scores))}


print(json.dumps(evaluate(sys.argv[5]) if CASE == "evaluate" else score()))
