"""Scoring one block: the rows of its file. Needs no Ray."""

import pickle  # noqa: TID251 (Ray pickles what it sends)
from pathlib import Path

import pytest
from pyarrow import parquet

from mnist_edge import __version__
from mnist_edge.errors import ScoringError
from mnist_edge.scoring.blocks import SCHEMA, Job, score_block
from mnist_edge.scoring.plan import Settings, make_plan
from mnist_edge.scoring.sources import Place, open_place, open_source
from runtime import ImageError, Predictor


def job_for(pictures: Path, out: Place, version: str = __version__) -> Job:
    source, predictor = open_source(str(pictures), None), Predictor("v1")
    settings = Settings(str(source), None, predictor.sha256, version, 1_400)
    return Job(predictor, source, out, make_plan(settings, source, out))


def test_a_block_has_a_row_for_each_picture(pictures: Path, tmp_path: Path) -> None:
    job = job_for(pictures, open_place(str(tmp_path)))
    assert [score_block(job, 0), score_block(job, 1)] == [1_400, 600]
    path = tmp_path / job.plan.file_of(1)
    table = parquet.read_table(path)
    assert table.schema.equals(SCHEMA)
    files = sorted(pictures.rglob("*.png"))[1_400:]
    for row, file in zip(table.to_pylist(), files, strict=True):
        assert (row["path"], row["model_sha256"]) == (str(file), job.predictor.sha256)
        try:
            prediction = job.predictor.predict(file)
        except ImageError:
            assert file.name == "0333.png"
            assert (row["digit"], row["confidence"], row["rejection"]) == (None, None, None)
            assert row["error"].startswith("the data is in none of the formats")
            continue
        rejection = prediction.rejection
        assert (row["digit"], row["confidence"], row["error"]) == (prediction.digit, prediction.confidence, None)
        assert row["rejection"] == (rejection and rejection.reason.label)
    content = path.read_bytes()
    score_block(job, 1)
    assert path.read_bytes() == content


def test_a_host_with_another_version_is_refused(pictures: Path, tmp_path: Path) -> None:
    job = job_for(pictures, open_place(str(tmp_path)), version="0.0.1")
    with pytest.raises(ScoringError, match=rf"has mnist-edge {__version__}, but the plan was made by 0\.0\.1"):
        score_block(job, 0)


def test_a_job_can_be_sent_to_another_process(pictures: Path, tmp_path: Path) -> None:
    job = pickle.loads(pickle.dumps(job_for(pictures, open_place(str(tmp_path)))))  # noqa: S301 (pickled here)
    assert score_block(job, 1) == 600
