"""Measures how well our detectors find labelled anomalies, beside scikit-learn's IsolationForest in the same run.

    python test/golden/auto.py DIRECTORY [--detectors auto,hbos] [--command "node dist/cli/main.js"] [--reference-only]

DIRECTORY holds Parquet files with row_id, any number of feature columns and label (1 = anomaly). Every row is fitted and
scored, and no detector sees the label. Prints AUROC / average precision per set and their means, in percent, and what
each detector has over the forest. A detector may carry parameters: `hbos:scale=raw:n_bins=37`.
"""
import argparse
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

NOT_FEATURES = ("row_id", "label")
REFERENCE = "IForest"


def main():
    options = parse(sys.argv[1:])
    detectors = [] if options.reference_only else options.detectors.split(",")
    names = [REFERENCE, *detectors]
    files = sorted(options.directory.glob("*.parquet"), key=by_number)
    if not files:
        raise SystemExit(f"{options.directory} holds no .parquet file")

    width = max(len(file.stem) for file in files)
    print(f"{'':{width}} {'rows':>8} {'columns':>7}  ", *(f"{name:>14}" for name in names))
    figures, failures = [], []
    cut = tempfile.TemporaryDirectory()
    for file in files:
        if options.rows_max:
            file = first_rows(file, options.rows_max, pathlib.Path(cut.name))
        label, features = read(file)
        row = [mean_figure(label, (forest(features, seed) for seed in range(options.seeds)))]
        for detector in detectors:
            try:
                row.append(mean_figure(label, (ours(file, detector, seed, len(label), options) for seed in range(options.command_seeds))))
            except Failure as failure:
                row.append((np.nan, np.nan))
                failures.append(f"{file.name}, {detector}: {failure}")
        figures.append(row)
        print(f"{file.stem:{width}} {len(label):8} {features.shape[1]:7}  ", *map(cell, row), flush=True)

    print(f"{'mean of ' + str(len(files)):{width}} {'':16}  ", *map(cell, np.mean(figures, axis=0)))
    print_differences(np.array(figures), names)
    if failures:
        raise SystemExit("\n".join(["", f"{len(failures)} runs failed; a mean over a set that failed is nan:", *failures]))


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--detectors", default="auto", help="names, separated by commas (default: auto)")
    parser.add_argument("--command", default="node dist/cli/main.js", help="what to run in front of `score <file> ...`")
    parser.add_argument("--reference-only", action="store_true", help="measure scikit-learn alone and run no command")
    parser.add_argument("--seeds", type=int, default=3, help="forests per set, seeds 0.. (default: 3)")
    parser.add_argument("--command-seeds", type=int, default=1, help="runs of our command per set, seeds 0.. (default: 1)")
    parser.add_argument("--rows-max", type=int, help="of a larger set so many rows, drawn once (default: all)")
    parser.add_argument("--run-seconds-max", type=float, default=600, help="a longer run of the command has failed")
    return parser.parse_args(arguments)


def by_number(file):
    """ADBench numbers its sets: 4_breastw comes before 11_donors."""
    number = file.stem.split("_")[0]
    return (int(number) if number.isdigit() else sys.maxsize, file.name)


def first_rows(file, rows_max, directory):
    """A file of so many rows of another, drawn once, or that file."""
    table = pq.read_table(file)
    if len(table) <= rows_max:
        return file
    target = directory / file.name
    pq.write_table(table.take(np.random.default_rng(1).permutation(len(table))[:rows_max]), target)
    return target


def read(file):
    """The labels and the features that are not constant."""
    table = pq.read_table(file).to_pandas()
    features = table.drop(columns=[name for name in NOT_FEATURES if name in table]).to_numpy(float)
    return table["label"].to_numpy(), features[:, np.nanmax(features, axis=0) > np.nanmin(features, axis=0)]


def forest(features, seed):
    return -IsolationForest(random_state=seed, n_jobs=-1).fit(features).score_samples(features)


class Failure(Exception):
    """A run of the command that gave no usable scores."""


def ours(file, detector, seed, rows, options):
    name, *parameters = detector.split(":")
    with tempfile.TemporaryDirectory() as temporary:
        target = pathlib.Path(temporary, "scores.parquet")
        command = [
            *shlex.split(options.command), "score", str(file), "--exclude", ",".join(NOT_FEATURES), "-d", name,
            "--contamination", "0.01", "--seed", str(seed), "-o", str(target), "--home", str(pathlib.Path(temporary, "home"))]
        for parameter in parameters:
            command += ["--set", parameter]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=options.run_seconds_max, check=False)
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"ran for more than {options.run_seconds_max} s") from expired
        except OSError as error:
            raise SystemExit(f"cannot run {options.command}: {error}") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-400:]
            raise Failure(f"exit code {done.returncode}: {said}")
        return read_scores(target, rows)


def read_scores(target, rows):
    if not target.exists():
        raise Failure("wrote no output")
    table = pq.read_table(target, columns=["row", "score"])
    if not np.array_equal(table["row"].to_numpy(), np.arange(rows)):
        raise Failure(f"output does not hold rows 0..{rows} in order")
    scores = table["score"].to_numpy()
    if not np.isfinite(scores).all():
        raise Failure(f"{np.count_nonzero(~np.isfinite(scores))} scores are null or not finite")
    return scores


def mean_figure(label, runs):
    return np.mean([(100 * roc_auc_score(label, scores), 100 * average_precision_score(label, scores)) for scores in runs], axis=0)


def cell(figure):
    return f"{figure[0]:7.2f}/{figure[1]:6.2f}"


def print_differences(figures, names):
    """Means can hide a detector that wins by one set: so also on how many sets it is ahead."""
    for index, name in enumerate(names[1:], start=1):
        ahead = figures[:, index] - figures[:, 0]
        auroc, precision = ahead.mean(axis=0)
        wins, wins_precision = (ahead > 0).sum(axis=0)
        print(f"{name} over {REFERENCE}: AUROC {auroc:+.2f} (ahead on {wins}), AP {precision:+.2f} (ahead on {wins_precision}) of {len(figures)}")


if __name__ == "__main__":
    main()
