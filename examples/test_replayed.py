import json
from pathlib import Path

from first_worker import charge

from conductor.testing import run_worker


def test_the_order_that_failed_on_monday() -> None:
    case = json.loads(Path(__file__).with_name("case.json").read_text())
    assert run_worker(charge, **case).output_data == {"receipt": "A7: 9.90 EUR"}
