"""Scoring one block: the rows of its file. Needs no Ray."""

import pickle  # noqa: TID251 (Ray pickles what it sends)
from pathlib import Path

import pytest
from pyarrow import parquet

from mnist_edge import __version__
from mnist_edge.errors import ScoringError
from mnist_edge.scoring.blocks import SCHEMA, Scorer
from mnist_edge.scoring.plan import Settings, open_plan
from mnist_edge.scoring.sources import Place, open_place, open_source
from runtime import ImageError, Predictor


def scorer_for(pictures: Path, out: Place, version: str = __version__) -> Scorer:
    source, predictor = open_source(str(pictures)), Predictor("v1")
    settings = Settings(str(source), None, predictor.sha256, version, 1_400)
    return Scorer(predictor, source, out, open_plan(settings, source, out, resume=False))


def test_a_block_has_a_row_for_each_picture(pictures: Path, tmp_path: Path) -> None:
    scorer = scorer_for(pictures, open_place(str(tmp_path)))
    assert [scorer.score(0), scorer.score(1)] == [1_400, 600]
    path = tmp_path / scorer.plan.file_of(1)
    table = parquet.read_table(path)
    assert table.schema.equals(SCHEMA)
    files = sorted(pictures.rglob("*.png"))[1_400:]
    for row, file in zip(table.to_pylist(), files, strict=True):
        assert (row["path"], row["model_sha256"]) == (str(file), scorer.predictor.sha256)
        try:
            prediction = scorer.predictor.predict(file)
        except ImageError:
            assert file.name == "0333.png"
            assert (row["digit"], row["confidence"], row["rejection"]) == (None, None, None)
            assert row["plausibility"] is None
            assert row["error"].startswith("the data is in none of the formats")
            continue
        rejection = prediction.rejection
        assert (row["digit"], row["confidence"], row["error"]) == (prediction.digit, prediction.confidence, None)
        assert row["plausibility"] == prediction.plausibility
        assert row["rejection"] == (rejection and rejection.reason.label)
    content = path.read_bytes()
    scorer.score(1)
    assert path.read_bytes() == content


def test_a_host_with_another_version_is_refused(pictures: Path, tmp_path: Path) -> None:
    scorer = scorer_for(pictures, open_place(str(tmp_path)), version="0.0.1")
    with pytest.raises(ScoringError, match=rf"has mnist-edge {__version__}, but the plan was made by 0\.0\.1"):
        scorer.score(0)


def test_a_scorer_can_be_sent_to_another_process(pictures: Path, tmp_path: Path) -> None:
    scorer = pickle.loads(pickle.dumps(scorer_for(pictures, open_place(str(tmp_path)))))  # noqa: S301 (pickled here)
    assert scorer.score(1) == 600
