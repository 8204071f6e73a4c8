"""Writes auto.json beside itself: the scores of the default detector by NumPy, SciPy and scikit-learn, given what ours drew.

    python test/golden/fusion.py [--command "node dist/cli/main.js"]

The command fits each data set, and of its model only what is drawn is taken: the trees of the isolation forest, and which rows others
are compared with. All else is computed from the data as the documentation of the detector has it: paths, the rows that lie close
together, neighbours by distance and by rank, what a first round finds ordinary, and the distribution of each member's scores.
A set of which rounding decides a rank is left out.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import tempfile

import numpy as np
import pyarrow
import pyarrow.parquet
from scipy.stats import genpareto, norm, rankdata

from make import Covariance, Undecided, beyond, close_together, data_sets, decided, holes, write

REFERENCE = 256
NEAR = 0.06
CLEAN, CORE = 0.9, 0.75
COVARIANCE_COLUMNS_MAX = 60
# Median deviations from the median beyond which a cell is no measure of its column.
WILD = 2.0**20
QUANTILE_MAX = 4.5
# Steps of knots: of normal quantiles, and of rarities.
QUANTILE_STEP, RARITY_STEP = 0.02, 0.005
SHAPE_MIN, SHAPE_MAX = 1e-6, 2.0
STRAIGHT = 1000.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default="node dist/cli/main.js", help="what to run in front of `fit <file> ...`")
    command = shlex.split(parser.parse_args().command)

    def auto(fitted, new, speed):
        return scored(fitted, new, fit(command, fitted, speed), speed)

    sets = data_sets() | further_sets()
    clear = {speed: decided(sets, auto, {"speed": speed}) for speed in ("full", "fast")}
    print("left out of full:", ", ".join(name for name in sets if name not in clear["full"]))
    write("auto", auto, lambda name: [{"speed": speed} for speed, cases in clear.items() if name in cases], sets)


def further_sets():
    """More rows than are compared with, in clusters and with missing cells; and more columns than have a robust covariance."""
    rng = np.random.default_rng(60)
    clusters = np.vstack([rng.normal(size=(500, 3)), rng.normal(5, 0.3, (90, 3)), rng.normal(0, 20, (10, 3))]).round(3)
    gaps = holes(rng.lognormal(0, 1, (400, 2)).round(6), rng)
    wide = rng.integers(-99, 100, (100, 61)) / 8
    sets = {"600-rows": clusters, "400-rows-missing": gaps, "61-columns": wide}
    return {name: (fitted, beyond(fitted, rng, 4)) for name, fitted in sets.items()}


def fit(command, fitted, speed):
    """What our model of these rows says of the forest, and of the rows that others are compared with."""
    with tempfile.TemporaryDirectory() as temporary:
        source, model = pathlib.Path(temporary, "source.parquet"), pathlib.Path(temporary, "model.bcm")
        columns = {f"x{index}": pyarrow.array(cells, from_pandas=True) for index, cells in enumerate(fitted.T)}
        pyarrow.parquet.write_table(pyarrow.table(columns), source)
        subprocess.run(
            [*command, "fit", str(source), "-d", "auto", "--set", f"speed={speed}", "-m", str(model), "--columns", ",".join(columns)],
            check=True, capture_output=True)
        return json.loads(model.read_bytes().split(b"\n", 1)[1])["state"]["auto/2"]


def scored(fitted, new, drawn, speed):
    standard, standard_new = standardized(fitted, fitted), standardized(fitted, new)
    filled = np.nan_to_num(standard)
    robust = fitted.shape[1] <= COVARIANCE_COLUMNS_MAX
    mcd = Covariance(filled, close_together(filled) if robust else np.arange(len(filled)))

    def rows(which):
        """Fitted or new ones, as each member wants them: as they are, standardized, and with 0 for a missing cell."""
        return (fitted, standard, filled) if which == "fitted" else (new, standard_new, np.nan_to_num(standard_new))

    members = [
        lambda cells, *_: isolation(drawn["iforest"]["forest"], np.where(np.isnan(cells), np.nanmedian(fitted, axis=0), cells)),
        lambda _, scaled, __: distances(mcd, scaled),
    ]
    if speed == "full":
        place = standing(fitted)
        compared = compared_with(drawn["ranks"]["neighbours"]["rows"], place(fitted), np.arange(len(fitted)))
        order = ordinary([member(*rows("fitted")) for member in members] + [nearest(filled, filled[compared])])
        clean = compared_with(drawn["neighbors"]["neighbours"]["rows"], filled, np.sort(order[:most(CLEAN, len(order))]))
        core = Covariance(filled, np.sort(order[:most(CORE, len(order))]))
        members += [
            lambda _, __, scaled: nearest(scaled, filled[clean]),
            lambda cells, *_: nearest(place(cells), place(fitted)[compared]),
            lambda _, scaled, __: distances(core, scaled),
        ]
    tails = [Tail(apart(member(*rows("fitted")))) for member in members]
    return (*(sum(tail(member(*rows(which))) for tail, member in zip(tails, members)) for which in ("fitted", "new")), None, {})


def most(share, count):
    return max(1, int(share * count))


def apart(scores):
    """Scores of which none are so near each other, and yet not equal, that rounding could turn them round."""
    ordered = np.sort(scores)
    gaps = np.diff(ordered)
    if np.any((gaps > 0) & (gaps <= 1e-10 * ordered[1:])):
        raise Undecided
    return scores


def compared_with(reference, rows, candidates):
    """Which of the candidates the reference rows of our model are: all where there are no more than those."""
    if len(candidates) <= REFERENCE:
        in_order = [np.array(sorted(map(tuple, some))) for some in (reference, rows[candidates])]
        assert np.allclose(*in_order, rtol=0, atol=1e-9), "of few rows all are compared with"
        return candidates
    near = np.abs(np.array(reference)[:, None] - rows).max(2)
    found = near.argmin(1)
    assert near.min(1).max() < 1e-9 and len(set(found)) == REFERENCE, "each is one of the rows"
    assert np.isin(found, candidates).all(), "and none is unusual"
    return found


def ordinary(scores):
    """The rows, the most ordinary first, by the sum of -ln(1 - rank)."""
    sums = sum(-np.log(1 - (rankdata(apart(own)) - 0.5) / len(own)) for own in scores)
    order = np.argsort(sums, kind="stable")
    for cut in (most(CLEAN, len(order)), most(CORE, len(order))):
        if cut < len(order) and np.diff(sums[order[cut - 1:cut + 1]])[0] < 1e-9:
            raise Undecided
    return order


# ---------------------------------------------------------------- members


def standardized(fitted, rows):
    """By mean and deviation of the cells that are not wild; a missing cell stays one."""
    median = np.nanmedian(fitted, axis=0)
    deviation = np.nanmedian(np.abs(fitted - median), axis=0)
    tame = np.where((np.abs(fitted - median) <= WILD * deviation) | (deviation == 0), fitted, np.nan)
    # Multiplied by, so that a row and its twin among the reference rows are equal to the bit here and in our model.
    return (rows - np.nanmean(tame, axis=0)) * (1 / np.nanstd(tame, axis=0))


def distances(covariance, rows):
    return covariance.distances(np.where(np.isnan(rows), covariance.mean, rows))


def nearest(rows, reference):
    """The distance to the k-th nearest, beside one that is equal to the row."""
    near = max(1, min(int(NEAR * len(reference) + 0.5), len(reference) - 1))
    squares = np.sort(sum((rows[:, None, j] - reference[:, j]) ** 2 for j in range(rows.shape[1])), axis=1)
    last = len(reference) - 1
    return np.sqrt(np.where(squares[:, 0] == 0, squares[:, min(near, last)], squares[:, near - 1]))


def standing(fitted):
    """How a cell becomes a normal quantile in units of their deviation, by knots."""
    columns = []
    for cells in fitted.T:
        cells = cells[~np.isnan(cells)]
        places, first = np.unique(cells, return_index=True)
        quantiles = norm.ppf((rankdata(cells) - 0.5) / len(cells)).clip(-QUANTILE_MAX, QUANTILE_MAX)
        columns.append((*thinned(places, quantiles[first], QUANTILE_STEP), np.median(cells), quantiles.std()))

    def place(rows):
        found = [np.interp(np.where(np.isnan(cells), middle, cells), *knots) / unit for cells, (*knots, middle, unit) in zip(rows.T, columns)]
        return np.column_stack(found)

    return place


def thinned(places, values, step):
    """The first, the last, and of the others so many that from one kept to the next the value rises by at most the step, or none lies between."""
    kept = [0]
    for index in range(1, len(places) - 1):
        if values[index + 1] - values[kept[-1]] > step:
            kept.append(index)
    kept += [len(places) - 1] * (len(places) > 1)
    return places[kept], values[kept]


def isolation(forest, rows):
    """2 to the power of minus the mean path, in units of that of all rows of a tree; paths are whole numbers of a small unit."""
    trees = [leaves(tree, rows) for tree in forest["trees"]]
    longest = max(depth for tree in trees for depth, *_ in tree) + average_path(forest["rows"]) + 1
    unit = 2.0 ** -np.floor(np.log2((2**31 - 1) / (longest * len(trees))))
    paths = np.zeros(len(rows))
    for tree in trees:
        for depth, ended, mask in tree:
            paths[mask] += np.floor((depth + average_path(ended)) / unit + 0.5)
    return 2.0 ** (-paths * unit / len(trees) / average_path(max(forest["rows"], 2)))


def leaves(tree, rows):
    """Of each leaf: the cuts above it, the rows of the fit that ended there, and which of these do."""
    columns, thresholds, ended = iter(tree["columns"]), iter(tree["thresholds"]), iter(tree["rows"])
    found = []

    def below(mask, depth):
        column = next(columns)
        if column < 0:
            found.append((depth, next(ended), mask))
            return
        left = rows[:, column] <= next(thresholds)
        below(mask & left, depth + 1)
        below(mask & ~left, depth + 1)

    below(np.ones(len(rows), bool), 0)
    return found


def average_path(rows):
    return {0: 0.0, 1: 0.0, 2: 1.0}.get(rows) if rows <= 2 else 2 * (np.log(rows - 1) + np.euler_gamma) - 2 * (rows - 1) / rows


class Tail:
    """-ln(1 - rank) of a score, by knots; from the highest percent on a generalized Pareto distribution."""
    def __init__(self, scores):
        ordered, count = np.sort(scores), len(scores)
        begin = ordered[count - min(max(count // 100, 100), count // 2) - 1]
        body, beyond = ordered[ordered <= begin], ordered[ordered > begin] - begin
        places, first = np.unique(body, return_index=True)
        rarities = -np.log(1 - (rankdata(ordered) - 0.5)[first] / count)
        self.places, self.rarities = thinned(places, rarities, RARITY_STEP)
        self.scale, self.shape = pareto(beyond) if len(beyond) else (self.steepness(), 0.0)

    def steepness(self):
        rise = self.rarities[-1] - self.rarities[0]
        return (self.places[-1] - self.places[0]) / rise if rise > 0 else 1.0

    def __call__(self, scores):
        exceedances = np.maximum(scores - self.places[-1], 0)
        rise = -genpareto.logsf(exceedances, self.shape, scale=self.scale)
        if self.shape == 0:
            straight = exceedances / self.scale
            rise = np.where(straight > STRAIGHT, STRAIGHT * (1 + np.log(np.maximum(straight, STRAIGHT) / STRAIGHT)), straight)
        return np.where(exceedances > 0, self.rarities[-1] + rise, np.interp(scores, self.places, self.rarities))


def pareto(exceedances):
    """Scale and shape by the median and the upper quartile (Pickands)."""
    median, quartile = np.quantile(exceedances, [0.5, 0.75])
    power = np.clip(quartile / median - 1, 1, 4)
    shape = min(np.log2(power), SHAPE_MAX)
    return (median / np.log(2), 0.0) if shape < SHAPE_MIN else (median * shape / (power - 1), shape)


if __name__ == "__main__":
    main()
