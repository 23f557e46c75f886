"""Trains a peer on what test/bench/gbdt.ts wrote down; answers with its seconds and writes what it says of the held-out rows."""

import json
import sys
import time

import numpy as np

job = json.loads(sys.argv[1])
rows, columns = job["rows"], job["columns"]
x = np.fromfile(job["features"], dtype=np.float32).reshape(columns, rows).T.astype(np.float64)
y = np.fromfile(job["target"], dtype=np.float64)
held = np.fromfile(job["folds"], dtype=np.int32) == job["fold"]
train, test, labels = np.ascontiguousarray(x[~held]), np.ascontiguousarray(x[held]), y[~held]


def lightgbm():
    import lightgbm as lgb

    # Categories are whole numbers to it, and what is missing is none of them.
    params = {**job["params"], "verbose": -1, "num_threads": 2, "seed": 1}
    start = time.perf_counter()
    data = lgb.Dataset(train, labels, categorical_feature=job["categorical"], free_raw_data=False)
    model = lgb.train(params, data, num_boost_round=100)
    return time.perf_counter() - start, model.predict(test)


def sklearn():
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    binary = job["params"]["objective"] == "binary"
    kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    model = kind(
        max_iter=100,
        early_stopping=False,
        random_state=1,
        max_leaf_nodes=job["params"].get("num_leaves", 31),
        max_depth=job["params"].get("max_depth"),
        categorical_features=job["categorical"],
    )
    start = time.perf_counter()
    model.fit(train, labels)
    seconds = time.perf_counter() - start
    return seconds, model.predict_proba(test)[:, 1] if binary else model.predict(test)


seconds, said = {"lightgbm": lightgbm, "sklearn": sklearn}[job["peer"]]()
said.astype(np.float64).tofile(job["said"])
print(json.dumps({"seconds": seconds}))
