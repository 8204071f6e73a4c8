"""Writes zscore.json, hbos.json, mad.json, iqr.json, ecod.json, copod.json, mahalanobis.json, mcd.json, mcd-sklearn.json,
mcd-sklearn-divided.json, pca.json, knn.json, inne.json, loda.json, iforest.json, eif.json and hst.json beside itself: what SciPy, scikit-learn, PyOD, eif and river answer.

Nothing here is random between runs: every data set has its own fixed seed, so a second run writes the same bytes.
The format is told in README.md.
"""
import json
import pathlib
import random
import sys
import tarfile
import tempfile
import types
from importlib.metadata import version

import numpy as np
import scipy.linalg
import scipy.stats
from pyod.models.hbos import HBOS
from pyod.models.inne import INNE
from pyod.models.loda import LODA
from pyod.models.mad import MAD
from pyod.models.mcd import MCD
from pyod.models.pca import PCA as PyodPCA
from river.anomaly import HalfSpaceTrees
from sklearn.covariance import EllipticEnvelope, EmpiricalCovariance, MinCovDet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler, StandardScaler

# PyOD's COPOD and ECOD import it to draw, which nobody asks them to.
sys.modules["matplotlib"] = types.ModuleType("matplotlib")
sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"] = types.ModuleType("matplotlib.pyplot")
from pyod.models.copod import COPOD  # noqa: E402
from pyod.models.ecod import ECOD  # noqa: E402

PACKAGES = ("pyod", "scikit-learn", "scipy", "numpy", "numba")
FILE_BYTES_MAX = 300_000
# Its extension does not tell its trees; eif_old, in Python alone, does.
EIF = "eif-2.0.2"
# The model and the last digits of a wider case would fill the file and add nothing.
MODEL_COLUMNS_MAX = 10
# Iglewicz and Hoaglin: the mean absolute deviation of a normal variable is sd / 1.253314.
MEAN_DEVIATION_TO_SD = 1.253314
# PyOD's MIN_FLOAT.
EPSILON = np.finfo(float).eps
# Directions of the standardized columns with less than this part of the greatest variance count as none.
VARIANCE_MIN = 1e-10
# A column whose deviation in the rows that lie close together is so small, in units of that of all rows, does not vary in them.
DEVIATION_MIN = 1e-5


# ---------------------------------------------------------------- data sets


def data_sets():
    """Name -> (fitted columns, columns scored but not fitted); rows x columns, NaN = missing."""
    sets = {}

    def add(name, make, rows_new=8):
        rng = np.random.default_rng(len(sets) + 1)
        fitted = make(rng)
        new = beyond(fitted, rng, rows_new)
        if np.isnan(fitted).any():
            new[0], new[-1, 0] = np.nan, np.nan
        sets[name] = (fitted, new)

    add("gaussian", lambda r: r.normal([0, 5, -3], [1, 2, 0.5], (200, 3)))
    add("ties", lambda r: r.integers(0, 4, (80, 3)).astype(float))
    add("duplicates", lambda r: np.repeat(r.normal(size=(15, 2)), 4, axis=0))
    add("bin-edges", lambda r: np.column_stack([np.tile(np.arange(11.0), 4), np.repeat(np.arange(11.0), 4)]))
    add("one-column", lambda r: r.normal(size=(60, 1)))
    add("sixty-columns", lambda r: r.integers(-999, 1000, (20, 60)) / 8)
    add("tiny-scale", lambda r: r.normal(size=(60, 2)) * 1e-12)
    add("huge-scale", lambda r: r.normal(size=(60, 2)) * 1e12)
    add("offset", lambda r: 1e5 + r.normal(size=(60, 2)))
    add("integers", lambda r: r.integers(-1000, 1000, (80, 3)).astype(float))
    add("lognormal", lambda r: r.lognormal(0, 2, (60, 2)))
    add("constant-column", lambda r: np.insert(r.normal(size=(60, 2)), 1, 7.25, axis=1))
    add("negative-zero", lambda r: np.column_stack([np.tile([-0.0, 0.0, 1.0, -1.0], 10), r.normal(size=40)]))
    add("heavy-outlier", lambda r: np.vstack([r.normal(size=(79, 2)), [[1e9, -1e6]]]))
    add("two-rows", lambda r: np.array([[1.0, 10.0], [2.0, -10.0]]))
    add("missing", lambda r: holes(r.normal(size=(60, 3)), r))
    # More than half of each of the first two columns is one value, so their median absolute deviation is 0.
    add("mad-zero", lambda r: np.column_stack([
        np.where(r.random(60) < 0.7, 3.0, r.normal(3, 2, 60)), (r.random(60) < 0.1).astype(float), r.normal(size=60)]))
    return sets


def mcd_sets():
    """What MinCovDet divides: more than 500 rows, more than 1,500; a third of them a cluster of its own. And wide, narrow and uneven data."""
    def clustered(seed, rows, columns):
        rng = np.random.default_rng(seed)
        return np.vstack([rng.normal(size=(rows - rows // 3, columns)), rng.normal(6, 0.5, (rows // 3, columns))]).round(2)

    rng = np.random.default_rng(50)
    wide = rng.integers(-3, 4, (220, 200)).astype(float)
    wide[:20] *= 5
    further = {
        "520-rows": clustered(51, 520, 3), "1600-rows": clustered(52, 1600, 2), "200-columns": wide,
        "one-column-ties": rng.integers(0, 9, (61, 1)).astype(float),
        "one-column-cluster": clustered(53, 90, 1),
        "both-scales": clustered(54, 60, 3) * [1e-9, 1, 1e9],
    }
    return {name: (fitted, beyond(fitted, rng, 4)) for name, fitted in further.items()}


def holes(data, rng):
    data[rng.random(data.shape) < 0.1] = np.nan
    return data


def beyond(fitted, rng, rows):
    """Rows inside, at the ends of, just outside and far outside the fitted range, in every column."""
    low, high = np.nanmin(fitted, axis=0), np.nanmax(fitted, axis=0)
    span = np.where(high > low, high - low, 1.0)
    shares = [-0.004, 1.004, -0.3, 1.3, -1e6, 1e6, *rng.random(rows)]
    rows = np.array([low, high, *(low + share * span for share in shares)])
    return rows.round(1) if fitted.shape[1] > MODEL_COLUMNS_MAX else rows


# ---------------------------------------------------------------- references


def zscore(fitted, new, aggregate):
    scaler = StandardScaler().fit(fitted)
    mean, sd = scaler.mean_, scaler.scale_
    combine = {"max": lambda z: np.nanmax(np.abs(z), axis=1, initial=0), "sum": lambda z: np.nansum(z * z, axis=1)}[aggregate]
    scores = combine(scipy.stats.zscore(fitted, axis=0, ddof=0, nan_policy="omit"))
    agree(scores, combine(scaler.transform(fitted)), "scipy and scikit-learn")
    return scores, combine(scaler.transform(new)), {"mean": mean, "sd": sd}, {}


def mad(fitted, new, aggregate):
    """PyOD's MAD, which takes one column, for each column; its own answer for a deviation of 0 is replaced."""
    columns, columns_new, medians, deviations, fallback = [], [], [], [], []
    for index in range(fitted.shape[1]):
        column = fitted[:, [index]]
        with np.errstate(all="ignore"):  # a deviation of 0 divides by it, inside PyOD
            model = MAD().fit(column)
        medians.append(model.median_)
        deviations.append(model.median_diff_)
        if model.median_diff_ > 0:
            columns.append(model.decision_scores_)
            columns_new.append(model.decision_function(new[:, [index]]))
        else:
            fallback.append(index)
            mean_deviation = np.nanmean(np.abs(column - model.median_))
            columns.append(mean_deviation_score(column, model.median_, mean_deviation))
            columns_new.append(mean_deviation_score(new[:, [index]], model.median_, mean_deviation))
    combine = {"max": np.max, "sum": np.sum}[aggregate]
    facts = {"fallback": fallback} if fallback else {}
    return combine(columns, axis=0), combine(columns_new, axis=0), {"median": medians, "mad": deviations}, facts


def mean_deviation_score(column, median, mean_deviation):
    return np.nan_to_num(np.abs(column[:, 0] - median) / (MEAN_DEVIATION_TO_SD * mean_deviation))


def iqr(fitted, new, aggregate):
    """NumPy's quartiles; the standard deviation is the unit where they are one number."""
    lower, upper = np.nanpercentile(fitted, [25, 75], axis=0)
    agree(upper - lower, scipy.stats.iqr(fitted, axis=0, nan_policy="omit"), "NumPy and SciPy")
    unit = np.where(upper > lower, upper - lower, np.nanstd(fitted, axis=0))
    combine = {"max": np.max, "sum": np.sum}[aggregate]

    def excess(rows):
        return combine(np.nan_to_num(np.maximum(np.maximum(lower - rows, rows - upper), 0) / unit), axis=1)

    return excess(fitted), excess(new), {"lower": lower, "upper": upper}, {}


def tails(fitted, new, is_flat):
    """SciPy's distribution functions of the fitted rows: -ln of both tail probabilities of all rows, and which tail is the longer one."""
    count = len(fitted)
    skews = np.nan_to_num(scipy.stats.skew(fitted, axis=0))
    if np.any((skews != 0) & (np.abs(skews) < 1e-9)):
        raise Undecided

    def tail(rows, sign):
        found = np.empty(rows.shape)
        for index, column in enumerate((sign * fitted).T):
            cells = sign * rows[:, index]
            share = scipy.stats.ecdf(column).cdf.evaluate(cells)
            lowest, median = column.min(), sign * np.sort(fitted[:, index])[(count - 1) // 2]
            unit = next(unit for unit in (median - lowest, np.ptp(column)) if unit > 0)
            beyond = 0 if is_flat else np.log1p(np.maximum(lowest - cells, 0) / unit)
            found[:, index] = np.where(share > 0, -np.log(np.maximum(share, 1e-300)), np.log(count + 1) + beyond)
        return found

    return [(tail(rows, 1), tail(rows, -1)) for rows in (fitted, new)], np.sign(skews)


def longer(left, right, skews):
    return np.where(skews > 0, right, np.where(skews < 0, left, left + right))


def ecod(fitted, new, compat):
    """PyOD's score of the rows it was fitted to, or the paper's; of new rows the same by the distribution functions of the fitted ones."""
    sides, skews = tails(fitted, new, compat == "pyod")
    terms = [np.stack([left, right, longer(left, right, skews)]) for left, right in sides]
    if compat == "pyod":
        scores, scores_new = (found.max(0).sum(1) for found in terms)
        agree(scores, ECOD().fit(fitted).decision_scores_, "SciPy and PyOD")
    else:
        scores, scores_new = (found.sum(2).max(0) for found in terms)
    return scores, scores_new, None, {}


def copod(fitted, new, compat):
    """PyOD's score of the rows it was fitted to; of new rows the same by the distribution functions of the fitted ones."""
    sides, skews = tails(fitted, new, compat == "pyod")
    scores, scores_new = (np.maximum(longer(left, right, skews), (left + right) / 2).sum(1) for left, right in sides)
    agree(scores, COPOD().fit(fitted).decision_scores_, "SciPy and PyOD")
    return scores, scores_new, None, {}


def mahalanobis(fitted, new):
    """scikit-learn's covariance of the standardized columns. Missing cells are their column's mean."""
    facts = {"derived": "missing cells are filled with the mean of their column first"} if np.isnan(fitted).any() else {}
    imputer = SimpleImputer().fit(fitted)
    fitted, new = imputer.transform(fitted), imputer.transform(new)
    scaler = StandardScaler().fit(fitted)
    standard, standard_new = scaler.transform(fitted), scaler.transform(new)
    model = EmpiricalCovariance().fit(standard)
    # The same pseudo-inverse, which by itself keeps directions in which there is nothing but rounding.
    model.precision_ = scipy.linalg.pinvh(model.covariance_, rtol=VARIANCE_MIN)
    scores, scores_new = model.mahalanobis(standard), model.mahalanobis(standard_new)
    if np.linalg.cond(model.covariance_) < 1e3:
        agree(scores, EmpiricalCovariance().fit(fitted).mahalanobis(fitted), "standardized and raw columns", 1e-10)
    return scores, scores_new, {"mean": imputer.statistics_}, facts


def mcd(fitted, new):
    """scikit-learn's covariance of the rows that concentration leads to, as the documentation of our detector has it."""
    facts = {"derived": "missing cells are the mean of their column to the fit, and of the chosen rows to the score"}
    facts = facts if np.isnan(fitted).any() else {}
    scaler = StandardScaler().fit(fitted)
    scaled, scaled_new = (scaler.transform(rows) for rows in (fitted, new))
    standard = np.nan_to_num(scaled)
    found = Covariance(standard, close_together(standard))
    scores, scores_new = (found.distances(np.where(np.isnan(rows), found.mean, rows)) for rows in (scaled, scaled_new))
    return scores, scores_new, {"mean": scaler.mean_, "sd": scaler.scale_}, facts


def mcd_sklearn(fitted, new, compat):
    """MinCovDet, asserted equal to EllipticEnvelope and to PyOD's MCD; without data of which rounding decides what it finds."""
    facts, given = {}, fitted
    if np.isnan(fitted).any():
        facts["derived"] = "missing cells are the mean of their column to the fit, and that of the rows found to the score"
        fitted = np.where(np.isnan(fitted), np.nanmean(fitted, axis=0), fitted)
    # Units cancel, but to it a covariance of less than 1e-8 is 0, and one of 1e16 times less than another is rounding.
    units = 2.0 ** np.floor(np.log2(fitted.std(axis=0)))
    if np.log2(units).min() < -10 or np.ptp(np.log2(units)) > 20:
        facts["derived"] = "columns in units of a power of two"
        given, fitted, new = given / units, fitted / units, new / units
    model = MinCovDet(random_state=0).fit(fitted)
    if np.linalg.matrix_rank(model.covariance_) < fitted.shape[1]:
        # Which of all inverses is the least depends on units: ours are the deviations of the rows found.
        facts["derived"] = "columns in units of their deviation in the rows found"
        units = fitted[model.support_].std(axis=0)
        units[units == 0] = 1
        given, fitted, new = given / units, fitted / units, new / units
        model = MinCovDet(random_state=0).fit(fitted)
    for other in (fitted[:, ::-1], fitted * (1 + np.arange(fitted.shape[1]) % 3) / 3):
        found = MinCovDet(random_state=0).fit(other)
        if not np.array_equal(found.support_, model.support_) or not np.allclose(found.dist_, model.dist_, rtol=1e-9, atol=1e-9):
            raise Undecided
    found, scores_new = (model.mahalanobis(np.where(np.isnan(rows), model.location_, rows)) for rows in (given, new))
    scores = model.mahalanobis(fitted)
    agree(scores, model.dist_, "MinCovDet's distances", 1e-9)
    agree(scores, MCD(random_state=0).fit(fitted).decision_scores_, "scikit-learn and PyOD", 1e-9)
    agree(scores, -EllipticEnvelope(random_state=0).fit(fitted).score_samples(fitted), "MinCovDet and EllipticEnvelope")
    return found, scores_new, None, facts


def knn(fitted, new, n_neighbors):
    """scikit-learn's distance to the k-th nearest of some standardized rows, beside one that is equal to the row."""
    facts = {"derived": "missing cells are 0, the mean, once columns are standardized"} if np.isnan(fitted).any() else {}
    scaler = StandardScaler().fit(fitted)
    # Multiplied by, so that a row and its twin among the reference rows are equal to the bit here and in our model.
    standard, standard_new = (np.nan_to_num((rows - scaler.mean_) * (1 / scaler.scale_)) for rows in (fitted, new))
    agree(standard, np.nan_to_num(scaler.transform(fitted)), "ways to standardize")
    reference = standard[np.random.default_rng(0).permutation(len(standard))[:30]]
    near = min(n_neighbors, len(reference) - 1)
    model = NearestNeighbors(algorithm="brute", metric="sqeuclidean").fit(reference)

    def farness(rows):
        squares = np.sort(((rows[:, None] - reference) ** 2).sum(2), axis=1)
        agree(np.sort(model.kneighbors(rows, len(reference))[0], axis=1), squares, "NumPy and scikit-learn", 1e-6)
        return np.sqrt(np.where(squares[:, 0] == 0, squares[:, near], squares[:, near - 1]))

    facts["state"] = {
        "columns": [{"center": mean, "unit": sd} for mean, sd in zip(scaler.mean_, scaler.scale_)],
        "neighbours": {"neighbours": near, "rows": reference},
    }
    return farness(standard), farness(standard_new), None, facts


def inne(fitted, new, n_estimators, max_samples):
    """PyOD's score, given its own centroids; on the data as they are."""
    model = INNE(n_estimators=n_estimators, max_samples=min(max_samples, len(fitted)), random_state=0).fit(fitted)
    scores, scores_new = (model.decision_function(rows) for rows in (fitted, new))
    for rows, found in ((fitted, scores), (new, scores_new)):
        if not np.allclose(found, by_differences(model, rows), rtol=1e-9, atol=1e-9):
            raise Undecided
    return scores, scores_new, None, {"state": {
        "columns": [{"center": 0.0, "unit": 1.0}] * fitted.shape[1], "sets": model._centroids}}


def loda(fitted, new, n_random_cuts, compat):
    """PyOD's score, given its own projections and histograms; on the data as they are."""
    model = LODA(n_random_cuts=n_random_cuts, random_state=0).fit(fitted)
    projections = []
    for weights, histogram, limits in zip(model.projections_, model.histograms_, model.limits_):
        cuts = limits[:len(histogram) - 1]
        # The least row lies at the first limit, where the last digit of a sum would decide.
        cuts = cuts + 1e-11 * (limits[-1] - limits[0])
        for rows in (fitted, new):
            projected = weights @ rows.T
            if np.abs(projected[:, None] - cuts).min() < 1e-12 * (limits[-1] - limits[0]) or not np.array_equal(
                    np.searchsorted(cuts, projected), np.searchsorted(limits[:len(histogram) - 1], projected)):
                raise Undecided
        columns = np.flatnonzero(weights)
        projections.append({
            "columns": columns.tolist(), "weights": weights[columns], "cuts": cuts, "values": -np.log(histogram)})
    return model.decision_function(fitted), model.decision_function(new), None, {"state": {
        "columns": [{"center": 0.0, "unit": 1.0}] * fitted.shape[1],
        "projections": projections,
        "unit": 1 / n_random_cuts**2,
    }}


def by_differences(model, rows):
    """The same where no digit is lost: PyOD's distances come from products, and on the edge of a ball the last one decides."""
    isolation = np.ones((len(model._centroids), len(rows)))
    for centroids, found in zip(model._centroids, isolation):
        between = ((centroids[:, None] - centroids) ** 2).sum(2)
        np.fill_diagonal(between, np.inf)
        radius, nearest = between.min(1), between.argmin(1)
        ratio = 1 - (radius[nearest] + EPSILON) / (radius + EPSILON)
        squares = ((rows[:, None] - centroids) ** 2).sum(2)
        held = np.where(squares <= radius, radius, np.inf)
        inside = np.isfinite(held).any(1)
        found[inside] = ratio[held.argmin(1)[inside]]
    return isolation.mean(0)


class Undecided(Exception):
    """Rows are equally near, and which of them are taken is left open here."""


class Covariance:
    """scikit-learn's, of some of the rows, in units of their deviations there; columns that do not vary in them have no part."""
    def __init__(self, rows, chosen):
        deviations = rows[chosen].std(axis=0)
        self.varies = deviations > (0 if len(chosen) == len(rows) else DEVIATION_MIN)
        if not self.varies.any():
            raise Undecided
        self.units = deviations[self.varies]
        self.mean = rows[chosen].mean(axis=0)
        self.model = EmpiricalCovariance().fit(self.scaled(rows[chosen]))
        self.model.precision_ = scipy.linalg.pinvh(self.model.covariance_, rtol=VARIANCE_MIN)
        values = np.linalg.eigvalsh(self.model.covariance_)
        self.log_determinant = np.log(values[values > VARIANCE_MIN * values[-1]]).sum() + 2 * np.log(self.units).sum()

    def scaled(self, rows):
        return ((rows - self.mean)[:, self.varies]) / self.units

    def distances(self, rows):
        return self.model.mahalanobis(self.scaled(rows))


def close_together(rows):
    """The rows whose covariance has the least determinant that concentration finds."""
    count = max(int(0.75 * len(rows)), min(len(rows), rows.shape[1] + 2))
    median = np.median(rows, axis=0)
    spread = np.median(np.abs(rows - median), axis=0)
    robust = np.abs((rows - median) / np.where(spread > 0, spread, 1)).clip(0, 20).sum(1)
    best = None
    for start in (robust, ((rows - median) ** 2).sum(1), Covariance(rows, np.arange(len(rows))).distances(rows)):
        chosen = nearest(start, count)
        for _ in range(12):
            closer = nearest(Covariance(rows, chosen).distances(rows), count)
            if np.array_equal(closer, chosen):
                break
            chosen = closer
        determinant = Covariance(rows, chosen).log_determinant
        if best is None or determinant < best[0] - 1e-9:
            best = (determinant, chosen)
    return best[1]


def nearest(distances, count):
    if count < len(distances):
        below, above = np.sort(distances)[count - 1:count + 1]
        if above - below <= 1e-9 * max(1, above):
            raise Undecided
    return np.sort(np.argsort(distances, kind="stable")[:count])


def decided(sets, function, parameters):
    """The data of which no two rows are equally near where it matters."""
    def clear(fitted, new):
        varies = np.nanstd(fitted, axis=0) > 0
        try:
            function(fitted[:, varies], new[:, varies], **parameters)
        except Undecided:
            return False
        return True
    return {name: data for name, data in sets.items() if clear(*data)}


def pca(fitted, new, compat="none", n_selected_components=0):
    """PyOD's score; or, of the least directions, the squared components that scikit-learn whitens."""
    missing = np.isnan(fitted).any()
    facts = {"derived": "missing cells are 0, the mean, once columns are standardized"} if missing else {}
    scaler = StandardScaler().fit(fitted)
    standard, standard_new = (np.nan_to_num(scaler.transform(rows)) for rows in (fitted, new))
    facts |= {"model": {"mean": scaler.mean_, "sd": scaler.scale_}}
    if compat == "pyod":
        if missing:
            model, fitted, new = PyodPCA(standardization=False), standard, standard_new
        else:
            model = PyodPCA()
        model.fit(fitted)
        return model.decision_scores_, model.decision_function(new), None, facts
    model = PCA(whiten=True, svd_solver="full").fit(standard)
    # scikit-learn's variances have ddof 1.
    whole = len(fitted) / (len(fitted) - 1)
    scores, scores_new = (
        (model.transform(rows)[:, -n_selected_components:] ** 2).sum(1) * whole for rows in (standard, standard_new))
    return scores, scores_new, None, facts


def correlations(fitted):
    """Eigenvalues and eigenvectors of how the columns that vary go together."""
    standard = StandardScaler().fit_transform(SimpleImputer().fit_transform(fitted[:, np.nanstd(fitted, axis=0) > 0]))
    return np.linalg.eigh(np.atleast_2d(np.cov(standard.T)))


def directions(sets):
    """The data whose directions differ in their variance, and all have some: others may be turned as one likes."""
    def differ(fitted):
        values, _ = correlations(fitted)
        return values[0] > 1e-3 and np.all(np.diff(values) > 1e-3)
    return {name: data for name, data in sets.items() if differ(data[0])}


def iforest(fitted, new, n_estimators):
    """scikit-learn's forest and its own scores: larger is more unusual. It reads single precision, so that is what the data have."""
    filled = np.nanmedian(fitted, axis=0).astype(np.float32)
    facts = {"derived": "missing cells are filled with the median of their column first"} if np.isnan(fitted).any() else {}
    fitted, new = (np.where(np.isnan(rows), filled, rows) for rows in (fitted, new))
    model = IsolationForest(n_estimators=n_estimators, random_state=0).fit(fitted)
    facts["state"] = {
        "columns": [{"center": float(center)} for center in filled],
        "forest": {"rows": model.max_samples_, "trees": [preorder(tree.tree_) for tree in model.estimators_]},
    }
    return -model.score_samples(fitted), -model.score_samples(new), None, facts


def preorder(tree):
    """A tree as our models have it: nodes as they come, -1 for a leaf."""
    leaf = tree.children_left == -1
    assert np.array_equal(tree.children_left[~leaf], np.flatnonzero(~leaf) + 1), "scikit-learn numbers nodes in preorder"
    return {"columns": np.where(leaf, -1, tree.feature), "thresholds": tree.threshold[~leaf], "rows": tree.n_node_samples[leaf]}


def eif_old():
    """The module of that name in the source distribution of eif, which README.md tells how to get."""
    with tarfile.open(pathlib.Path(sys.prefix) / f"{EIF}.tar.gz") as archive, tempfile.TemporaryDirectory() as directory:
        for name in ("eif_old.py", "version.py"):
            archive.extract(f"{EIF}/{name}", directory, filter="data")
        sys.path.insert(0, str(pathlib.Path(directory) / EIF))
        import eif_old
        sys.path.pop(0)
    return eif_old


def eif(fitted, new, n_estimators, max_samples, compat, extension="full"):
    """The scores of the package eif, given its own trees; on the data as they are."""
    random.seed(0)
    np.random.seed(0)
    columns = fitted.shape[1]
    level = columns - 1 if extension == "full" else extension
    model = eif_old().iForest(fitted, n_estimators, min(max_samples, len(fitted)), ExtensionLevel=level)
    parts, chosen, trees = [], [], []

    def preorder(node, tree):
        """A tree as our models have it: nodes as they come, a cut by the number of its hyperplane."""
        if node.ntype == "exNode":
            tree["columns"].append(-1)
            tree["rows"].append(node.size)
            return tree
        terms = np.arange(columns) if extension == "full" else np.flatnonzero(node.n)
        tree["columns"].append(len(parts) // (level + 1))
        # What is equal goes right there, and left in our models. Added as they do it.
        offset = sum((node.n[j] * node.p[j] for j in terms), 0.0)
        tree["thresholds"].append(np.nextafter(offset, -np.inf))
        parts.extend(node.n[terms])
        chosen.extend(terms)
        return preorder(node.right, preorder(node.left, tree))

    for tree in model.Trees:
        trees.append(preorder(tree.root, {"columns": [], "thresholds": [], "rows": []}))
    planes = {"terms": level + 1, "parts": parts} | ({} if extension == "full" else {"columns": chosen})
    return model.compute_paths(fitted), model.compute_paths(new), None, {"state": {
        "columns": [{"center": 0.0, "unit": 1.0}] * columns,
        "trees": {"forest": {"rows": model.sample, "trees": trees}, "planes": planes},
        "is_compatible": True,
    }}


def hst(fitted, new, n_trees, height):
    """The scores of river's HalfSpaceTrees, given its own trees, once all rows are its reference window."""
    limits = {column: (float(cells.min()), float(cells.max())) for column, cells in enumerate(fitted.T)}
    model = HalfSpaceTrees(n_trees=n_trees, height=height, window_size=len(fitted), limits=limits, seed=0)
    named = [[dict(enumerate(map(float, row))) for row in rows] for rows in (fitted, new)]
    for row in named[0]:
        model.learn_one(row)

    def preorder(node, tree):
        if not hasattr(node, "children"):
            tree["columns"].append(-1)
            tree["rows"].append(node.r_mass)
            return tree
        tree["columns"].append(node.feature)
        tree["thresholds"].append(np.nextafter(node.threshold, -np.inf))
        return preorder(node.right, preorder(node.left, tree))

    trees = [preorder(tree, {"columns": [], "thresholds": [], "rows": []}) for tree in model.trees]
    scores, scores_new = (np.array([model.score_one(row) for row in rows]) for rows in named)
    return scores, scores_new, None, {"state": {
        "columns": [{"center": center} for center in np.median(fitted, axis=0)],
        "forest": {"rows": len(fitted), "trees": trees},
    }}


def hbos(fitted, new, scale, n_bins=10, alpha=0.1, tol=0.5):
    facts = {}
    raw, raw_new = fitted, new
    if scale == "minmax":
        scaler = MinMaxScaler().fit(fitted)
        fitted, new = scaler.transform(fitted), scaler.transform(new)
    settings = {"n_bins": n_bins, "alpha": alpha, "tol": tol}
    if np.isnan(fitted).any():
        # PyOD refuses missing cells. A column at a time it never sees one; such a cell adds the least it could.
        facts["derived"] = "per column over the cells present; a missing cell adds minus the largest table value"
        parts = [hbos_column(fitted[:, [j]], new[:, [j]], settings) for j in range(fitted.shape[1])]
        scores, scores_new = (np.sum([part[i] for part in parts], axis=0) for i in (0, 1))
        model = {key: [part[2][key][0] for part in parts] for key in parts[0][2]}
    else:
        scores, scores_new, model = hbos_whole(fitted, new, settings)
    if scale == "minmax":
        model |= {"low": scaler.data_min_, "high": scaler.data_max_}
        facts["formula_free"] = formula_free(raw, raw_new, fitted, new, n_bins, tol)
    return scores, scores_new, model, facts


def hbos_whole(fitted, new, settings):
    model = HBOS(**settings).fit(fitted)
    tables = np.log2(model.hist_ + settings["alpha"])
    return model.decision_scores_, model.decision_function(new), {"edges": model.bin_edges_.T, "tables": tables.T}


def hbos_column(fitted, new, settings):
    present, present_new = ~np.isnan(fitted[:, 0]), ~np.isnan(new[:, 0])
    part, part_new, model = hbos_whole(fitted[present], new[present_new], settings)
    least = -np.max(model["tables"])
    scores, scores_new = np.full(len(fitted), least), np.full(len(new), least)
    scores[present], scores_new[present_new] = part, part_new
    return scores, scores_new, model


def formula_free(raw, raw_new, scaled, scaled_new, n_bins, tol):
    """Whether every cell falls in the same bin, however the scaling is written down.

    scikit-learn computes x * (1 / range) + (-low / range). Written as (x - low) / range, or with the bins laid over
    the raw values, a cell that lies on an edge may round to the other side of it.
    """
    low, high = np.nanmin(raw, axis=0), np.nanmax(raw, axis=0)
    ways = [(scaled, scaled_new), ((raw - low) / (high - low), (raw_new - low) / (high - low)), (raw, raw_new)]
    return all(
        np.array_equal(first, other)
        for j in range(raw.shape[1])
        for first, *others in [[places(a[:, j], b[:, j], n_bins, tol) for a, b in ways]]
        for other in others
    )


def places(fitted, new, n_bins, tol):
    """The bins that count a fitted cell, those that score a cell, and whether an outside cell is near."""
    fitted, new = fitted[~np.isnan(fitted)], new[~np.isnan(new)]
    counts, edges = np.histogram(fitted, bins=n_bins)
    near_low = edges[0] - new <= tol * (edges[1] - edges[0])
    near_high = new - edges[-1] <= tol * (edges[-1] - edges[-2])
    bins = np.digitize(np.concatenate([fitted, new]), edges, right=True)
    # The lowest cell lands in bin 0 or 1 and the highest in the last or one past it: both score alike.
    return np.concatenate([counts, np.clip(bins, 1, n_bins), near_low, near_high])


def agree(scores, others, who, tolerance=1e-12):
    if not np.allclose(scores, others, rtol=tolerance, atol=tolerance):
        raise SystemExit(f"{who} disagree by {np.max(np.abs(scores - others))}")


# ---------------------------------------------------------------- cases


def case(name, detector, function, data, parameters):
    fitted, new = data
    constant = np.nanmin(fitted, axis=0) == np.nanmax(fitted, axis=0)
    scores, scores_new, model, facts = function(fitted[:, ~constant], new[:, ~constant], **parameters)
    if constant.any():
        facts["dropped"] = np.flatnonzero(constant)
    if model and fitted.shape[1] <= MODEL_COLUMNS_MAX:
        facts["model"] = model
    return plain({
        "name": name, "detector": detector, "parameters": parameters, "columns": fitted.T, "scores": scores,
        "score_columns": new.T, "score_scores": scores_new, **facts})


def plain(value):
    """Numbers and lists for JSON; NaN becomes null."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def hbos_parameters(name):
    yield {"scale": "minmax", "n_bins": 10}
    yield {"scale": "raw", "n_bins": 10}
    if name in ("ties", "bin-edges", "lognormal", "one-column"):
        for n_bins in (5, 37):
            yield {"scale": "minmax", "n_bins": n_bins}
            yield {"scale": "raw", "n_bins": n_bins}
    if name == "one-column":
        yield {"scale": "raw", "n_bins": 10, "alpha": 0.5, "tol": 0.1}


def nothing(_name):
    yield {}


def papers(_name):
    yield {"compat": "paper"}
    yield {"compat": "pyod"}


def copulas(_name):
    yield {"compat": "none"}
    yield {"compat": "pyod"}


def trees(_name):
    yield {"n_estimators": 7}


def components(name):
    yield {}
    yield {"n_selected_components": 1}
    # PyOD's score depends on the sign of an eigenvector, which is that of its greatest part; of two columns both are equal.
    greatest = np.sort(np.abs(correlations(data_sets()[name][0])[1]), axis=0)
    if len(greatest) == 1 or np.all(greatest[-1] - greatest[-2] > 1e-3):
        yield {"compat": "pyod"}


def envelopes(_name):
    yield {"compat": "sklearn"}


def near(_name):
    yield {"n_neighbors": 3}


def balls(_name):
    yield BALLS


BALLS = {"n_estimators": 9, "max_samples": 8}


def cuts(_name):
    yield CUTS


CUTS = {"n_random_cuts": 12, "compat": "pyod"}


def hyperplanes(name):
    few = {"n_estimators": 5, "max_samples": 32, "compat": "eif"}
    if name != "sixty-columns":
        yield few
    if name in ("sixty-columns", "gaussian", "missing"):
        yield few | {"extension": 1}


def half_spaces(_name):
    yield {"n_trees": 6, "height": 5}


def whole(sets):
    """The data without missing cells."""
    return {name: data for name, data in sets.items() if not np.isnan(data[0]).any()}


def single(sets):
    """The same data, as single precision holds them."""
    return {name: tuple(rows.astype(np.float32).astype(np.float64) for rows in data) for name, data in sets.items()}


def aggregates(_name):
    yield {"aggregate": "max"}
    yield {"aggregate": "sum"}


def write(detector, function, parameters_of, sets, versions=None, file=None):
    file = file or detector
    cases = [
        case(" ".join([name, *map(str, parameters.values())]), detector, function, data, parameters)
        for name, data in sets.items()
        for parameters in parameters_of(name)
    ]
    lines = ",\n".join(json.dumps(one, separators=(",", ":"), allow_nan=False) for one in cases)
    versions = json.dumps({package: version(package) for package in PACKAGES} | (versions or {}))
    text = f'{{"versions": {versions}, "cases": [\n{lines}\n]}}\n'
    if len(text) > FILE_BYTES_MAX:
        raise SystemExit(f"{file}.json would hold {len(text)} bytes, more than {FILE_BYTES_MAX}")
    pathlib.Path(__file__).with_name(f"{file}.json").write_text(text, encoding="ascii")
    print(f"{file}: {len(cases)} cases, {len(text)} bytes")


if __name__ == "__main__":
    SETS = data_sets()
    write("zscore", zscore, aggregates, SETS)
    write("mad", mad, aggregates, SETS)
    write("hbos", hbos, hbos_parameters, SETS)
    write("iqr", iqr, aggregates, SETS)
    write("ecod", ecod, papers, decided(whole(SETS), ecod, {"compat": "pyod"}))
    write("copod", copod, copulas, decided(whole(SETS), copod, {"compat": "pyod"}))
    write("mahalanobis", mahalanobis, nothing, SETS)
    write("mcd", mcd, nothing, decided(SETS, mcd, {}))
    for file, sets in (("mcd-sklearn", SETS), ("mcd-sklearn-divided", mcd_sets())):
        write("mcd", mcd_sklearn, envelopes, decided(sets, mcd_sklearn, {"compat": "sklearn"}), file=file)
    write("knn", knn, near, SETS)
    write("inne", inne, balls, decided(whole(SETS), inne, BALLS))
    write("loda", loda, cuts, decided(whole(SETS), loda, CUTS))
    write("pca", pca, components, directions(SETS))
    write("iforest", iforest, trees, single(SETS))
    write("eif", eif, hyperplanes, whole(SETS), {"eif": EIF.removeprefix("eif-")})
    write("hst", hst, half_spaces, whole(SETS), {"river": version("river")})
