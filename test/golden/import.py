"""Writes test/golden/import/: fitted scikit-learn isolation forests in each form that is imported, and what scikit-learn scores with them.

    python3.11 -m venv import-venv
    import-venv/bin/pip install --no-deps -r test/golden/import-requirements.txt
    import-venv/bin/python test/golden/import.py

The same versions write the same bytes.
"""

import importlib.metadata
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import treelite
from skl2onnx import to_onnx
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
from export_isolation_forest import export  # noqa: E402

ROWS = 300
PACKAGES = ["numpy", "onnx", "scikit-learn", "skl2onnx", "treelite"]
# Cells that become infinite in single precision are among the rows on purpose.
warnings.filterwarnings("ignore", message="overflow encountered in cast")


def gaussian(random, columns):
    return random.normal(size=(1000, columns)) * np.logspace(-1, 2, columns)


def large(random):
    """Numbers of which single precision holds too few digits: seconds since 1970, and cents."""
    return np.column_stack([1.7e9 + random.integers(0, 5000, 1000), 1e8 + random.normal(size=1000), random.normal(size=1000)])


def holes(random):
    cells = gaussian(random, 4)
    cells[random.random(cells.shape) < 0.2] = np.nan
    return cells


def around(forest, random):
    """Rows whose cells lie on thresholds, beside them, and half way to the next single."""
    cuts = [
        (features[feature], threshold)
        for estimator, features in zip(forest.estimators_, forest.estimators_features_)
        for feature, threshold in zip(estimator.tree_.feature, estimator.tree_.threshold)
        if feature >= 0
    ]
    rows = random.normal(size=(ROWS // 2, forest.n_features_in_))
    for row in rows:
        for _ in range(len(row)):
            column, threshold = cuts[random.integers(len(cuts))]
            single = np.float32(threshold)
            other = np.nextafter(single, np.float32(random.choice([-np.inf, np.inf])), dtype=np.float32)
            half_way = (float(single) + float(other)) / 2
            near = random.choice([threshold, float(single), half_way, float(other)])
            row[column] = random.choice([near, np.nextafter(near, -np.inf), np.nextafter(near, np.inf)])
    rows[-2:] = [np.full(rows.shape[1], 1e300), np.full(rows.shape[1], -1e39)]
    return rows


def case(name, cells, rows_missing=False, **parameters):
    random = np.random.default_rng(sum(map(ord, name)))
    cells = cells(random)
    forest = IsolationForest(random_state=len(name), **parameters).fit(cells)
    rows = np.vstack([cells[: ROWS // 2], around(forest, random)])
    if rows_missing:
        rows[random.random(rows.shape) < 0.1] = np.nan
    directory = HERE / "import"
    directory.mkdir(exist_ok=True)
    forms = ["json", "treelite.json"]
    export(forest, directory / f"{name}.json")
    (directory / f"{name}.treelite.json").write_text(treelite.sklearn.import_model(forest).dump_as_json(pretty_print=False))
    # skl2onnx refuses a forest whose trees see some of the columns only.
    if parameters.get("max_features", 1.0) == 1.0:
        graph = as_onnx(forest, cells)
        (directory / f"{name}.onnx").write_bytes(graph.SerializeToString())
        forms.append("onnx")
    return {
        "name": name,
        "forms": forms,
        "trees": len(forest.estimators_),
        "offset": forest.offset_,
        "rows": [[None if np.isnan(cell) else cell for cell in row] for row in rows.tolist()],
        "scores": (-forest.score_samples(rows)).tolist(),
    }


def as_onnx(estimator, cells):
    graph = to_onnx(estimator, cells[:1].astype(np.float32), target_opset={"": 18, "ai.onnx.ml": 3})
    # They come from a set, whose order is another in each process.
    graph.opset_import.sort(key=lambda one: one.domain)
    return graph


def changed(graph, change):
    """The bytes of the graph once `change` was made to a copy of it."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    change(copy.graph)
    return copy.SerializeToString()


def node_of(graph, op):
    return next(node for node in graph.node if node.op_type == op)


def attribute(graph, op, name):
    return next(one for one in node_of(graph, op).attribute if one.name == name)


def initializer(graph, name):
    return next(one for one in graph.initializer if one.name == name)


def graphs():
    """Writes import/graphs/: Small graphs that are no isolation forest, each in one thing."""
    random = np.random.default_rng(0)
    cells = random.normal(size=(50, 2))
    forest = IsolationForest(random_state=0, n_estimators=2, max_samples=4).fit(cells)
    graph = as_onnx(forest, cells)

    def mode(graph):
        attribute(graph, "TreeEnsembleRegressor", "nodes_modes").strings[0] = b"BRANCH_LT"

    def length(graph):
        labels = next(node for node in graph.node if node.name.startswith("path_length") and node.op_type == "LabelEncoder")
        next(one for one in labels.attribute if one.name == "values_floats").floats[0] += 0.5

    def divisor(graph):
        initializer(graph, "dec_Divcst").float_data[0] *= 1.01

    def transformed(graph):
        attribute(graph, "TreeEnsembleRegressor", "post_transform").s = b"SOFTMAX"

    def operator(graph):
        node_of(graph, "Log").op_type = "Exp"

    def twice(graph):
        node_of(graph, "Sum").input[1] = node_of(graph, "Sum").input[0]

    def circle(graph):
        attribute(graph, "TreeEnsembleRegressor", "nodes_truenodeids").ints[0] = 0

    def base(graph):
        initializer(graph, "dec_Powcst").float_data[0] = 3

    def domain(graph):
        node_of(graph, "Neg").domain = "com.example"

    def rows(graph):
        del graph.input[0].type.tensor_type.shape.dim[1]

    changes = [mode, length, divisor, transformed, operator, twice, circle, base, domain, rows]
    files = {change.__name__: changed(graph, change) for change in changes}
    pipeline = make_pipeline(StandardScaler(), IsolationForest(random_state=0, n_estimators=1, max_samples=4)).fit(cells)
    files["scaled"] = as_onnx(pipeline, cells).SerializeToString()
    files["regressor"] = as_onnx(DecisionTreeRegressor(max_depth=2).fit(cells, cells[:, 0]), cells).SerializeToString()
    directory = HERE / "import" / "graphs"
    directory.mkdir(exist_ok=True)
    for name, file in files.items():
        (directory / f"{name}.onnx").write_bytes(file)


def missing():
    """Writes import/missing/: what ONNX Runtime makes of rows with missing cells, by what a graph says of them, or does not."""
    random = np.random.default_rng(0)
    cells = random.normal(size=(200, 3))
    forest = IsolationForest(random_state=0, n_estimators=10, max_samples=16).fit(cells)
    graph = as_onnx(forest, cells)
    tracks = "nodes_missing_value_tracks_true"

    def absent(graph):
        for node in graph.node:
            kept = [one for one in node.attribute if one.name != tracks]
            del node.attribute[:]
            node.attribute.extend(kept)

    def some(graph):
        for node in graph.node:
            for one in node.attribute:
                if one.name == tracks:
                    one.ints[:] = random.integers(2, size=len(one.ints)).tolist()

    rows = random.normal(size=(60, 3)).astype(np.float32)
    rows[random.random(rows.shape) < 0.4] = np.nan
    directory = HERE / "import" / "missing"
    directory.mkdir(exist_ok=True)
    files = {"written": graph.SerializeToString(), "absent": changed(graph, absent), "some": changed(graph, some)}
    scores = {}
    for name, file in files.items():
        (directory / f"{name}.onnx").write_bytes(file)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        # A graph answers `decision_function`: `score_samples` less the offset.
        (decided,) = session.run(["scores"], {session.get_inputs()[0].name: rows})
        scores[name] = (-(decided.ravel().astype(float) + forest.offset_)).tolist()
    cells = [[None if np.isnan(cell) else cell for cell in row] for row in rows.tolist()]
    (directory / "scores.json").write_text(json.dumps({"versions": versions("onnxruntime"), "rows": cells, "scores": scores}) + "\n")


def versions(*more):
    return {name: importlib.metadata.version(name) for name in [*PACKAGES, *more]}


def main():
    graphs()
    missing()
    cases = [
        case("plain", lambda random: gaussian(random, 3), n_estimators=100, max_samples=16),
        case("large", large, n_estimators=20, max_samples=64, contamination=0.1),
        case("holes", holes, rows_missing=True, n_estimators=20, max_samples=64),
        case("some-features", lambda random: gaussian(random, 6), n_estimators=20, max_samples=64, max_features=0.4),
        case("bootstrap", lambda random: gaussian(random, 3), n_estimators=10, max_samples=64, bootstrap=True),
        case("deep", lambda random: gaussian(random, 2), n_estimators=3, max_samples=600, contamination=0.02),
        case("least", lambda random: gaussian(random, 1), n_estimators=1, max_samples=2),
    ]
    (HERE / "import" / "cases.json").write_text(json.dumps({"versions": versions(), "cases": cases}, allow_nan=False) + "\n")


main()
