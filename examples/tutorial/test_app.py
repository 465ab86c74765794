"""Each worker function alone, without a server."""

from app import charge_card, price_order

from conductor.testing import run_worker


def test_an_order_has_a_price() -> None:
    result = run_worker(price_order, {"quantity": 3, "unit_price": "1.20"})
    assert result.output_data == {"total": "3.60"}


def test_the_second_try_charges_the_card() -> None:
    assert run_worker(charge_card, {"total": "3.60"}).status == "FAILED"
    second = run_worker(charge_card, {"total": "3.60"}, retry_count=1)
    assert second.output_data == {"receipt": "paid 3.60 EUR"}
