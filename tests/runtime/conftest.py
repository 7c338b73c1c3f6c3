"""What several tests of the predictor use."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def model_folder(artifacts: Path, tmp_path: Path) -> Path:
    """A copy of v2's folder, which a test may damage."""
    return Path(shutil.copytree(artifacts / "v2", tmp_path / "v2"))
